"""What the events of customers and their line items hold, in the API's description.

Once a customer is deleted, the earlier events of it and its line items have lost their values: of an object only what names
it is left, of a line item its customer too. So only that is required.
"""

from crm.api.components import RULES
from crm.api.line_item_components import CUSTOMER_ID, example_id, rules_of
from crm.line_items import LINE_ITEMS, PARENT, LineItem
from crm.models import Customer
from crm.representation import CUSTOMER_NAMES
from overplane.api.events.descriptions import event_schema
from overplane.api.schemas import COMPONENTS, TEXT, Schema, closed_object, output_schema, ref

OLD_VALUES = "The old values of what was changed; nothing else."
CUSTOMER = output_schema(Customer, CUSTOMER_NAMES, rules=RULES)["properties"]
# What every event of a line item says, also when it has lost its values.
NAMES_ITEM = ["id", PARENT]
GONE: Schema = {"type": "boolean", "description": "`true`, unless the event has lost its values.", "examples": [True]}


def _changeable(properties: dict[str, Schema]) -> Schema:
    rest = {name: one for name, one in properties.items() if name not in ("id", "created_at", "updated_at")}
    return closed_object(rest, required=[], description=OLD_VALUES)


def _describe(kind: LineItem) -> None:
    item = output_schema(kind.model, kind.output_names, rules=rules_of(kind))["properties"]
    ids: Schema = {"type": "array", "items": TEXT | {"examples": [example_id(kind)]}}
    name = kind.schema
    COMPONENTS.update(
        {
            f"{name}Changes": _changeable(item),
            f"{name}InEvent": closed_object(
                item, required=NAMES_ITEM, description="A line item as it stood after the change."
            ),
            f"Deleted{name}InEvent": closed_object(
                {"id": item["id"], PARENT: item[PARENT], "deleted": GONE},
                required=NAMES_ITEM,
                description="What names a deleted line item.",
            ),
            f"{name}OrderInEvent": _order(item[PARENT], ids | {"description": "The line items in their new order."}),
        }
    )
    event_schema(kind.created, "a line item", ref(f"{name}InEvent"))
    event_schema(kind.updated, "a line item", ref(f"{name}InEvent"), ref(f"{name}Changes"))
    event_schema(kind.deleted, "a line item", ref(f"Deleted{name}InEvent"), ref(f"{name}Changes"))
    old_order = {"ordered_ids": ids | {"description": "The line items in their old order."}}
    old = closed_object(old_order, required=[], description=OLD_VALUES)
    event_schema(kind.reordered, "the list of a customer's line items", ref(f"{name}OrderInEvent"), old)


def _order(parent: Schema, order: Schema) -> Schema:
    customer = TEXT | {"description": "The customer, where the event has lost its values.", "examples": [CUSTOMER_ID]}
    properties = {
        "id": customer,
        "parent_id": parent | {"description": "The customer once more: an older name of `customer_id`."},
        PARENT: parent | {"description": "The customer whose line items they are."},
        "ordered_ids": order,
    }
    return closed_object(properties, required=[PARENT], description="The order of a customer's line items.")


COMPONENTS["CustomerChanges"] = _changeable(CUSTOMER)
event_schema("customer.created", "a customer", ref("Customer"))
event_schema("customer.updated", "a customer", ref("Customer"), ref("CustomerChanges"))
event_schema("customer.deleted", "a customer", ref("DeletedCustomer"))
into = TEXT | {
    "description": "The customer that it is part of, unless the event has lost its values.",
    "examples": [CUSTOMER_ID],
}
COMPONENTS["MergedCustomer"] = closed_object(
    {"id": CUSTOMER["id"], "merged_into": into},
    required=["id"],
    description="A customer that became part of another one.",
)
event_schema("customer.merged", "a customer", ref("MergedCustomer"))
event_schema("customer.unmerged", "a customer", ref("Customer"))
for _kind in LINE_ITEMS:
    _describe(_kind)
