"""The objects of customers and their rows in the API's description. Attributes come off the models by themselves."""

from crm import rules
from crm.batches import MATCHABLE
from crm.models import Customer, SupplierNumberAtCustomer
from crm.representation import CUSTOMER_NAMES, SUPPLIER_NUMBER_NAMES
from crm.serializers import MAX_OPERATIONS
from overplane.api.schemas import (
    COMPONENTS,
    FORBIDDEN,
    STORABLE,
    TEXT,
    Schema,
    closed_object,
    deleted_schema,
    input_schema,
    output_schema,
    page_schema,
    ref,
)
from overplane.api.serializers import IGNORED

# What leaves nothing on paper, as far as patterns can say it (see overplane.database.text).
INVISIBLE = (
    r"\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164"
    r"\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB"
)
BLANKS = rf"[^\S{FORBIDDEN}]*"
CUSTOMER_ID, ROW_ID = "customer_abc123", "supplier-number-at-customer_abc123"
# The rules of crm.rules in the words of JSON Schema, and examples where the attribute's name makes none.
RULES: dict[str, Schema] = {
    "id": {"description": "Unique identifier of the object.", "examples": [CUSTOMER_ID]},
    "customer_name": {"pattern": f"^[^{FORBIDDEN}]*[^\\s{INVISIBLE}{FORBIDDEN}][^{FORBIDDEN}]*$"},
    "customer_type": {"enum": list(rules.CUSTOMER_TYPES)},
    "email_id": {
        "pattern": f"^{BLANKS}([^@\\s{FORBIDDEN}]+@[^@\\s{FORBIDDEN}]+)?{BLANKS}$",
        "examples": ["user@example.com"],
    },
    "default_currency": {"pattern": f"^{BLANKS}([A-Z]{{3}})?{BLANKS}$", "examples": ["USD"]},
    "represents_company": {"examples": ["Example Corp"]},
    "default_commission_rate": {"examples": [0]},
}
ROW_RULES: dict[str, Schema] = {
    "id": {"description": "Unique identifier of the row.", "examples": [ROW_ID]},
    "customer_id": {"description": "The customer that the row belongs to.", "examples": [CUSTOMER_ID]},
    "company": {"examples": ["Example Corp"]},
    "idx": {"minimum": 1, "description": "From 1, without a gap."},
}
PARENT: Schema = {"type": "string", "minLength": 1, "pattern": STORABLE} | ROW_RULES["customer_id"]
SORTED_IGNORED = sorted(IGNORED)


def _one_of(name: str, other: str) -> Schema:
    """At least one of two attributes is required. (Client generators take `anyOf` for a union of types.)"""
    return {"if": {"not": {"required": [other]}}, "then": {"required": [name]}}


def _row_input(*, new: bool) -> Schema:
    schema = input_schema(SupplierNumberAtCustomer, rules=ROW_RULES, partial=True, ignored=SORTED_IGNORED)
    schema["properties"] |= {
        "customer_id": PARENT,
        "parent_id": PARENT | {"description": "Another name of `customer_id`."},
    }
    if new:
        schema |= _one_of("customer_id", "parent_id")
        schema["examples"] = [
            {"customer_id": CUSTOMER_ID, "company": "Example Corp", "supplier_number": "supplier_number_example"}
        ]
    return schema


