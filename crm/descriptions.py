"""Customers and their rows in the API's description. Attributes come off the models by themselves."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema_view

from crm import rules
from crm.batches import MATCHABLE
from crm.filters import CUSTOMER_FILTERS, SUPPLIER_NUMBER_FILTERS
from crm.models import Customer, SupplierNumberAtCustomer
from crm.representation import CUSTOMER_NAMES, SUPPLIER_NUMBER_NAMES
from crm.search import MAX_LENGTH
from crm.serializers import MAX_OPERATIONS
from overplane.api.filtering import ExactFilter, InFilter
from overplane.api.openapi import (
    BODIES,
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    LINK,
    LOCATION,
    TAGS,
    WRITES,
    object_id,
    operation,
    query,
    several,
    words,
)
from overplane.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from overplane.api.schemas import (
    COMPONENTS,
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

CUSTOMER_ID, ROW_ID = "customer_abc123", "supplier-number-at-customer_abc123"
# The rules of crm.rules in the words of JSON Schema, and examples where the attribute's name makes none.
RULES: dict[str, Schema] = {
    "id": {"description": "Unique identifier of the object.", "examples": [CUSTOMER_ID]},
    "customer_name": {"pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"},
    "customer_type": {"enum": list(rules.CUSTOMER_TYPES)},
    "email_id": {"pattern": r"^\s*([^@\s\u0000]+@[^@\s\u0000]+)?\s*$", "examples": ["user@example.com"]},
    "default_currency": {"pattern": r"^\s*([A-Z]{3})?\s*$", "examples": ["USD"]},
    "represents_company": {"examples": ["Example Corp"]},
    "default_commission_rate": {"minimum": 0, "maximum": 100, "examples": [0]},
}
ROW_RULES: dict[str, Schema] = {
    "id": {"description": "Unique identifier of the row.", "examples": [ROW_ID]},
    "customer_id": {"description": "The customer that the row belongs to.", "examples": [CUSTOMER_ID]},
    "company": {"examples": ["Example Corp"]},
    "idx": {"minimum": 1, "description": "From 1, without a gap."},
}
TAG_CUSTOMER, TAG_ROW = "Customers", "Supplier numbers at customer"
TAGS |= {
    TAG_CUSTOMER: "The companies and people you sell to.",
    TAG_ROW: "The numbers under which a customer's companies know you as a supplier: rows that belong to a customer, in an"
    " order of their own.",
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
NUMBER, WHOLE_NUMBER = r"-?[0-9]{1,18}(\.[0-9]{1,9})?", "[0-9]{1,9}"
INSTANT = "[0-9]{3}[1-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
LISTED = {
    "boolean": "(true|false)",
    "number": NUMBER,
    "integer": WHOLE_NUMBER,
    "timestamp": INSTANT,
    "string": r"[^,\u0000]+",
}
KINDS: dict[str, Schema] = {
    "string": TEXT | {"minLength": 1},
    "boolean": {"type": "boolean"},
    "number": {"type": "number"},
    "integer": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "timestamp": {"type": "string", "format": "date-time"},
}


def _filters(table: dict[str, ExactFilter]) -> list[OpenApiParameter]:
    return [
        several(name, LISTED[one.kind], one.label)
        if isinstance(one, InFilter)
        else query(name, KINDS[one.kind], one.label)
        for name, one in table.items()
    ]


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
# The richest first: clients take the first that fits, and most ignore attributes that they do not know.
SHAPES = ("CustomerWithRows", "Customer", "CustomerPart")
ANY_CUSTOMER: Schema = {"anyOf": [ref(name) for name in SHAPES]}
ANY_PAGE: Schema = {"anyOf": [ref(f"{name}Page") for name in SHAPES]}
LINES: Schema = TEXT | {
    "examples": [f'{{"id": "{CUSTOMER_ID}", …}}\n{{"end": true, "count": 1, "next_cursor": "…"}}\n'],
}
WHICH = [
    query("offset", {"type": "integer", "minimum": 0}, "Number of objects to skip; 0 unless given. Not together with a cursor."),
    query("starting_after", TEXT, "An id: the page begins after it. A walk by it sees each object once, whatever is added or deleted meanwhile."),
    query("ending_before", TEXT, "An id: the page ends before it."),
]  # fmt: skip
SHAPE = [
    query(
        "expand[]",
        {"type": "array", "items": {"type": "string", "enum": ["supplier_numbers"]}},
        "`supplier_numbers` adds each customer's rows.",
    ),
    words("fields", CUSTOMER_NAMES, "A comma-separated choice of attributes; `id` always comes."),
]
Q = query(
    "q",
    TEXT | {"maxLength": MAX_LENGTH},
    "Words that must all be found in name, e-mail, phone, tax id, POS id, first and last name or supplier numbers:"
    " three letters or more anywhere, fewer at a word's start. Case and accents do not matter.",
)
ORDER_BY = query(
    "order_by",
    {
        "type": "string",
        "enum": [sign + name for name in ("created_at", "updated_at", "customer_name") for sign in ("", "-")],
        "default": "-created_at",
    },
    "`-` for descending. `customer_name` sorts by code point.",
)


def _limit(default: int | None) -> OpenApiParameter:
    schema: Schema = {"type": "integer", "minimum": 1} | ({"default": default} if default else {})
    return query(
        "limit", schema, f"Maximum number of objects to return; more than {MAX_LIMIT:,} is read as {MAX_LIMIT:,}."
    )


def describe_customers() -> Callable[[type], type]:
    one = object_id(CUSTOMER_ID)
    return extend_schema_view(
        list=operation(
            "listCustomers", "List all customers", "Sorted by creation date, most recently created first.",
            tag=TAG_CUSTOMER, answer=ANY_PAGE, headers=[LINK],
            parameters=[_limit(DEFAULT_LIMIT), *WHICH, ORDER_BY, Q, *SHAPE, *_filters(CUSTOMER_FILTERS)],
        ),
        create=operation(
            "createCustomer", "Create a customer", "Absent attributes get their defaults.",
            tag=TAG_CUSTOMER, answer=ref("Customer"), status=201, body=ref("CustomerCreate"), parameters=[IDEMPOTENCY_KEY],
            errors=[*WRITES, *BODIES], headers=[ETAG, LOCATION],
        ),
        retrieve=operation(
            "retrieveCustomer", "Retrieve a customer", "The customer with this identifier. With `expand[]` or `fields` it has no `ETag`.",
            tag=TAG_CUSTOMER, answer=ANY_CUSTOMER, parameters=[one, IF_NONE_MATCH, *SHAPE], errors=[404], headers=[ETAG],
        ),
        partial_update=operation(
            "updateCustomer", "Update a customer",
            "Sets the attributes passed; any not provided are left unchanged. `null` and the empty string reset to the default.",
            tag=TAG_CUSTOMER, answer=ref("Customer"), body=ref("CustomerUpdate"), parameters=[one, IDEMPOTENCY_KEY, IF_MATCH],
            errors=[404, 412, *WRITES, *BODIES], headers=[ETAG],
        ),
        destroy=operation(
            "deleteCustomer", "Delete a customer",
            "Permanently, with its rows; the event log keeps that it was, and forgets its values. It cannot be undone.",
            tag=TAG_CUSTOMER, answer=ref("DeletedCustomer"), parameters=[one, IDEMPOTENCY_KEY, IF_MATCH], errors=[404, 412, *WRITES],
        ),
    )  # fmt: skip


def describe_batch() -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            "batchCustomers", "Change many customers",
            "All operations or none, with every error at its place (`operations[3].data.email_id`); with `atomic` false those that can be"
            " done, and 207 with an answer for each. An `upsert` updates the one customer that has the value of `match_on`, or creates it.",
            tag=TAG_CUSTOMER, answer=ref("BatchAnswer"), also=207, body=ref("Batch"), parameters=[IDEMPOTENCY_KEY], errors=[*WRITES, *BODIES],
        )
    )  # fmt: skip


def describe_export() -> Callable[[type], type]:
    return extend_schema_view(
        list=operation(
            "exportCustomers", "Export customers",
            "One snapshot as a stream of JSON lines, newest first. The last line, `{\"end\": true, \"count\": …, \"next_cursor\": …}`, tells that"
            " nothing is missing, and where the event feed goes on.",
            tag=TAG_CUSTOMER, answer=LINES, media_type="application/x-ndjson", parameters=[Q, *SHAPE, *_filters(CUSTOMER_FILTERS)],
        )
    )  # fmt: skip


def describe_rows() -> Callable[[type], type]:
    one, row = object_id(ROW_ID), ref("SupplierNumberAtCustomer")
    parent = query(
        "parent_id",
        {"type": "string", "minLength": 1, "examples": [CUSTOMER_ID]},
        "The customer whose rows they are.",
        required=True,
    )

    return extend_schema_view(
        list=operation(
            "listSupplierNumbersAtCustomer", "List the rows of a customer", "By `idx`; all of them unless `limit` is given.",
            tag=TAG_ROW, answer=ref("SupplierNumberAtCustomerPage"), headers=[LINK],
            parameters=[parent, _limit(None), *WHICH, *_filters(SUPPLIER_NUMBER_FILTERS)],
        ),
        create=operation(
            "createSupplierNumberAtCustomer", "Create a row", "At the place `idx`, where those behind it move down, or else last.",
            tag=TAG_ROW, answer=row, status=201, body=ref("SupplierNumberAtCustomerCreate"), parameters=[IDEMPOTENCY_KEY],
            errors=[*WRITES, *BODIES], headers=[ETAG, LOCATION],
        ),
        retrieve=operation(
            "retrieveSupplierNumberAtCustomer", "Retrieve a row", "The row with this identifier.",
            tag=TAG_ROW, answer=row, parameters=[one, IF_NONE_MATCH], errors=[404], headers=[ETAG],
        ),
        partial_update=operation(
            "updateSupplierNumberAtCustomer", "Update a row", "Sets the attributes passed. `idx` moves the row; it stays with its customer.",
            tag=TAG_ROW, answer=row, body=ref("SupplierNumberAtCustomerUpdate"), parameters=[one, IDEMPOTENCY_KEY, IF_MATCH],
            errors=[404, 412, *WRITES, *BODIES], headers=[ETAG],
        ),
        destroy=operation(
            "deleteSupplierNumberAtCustomer", "Delete a row", "Those behind it move up.",
            tag=TAG_ROW, answer=ref("DeletedSupplierNumberAtCustomer"), parameters=[one, IDEMPOTENCY_KEY, IF_MATCH], errors=[404, 412, *WRITES],
        ),
    )  # fmt: skip


def describe_order() -> Callable[[type], type]:
    def described(name: str) -> Callable[..., Any]:
        return operation(
            name, "Reorder the rows of a customer", "All or nothing: `ordered_ids` names each row once. `POST`, `PUT` and `PATCH` do the same.",
            tag=TAG_ROW, answer=ref("SupplierNumberAtCustomerPage"), body=ref("SupplierNumberAtCustomerOrder"), parameters=[IDEMPOTENCY_KEY],
            errors=[*WRITES, *BODIES],
        )  # fmt: skip

    return extend_schema_view(
        create=described("reorderSupplierNumbersAtCustomer"),
        update=described("putOrderOfSupplierNumbersAtCustomer"),
        partial_update=described("patchOrderOfSupplierNumbersAtCustomer"),
    )
