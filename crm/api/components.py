"""The objects of customers in the API's description. Attributes come off the models by themselves."""

from crm import rules
from crm.api import line_item_components
from crm.api.line_item_components import CUSTOMER_ID, STORABLE_TEXT, in_customer_schema, with_meanings
from crm.api.meanings import MEANINGS
from crm.api.serializers import MAX_LINE_ITEMS, MAX_OPERATIONS
from crm.batches import MATCHABLE
from crm.line_items import LINE_ITEMS
from crm.models import Customer
from crm.representation import CUSTOMER_NAMES
from overplane.api.schemas import (
    COMPONENTS,
    FORBIDDEN,
    TEXT,
    Schema,
    closed_object,
    deleted_schema,
    example_of,
    input_schema,
    one_of_two,
    output_schema,
    page_schema,
    ref,
    tagged_union,
)
from overplane.api.serializers import IGNORED

# Invisible characters, as far as patterns can name them (see overplane.database.text).
INVISIBLE = (
    r"\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164"
    r"\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB"
)
BLANKS = rf"[^\S{FORBIDDEN}]*"
# The rules of crm.rules in the words of JSON Schema, and examples where the attribute's name makes none.
RULES: dict[str, Schema] = {
    "id": {"examples": [CUSTOMER_ID]},
    "customer_name": {"pattern": f"^[^{FORBIDDEN}]*[^\\s{INVISIBLE}{FORBIDDEN}][^{FORBIDDEN}]*$"},
    **{name: {"enum": list(choices)} for name, choices in rules.CHOICES.items()},
    "email_id": {
        "pattern": f"^{BLANKS}([^@\\s{FORBIDDEN}]+@[^@\\s{FORBIDDEN}]+)?{BLANKS}$",
        "examples": ["user@example.com"],
    },
    "default_currency": {"pattern": f"^{BLANKS}([A-Z]{{3}})?{BLANKS}$", "examples": ["USD"]},
    "represents_company": {"examples": ["Example Corp"]},
    "default_commission_rate": {"examples": [0]},
}
RULES = with_meanings(RULES, MEANINGS)
SORTED_IGNORED = sorted(IGNORED)


def _customer_input(*, partial: bool) -> Schema:
    schema = input_schema(Customer, rules=RULES, partial=partial, ignored=SORTED_IGNORED)
    for kind in LINE_ITEMS:
        schema["properties"][kind.name] = {
            "type": "array",
            "maxItems": MAX_LINE_ITEMS,
            "items": ref(in_customer_schema(kind)),
            "description": "All line items of the customer, in order. Line items with an id are kept, changed and moved, those without are new,"
            " absent ones are deleted. Not given: line items stay as they are.",
        }
    return schema | {"description": CHANGED_TEXT if partial else NEW_TEXT}


NEW_TEXT = "A customer that is to be created: its name, and what else is known of it."
CHANGED_TEXT = "What is to be changed of a customer. What is not sent stays as it is."
SUBJECT: Schema = STORABLE_TEXT | {"description": "Which customer, by its identifier."}
CONDITION: Schema = TEXT | {
    "pattern": r'^(\*|(W/)?"[0-9]{1,9}")$',
    "description": "The `etag` that the customer must have, as `If-Match` says it for one; else 412 in its place.",
    "examples": ['"3"'],
}
BATCHED: dict[str, dict[str, Schema]] = {
    "create": {"data": ref("CustomerCreate")},
    "retrieve": {"id": SUBJECT},
    "update": {"id": SUBJECT, "if_match": CONDITION, "data": ref("CustomerUpdate")},
    "delete": {"id": SUBJECT, "if_match": CONDITION},
    "upsert": {
        "match_on": TEXT | {"enum": list(MATCHABLE), "description": "The attribute of `data` to find the customer by."},
        "if_match": CONDITION,
        "data": ref("CustomerUpdate"),
    },
}
OPERATIONS = {
    "create": "Creates a customer with the values of `data`.",
    "retrieve": "Answers the customer with this `id` as it is at this place of the batch.",
    "update": "Sets the values of `data` in the customer with this `id`; all others stay as they are.",
    "delete": "Deletes the customer with this `id` and its line items for good.",
    "upsert": "Updates the one customer that has the value of `match_on` in `data`, or creates it. If nobody has it but a customer had that was merged, the one that it is part of now is updated in all but that value, with a warning.",
}
BATCH_EXAMPLE = {
    "operations": [
        {"op": "create", "data": {"customer_name": "customer_name_example"}},
        {"op": "update", "id": CUSTOMER_ID, "data": {"gender": "gender_example"}},
        {
            "op": "upsert",
            "match_on": "tax_id",
            "data": {"tax_id": "tax_id_example", "customer_name": "customer_name_example"},
        },
    ],
    "atomic": True,
}


