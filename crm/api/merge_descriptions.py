"""The routes of merging in the API's description."""

from collections.abc import Callable

from drf_spectacular.utils import extend_schema_view

from crm.api.components import COMPONENTS, RULES, SORTED_IGNORED
from crm.api.descriptions import TAG_CUSTOMER
from crm.api.line_item_components import CUSTOMER_ID, STORABLE_TEXT
from crm.api.merge_bodies import MOST_RESTORED
from crm.line_items import LINE_ITEMS
from crm.merging import MOST
from crm.models import Customer
from overplane.api.openapi import BODIES, ETAG, IDEMPOTENCY_KEY, IF_MATCH, WRITES, object_id, operation
from overplane.api.schemas import TEXT, Schema, closed_object, input_schema, ref

OTHER_ID = "customer_abc456"
ROW = f"{LINE_ITEMS[0].name}[{LINE_ITEMS[0].id_prefix}_abc123].{LINE_ITEMS[0].names[0]}"


def _ids(most: int, description: str) -> Schema:
    item = STORABLE_TEXT | {"examples": [OTHER_ID]}
    return {"type": "array", "minItems": 1, "maxItems": most, "items": item, "description": description}


def _merge() -> Schema:
    return closed_object(
        {
            "from": _ids(MOST - 1, "The customers that become part of this one, by their ids."),
            "values": ref("CustomerValues")
            | {"description": "What this customer takes of them, or gets otherwise. All else stays its own."},
        },
        required=["from"],
        description="Which customers become part of this one, and the values that it takes.",
        examples=[{"from": [OTHER_ID], "values": {"tax_id": "tax_id_example"}}],
    )


def _unmerged() -> Schema:
    """The survivor in one schema with what came of it: of an object in an object some generators make nothing."""
    customer = COMPONENTS["Customer"]
    restored: Schema = {
        "type": "array",
        "items": ref("Customer"),
        "description": "The customers that are back, as they were.",
    }
    not_reverted: Schema = {
        "type": "array",
        "items": TEXT | {"examples": ["tax_id"]},
        "description": "What was changed since the merge and so stays as it is: attributes of this customer, and of rows by path"
        f" (`{ROW}`; without an attribute where the row was deleted).",
    }
    sample = customer["examples"][0]
    return customer | {
        "properties": customer["properties"] | {"restored": restored, "kept": not_reverted},
        "required": [*customer["required"], "restored", "kept"],
        "description": "The customer as it is without those that were given back.",
        "examples": [sample | {"restored": [sample | {"id": OTHER_ID}], "kept": ["tax_id"]}],
    }


COMPONENTS |= {
    "CustomerMerge": _merge(),
    "CustomerValues": input_schema(Customer, rules=RULES, partial=True, ignored=SORTED_IGNORED)
    | {"description": "Attributes of a customer, without its rows."},
    "CustomerUnmerge": closed_object(
        {"restore": _ids(MOST_RESTORED, "The customers that return, by their ids.")},
        description="Which customers return from this one.",
        examples=[{"restore": [OTHER_ID]}],
    ),
    "UnmergedCustomer": _unmerged(),
}
PARAMETERS = [object_id(CUSTOMER_ID), IDEMPOTENCY_KEY, IF_MATCH]


def describe_merge() -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            "mergeCustomers", "Merge customers into one",
            "This customer stays and gets their rows, after its own. The others are no longer listed, found or changed: their ids are answered with 404"
            " `resource_merged`, and `merged_into` names this customer. They are kept, so that it can be taken back.",
            tag=TAG_CUSTOMER, answer=ref("Customer"), answered="The customer as the merge leaves it.", body=ref("CustomerMerge"),
            parameters=PARAMETERS, errors=[404, 412, *WRITES, *BODIES], headers=[ETAG],
        )
    )  # fmt: skip


def describe_unmerge() -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            "unmergeCustomers", "Take back a merge",
            "Customers that were merged into this one return with their ids, values and rows; this one gets back what it had. What was changed since"
            " stays, and `kept` names it. Possible for 30 days (or what this service has set), and as long as this customer is there.",
            tag=TAG_CUSTOMER, answer=ref("UnmergedCustomer"), answered="This customer, those that are back, and what stays changed.", body=ref("CustomerUnmerge"),
            parameters=PARAMETERS, errors=[404, 410, 412, *WRITES, *BODIES], headers=[ETAG],
        )
    )  # fmt: skip
