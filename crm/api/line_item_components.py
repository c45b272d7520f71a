"""The objects of line items in the API's description, the same for every kind. Attributes come off the model by themselves."""

from crm import rules
from crm.api.meanings import SAME_FOR_ALL, words_of
from crm.line_items import PARENT, POSITION, LineItem
from overplane.api.schemas import (
    STORABLE,
    TEXT,
    Schema,
    deleted_schema,
    example_of,
    input_schema,
    one_of_two,
    output_schema,
    page_schema,
)
from overplane.api.serializers import IGNORED

CUSTOMER_ID = "customer_abc123"
STORABLE_TEXT = TEXT | {"pattern": STORABLE}
SORTED_IGNORED = sorted(IGNORED)
# The rules of crm.rules in the words of JSON Schema, and examples where the attribute's name makes none; by the kind's name.
RULES: dict[str, dict[str, Schema]] = {"supplier_numbers": {"company": {"examples": ["Example Corp"]}}}


def with_meanings(rules: dict[str, Schema], meanings: dict[str, str]) -> dict[str, Schema]:
    """What the attributes may be, and what they are for."""
    texts = {name: {"description": text} for name, text in meanings.items()}
    return {name: texts.get(name, {}) | rules.get(name, {}) for name in meanings | rules}


def example_id(kind: LineItem) -> str:
    return f"{kind.id_prefix}_abc123"


def in_customer_schema(kind: LineItem) -> str:
    """The name of a line item that is sent inside its customer."""
    return f"{kind.schema.removesuffix('AtCustomer')}InCustomer"


def rules_of(kind: LineItem) -> dict[str, Schema]:
    """What the attributes may be, in the words of JSON Schema."""
    schemas: dict[str, Schema] = {
        "id": {"examples": [example_id(kind)]},
        PARENT: {"examples": [CUSTOMER_ID]},
        POSITION: {"minimum": 1},
    }
    schemas |= {name: {"enum": list(choices)} for name, choices in rules.LINE_ITEM_CHOICES.get(kind.name, {}).items()}
    schemas |= {name: schemas.get(name, {}) | more for name, more in RULES.get(kind.name, {}).items()}
    return with_meanings(schemas, SAME_FOR_ALL | words_of(kind).meanings)


def _parent(kind: LineItem) -> Schema:
    return {"type": "string", "minLength": 1, "pattern": STORABLE} | rules_of(kind)[PARENT]


def _input(kind: LineItem, *, new: bool) -> Schema:
    schema = input_schema(kind.model, rules=rules_of(kind), partial=not new, ignored=SORTED_IGNORED)
    parent = _parent(kind)
    schema["properties"] |= {
        PARENT: parent,
        "parent_id": parent | {"description": "Another name of `customer_id`; one of the two is enough."},
    }
    if new:
        schema |= one_of_two(PARENT, "parent_id")
        schema["examples"] = [{PARENT: CUSTOMER_ID} | example_texts(kind)]
    return schema | {"description": NEW_TEXT if new else CHANGED_TEXT}


NEW_TEXT = "A line item that is to be created: whose it is, where it is to stand, and its values."
CHANGED_TEXT = "What is to be changed of a line item. What is not sent stays as it is."


def example_texts(kind: LineItem) -> dict[str, str]:
    """What a new line item may hold."""
    known = rules_of(kind)
    return {name: example_of({"type": "string"} | known.get(name, {}), name) for name in _texts(kind)}


def _texts(kind: LineItem) -> list[str]:
    return [name for name, attribute in kind.attributes.items() if attribute.kind == "string"]


def _in_customer(kind: LineItem) -> Schema:
    """As it is sent with its customer, where its place in the list is its position."""
    schema = input_schema(kind.model, rules=rules_of(kind), partial=True, ignored=[POSITION, PARENT])
    text = "Which line item it is. A line item without an id is new; on creating a customer all are."
    schema["properties"] = {"id": STORABLE_TEXT | {"description": text}} | schema["properties"]
    return schema | {"description": "A line item of the customer that is sent."}


def _order(kind: LineItem) -> Schema:
    parent, item_id = _parent(kind), example_id(kind)
    return {
        "type": "object",
        "properties": {
            "parent_id": parent | {"description": "The customer whose line items they are."},
            PARENT: parent | {"description": "Another name of `parent_id`; one of the two is enough."},
            "ordered_ids": {
                "type": "array",
                "items": STORABLE_TEXT | {"examples": [item_id]},
                "description": "Every line item of the customer once, in the new order.",
            },
        },
        "required": ["ordered_ids"],
        **one_of_two("parent_id", PARENT),
        "additionalProperties": False,
        "description": "The order in which the line items of one customer are to stand.",
        "examples": [{"parent_id": CUSTOMER_ID, "ordered_ids": [item_id]}],
    }


def components(kind: LineItem) -> dict[str, Schema]:
    schema, of = kind.schema, rules_of(kind)
    return {
        in_customer_schema(kind): _in_customer(kind),
        schema: output_schema(kind.model, kind.output_names, rules=of, description=words_of(kind).text),
        f"{schema}Create": _input(kind, new=True),
        f"{schema}Update": _input(kind, new=False),
        f"{schema}Page": page_schema(schema, "Line items of one customer, by `idx`."),
        f"{schema}Order": _order(kind),
        f"Deleted{schema}": deleted_schema("What is left of a deleted line item.", id=TEXT | of["id"]),
    }