def _operation(op: str, rest: dict[str, Schema]) -> Schema:
    """One kind of operation; all of it but a condition is required."""
    properties = {"op": TEXT | {"const": op, "description": OPERATIONS[op]}} | rest
    required = [name for name in properties if name != "if_match"]
    return closed_object(properties, required=required, description=f"One operation of a batch. {OPERATIONS[op]}")


def _customer() -> Schema:
    """The one description of a customer in answers: always true, without alternatives.

    A schema cannot depend on the query. `fields` leaves attributes out, `expand[]` adds the line items, and the events of a
    deleted customer keep its id alone, so only `id` is required. (Saying that all are makes generated clients raise on
    `fields`; alternatives make others raise always. Google's and Microsoft's APIs, which can leave out fields too, do the same.)
    """
    schema = output_schema(Customer, CUSTOMER_NAMES, rules=RULES, required=["id"])
    sample = {name: example_of(one, name) for name, one in schema["properties"].items()}
    for kind in LINE_ITEMS:
        schema["properties"][kind.name] = {
            "type": "array",
            "items": ref(kind.schema),
            "description": f"The customer's line items by `idx`, where `expand[]={kind.name}` asks for them or they were sent.",
        }
    return schema | {"description": CUSTOMER_TEXT, "examples": [sample]}


def _customer_in_batch(customer: Schema) -> Schema:
    """What became of a customer, deleted or not, in one schema: of two alternatives clients would have to guess which it is."""
    deleted: Schema = {
        "type": "boolean",
        "description": "`true` where the operation has deleted the customer: then only `id` is beside it.",
        "examples": [True],
    }
    text = "The customer as the operation leaves it; of a deleted one only what names it."
    example = {"id": CUSTOMER_ID, "deleted": True}
    properties = customer["properties"] | {"deleted": deleted}
    return customer | {"properties": properties, "description": text, "examples": [example]}


CUSTOMER_TEXT = (
    "A company or person you sell to. All attributes come every time, unless `fields` narrows them; one without a value"
    " is `null`."
)
for _kind in LINE_ITEMS:
    COMPONENTS |= line_item_components.components(_kind)
COMPONENTS["Customer"] = _customer()
COMPONENTS |= {
    "CustomerInBatch": _customer_in_batch(COMPONENTS["Customer"]),
    "CustomerCreate": _customer_input(partial=False),
    "CustomerUpdate": _customer_input(partial=True),
    "CustomerPage": page_schema("Customer", "A page of the list of customers."),
    "DeletedCustomer": deleted_schema("What is left of a deleted customer.", id=TEXT | RULES["id"]),
    **{f"Batch{op.title()}": _operation(op, rest) for op, rest in BATCHED.items()},
    "BatchOperation": tagged_union(
        "op", {op: f"Batch{op.title()}" for op in BATCHED}, description="One operation of a batch: `op` says which."
    ),
    "Batch": {
        "type": "object",
        "properties": {
            "operations": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_OPERATIONS,
                "items": ref("BatchOperation"),
                "description": f"Up to {MAX_OPERATIONS:,}: `op` is {', '.join(f'`{op}`' for op in BATCHED)}.",
            },
            "atomic": {
                "type": "boolean",
                "description": "Whether all operations are done or none. `true` unless given; with `false` those that can be.",
            },
        },
        "required": ["operations"],
        "additionalProperties": False,
        "description": "Operations on customers that are done in their order, in one transaction.",
        "examples": [BATCH_EXAMPLE],
    },
    "BatchOutcome": {
        "type": "object",
        "properties": {
            "index": {
                "type": "integer",
                "minimum": 0,
                "description": "Which operation it is the outcome of, counted from 0.",
            },
            "status": {
                "type": "integer",
                "enum": [201, 200, 400, 404, 412],
                "description": "The status that the operation alone would be answered with.",
            },
            "etag": TEXT | {"description": "The version of the customer that is shown.", "examples": ['"3"']},
            "warnings": {
                "type": "array",
                "items": TEXT,
                "description": "That an upsert's value was a merged customer's, so that the one that it is part of now was changed.",
            },
            "object": ref("CustomerInBatch"),
            "error": ref("ErrorDetails")
            | {"description": "What is wrong with the operation, as in an answer of its own."},
        },
        "required": ["index", "status"],
        **one_of_two("object", "error"),
        "additionalProperties": False,
        "description": "What became of one operation: its `object`, or the `error` for which it was not done.",
        "examples": [{"index": 0, "status": 200, "object": {"id": CUSTOMER_ID, "deleted": True}}],
    },
    "BatchAnswer": closed_object(
        {
            "data": {
                "type": "array",
                "items": ref("BatchOutcome"),
                "description": "One outcome for each operation, in order.",
            }
        },
        description="What became of all operations of a batch.",
    ),
}