STORABLE_TEXT = TEXT | {"pattern": STORABLE}
BATCHED: dict[str, dict[str, Schema]] = {
    "create": {"data": ref("CustomerCreate")},
    "update": {"id": STORABLE_TEXT, "data": ref("CustomerUpdate")},
    "delete": {"id": STORABLE_TEXT},
    "upsert": {
        "match_on": TEXT | {"enum": list(MATCHABLE), "description": "The attribute of `data` to find the customer by."},
        "data": ref("CustomerUpdate"),
    },
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


def _customer_properties() -> dict[str, Schema]:
    return output_schema(Customer, CUSTOMER_NAMES, rules=RULES)["properties"]


ROWS: dict[str, Schema] = {"supplier_numbers": {"type": "array", "items": ref("SupplierNumberAtCustomer")}}
CUSTOMER_TEXT = "An attribute without a value is `null`."
COMPONENTS |= {
    "Customer": output_schema(Customer, CUSTOMER_NAMES, rules=RULES, description=CUSTOMER_TEXT),
    "CustomerCreate": input_schema(Customer, rules=RULES, partial=False, ignored=SORTED_IGNORED),
    "CustomerUpdate": input_schema(Customer, rules=RULES, partial=True, ignored=SORTED_IGNORED),
    "CustomerPage": page_schema("Customer"),
    "CustomerWithRows": closed_object(
        _customer_properties() | ROWS, description="A customer with its rows, if `expand[]` asks for them."
    ),
    "CustomerWithRowsPage": page_schema("CustomerWithRows"),
    "CustomerPart": {
        "type": "object",
        "description": "A customer narrowed by `fields`.",
        "properties": _customer_properties() | ROWS,
        "required": ["id"],
        "additionalProperties": False,
    },
    "CustomerPartPage": page_schema("CustomerPart"),
    "SupplierNumberAtCustomer": output_schema(
        SupplierNumberAtCustomer, SUPPLIER_NUMBER_NAMES, rules=ROW_RULES, description="A row of a customer."
    ),
    "SupplierNumberAtCustomerCreate": _row_input(new=True),
    "SupplierNumberAtCustomerUpdate": _row_input(new=False),
    "SupplierNumberAtCustomerPage": page_schema("SupplierNumberAtCustomer"),
    "SupplierNumberAtCustomerOrder": {
        "type": "object",
        "properties": {
            "parent_id": PARENT | {"description": "The customer whose rows they are."},
            "customer_id": PARENT | {"description": "Another name of `parent_id`."},
            "ordered_ids": {
                "type": "array",
                "items": STORABLE_TEXT | {"examples": [ROW_ID]},
                "description": "Every row of the customer once, in the new order.",
            },
        },
        "required": ["ordered_ids"],
        **_one_of("parent_id", "customer_id"),
        "additionalProperties": False,
        "examples": [{"parent_id": CUSTOMER_ID, "ordered_ids": [ROW_ID]}],
    },
    "DeletedCustomer": deleted_schema(CUSTOMER_ID),
    "DeletedSupplierNumberAtCustomer": deleted_schema(ROW_ID),
    **{f"Batch{op.title()}": closed_object({"op": TEXT | {"const": op}} | rest) for op, rest in BATCHED.items()},
    "Batch": {
        "type": "object",
        "properties": {
            "operations": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_OPERATIONS,
                "items": {"oneOf": [ref(f"Batch{op.title()}") for op in BATCHED]},
                "description": f"Up to {MAX_OPERATIONS:,}: `op` is {', '.join(f'`{op}`' for op in BATCHED)}.",
            },
            "atomic": {"type": "boolean", "default": True, "description": "All or nothing?"},
        },
        "required": ["operations"],
        "additionalProperties": False,
        "examples": [BATCH_EXAMPLE],
    },
    "BatchOutcome": {
        "type": "object",
        "properties": {
            "index": {"type": "integer", "minimum": 0, "description": "Which operation."},
            "status": {
                "type": "integer",
                "enum": [201, 200, 400, 404],
                "description": "What it alone would be answered.",
            },
            "object": {
                "anyOf": [ref("Customer"), ref("DeletedCustomer")],
                "description": "The customer as it is now, or that it is deleted.",
            },
            "error": ref("ErrorDetails") | {"description": "What is wrong, as in an answer of its own."},
        },
        "required": ["index", "status"],
        **_one_of("object", "error"),
        "additionalProperties": False,
        "examples": [{"index": 0, "status": 200, "object": {"id": CUSTOMER_ID, "deleted": True}}],
    },
    "BatchAnswer": closed_object({"data": {"type": "array", "items": ref("BatchOutcome")}}),
}
