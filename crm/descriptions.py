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
    COMPONENTS,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    STORABLE,
    WRITES,
    Schema,
    deleted_schema,
    input_schema,
    object_id,
    operation,
    output_schema,
    page_schema,
    query,
    ref,
    several,
    words,
)
from overplane.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from overplane.api.serializers import IGNORED

# The rules of crm.rules in the words of JSON Schema.
RULES: dict[str, Schema] = {
    "customer_name": {"pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"},
    "customer_type": {"enum": list(rules.CUSTOMER_TYPES)},
    "email_id": {"pattern": r"^\s*([^@\s\u0000]+@[^@\s\u0000]+)?\s*$", "examples": ["user@example.com"]},
    "default_currency": {"pattern": r"^\s*([A-Z]{3})?\s*$", "examples": ["USD"]},
    "default_commission_rate": {"minimum": 0, "maximum": 100, "examples": [0]},
}
TAG_CUSTOMER, TAG_ROW = "Customers", "Supplier numbers at customer"
PARENT: Schema = {
    "type": "string",
    "description": "The customer that the row belongs to.",
    "minLength": 1,
    "pattern": STORABLE,
}
SORTED_IGNORED = sorted(IGNORED)


def _row_input(*, new: bool) -> Schema:
    schema = input_schema(SupplierNumberAtCustomer, rules={}, partial=True, ignored=SORTED_IGNORED)
    schema["properties"] |= {
        "customer_id": PARENT,
        "parent_id": PARENT | {"description": "Another name of `customer_id`."},
    }
    if new:
        schema["anyOf"] = [{"required": ["customer_id"]}, {"required": ["parent_id"]}]
    return schema


def _operation_schemas() -> list[Schema]:
    identity = {"type": "string", "pattern": STORABLE}
    plain = {
        "create": {"data": ref("CustomerCreate")},
        "update": {"id": identity, "data": ref("CustomerUpdate")},
        "delete": {"id": identity},
    }
    schemas = [{"op": {"const": op}, **rest} for op, rest in plain.items()]
    for name in MATCHABLE:
        filled = {"required": [name], "properties": {name: {"type": "string", "pattern": r"[^\s]"}}}
        data = {"allOf": [ref("CustomerUpdate"), filled]}
        schemas.append({"op": {"const": "upsert"}, "match_on": {"const": name}, "data": data})
    return [
        {"type": "object", "properties": one, "required": list(one), "additionalProperties": False} for one in schemas
    ]


def _filter(name: str, one: ExactFilter) -> OpenApiParameter:
    kind = {"boolean": "boolean", "number": "number", "integer": "integer"}.get(one.kind, "string")
    schema: Schema = {"type": kind}
    if one.kind == "string":
        schema |= {"minLength": 1, "pattern": r"^[^,\u0000]*$" if isinstance(one, InFilter) else STORABLE}
    elif one.kind == "timestamp":
        schema |= {"format": "date-time"}
    elif one.kind == "integer":
        schema |= {"minimum": 0, "maximum": 999_999_999}
    return several(name, schema, one.label) if isinstance(one, InFilter) else query(name, schema, one.label)


def _filters(table: dict[str, ExactFilter]) -> list[OpenApiParameter]:
    return [_filter(name, one) for name, one in table.items()]


COMPONENTS |= {
    "Customer": output_schema(Customer, CUSTOMER_NAMES, rules=RULES),
    "CustomerCreate": input_schema(Customer, rules=RULES, partial=False, ignored=SORTED_IGNORED),
    "CustomerUpdate": input_schema(Customer, rules=RULES, partial=True, ignored=SORTED_IGNORED),
    "CustomerPage": page_schema("Customer"),
    "CustomerPart": {
        "type": "object",
        "description": "A customer narrowed by `fields`, with its rows if `expand[]` asks for them.",
        "properties": {
            **output_schema(Customer, CUSTOMER_NAMES, rules=RULES)["properties"],
            "supplier_numbers": {"type": "array", "items": ref("SupplierNumberAtCustomer")},
        },
        "required": ["id"],
        "additionalProperties": False,
    },
    "CustomerPartPage": page_schema("CustomerPart"),
    "SupplierNumberAtCustomer": output_schema(SupplierNumberAtCustomer, SUPPLIER_NUMBER_NAMES, rules={}),
    "SupplierNumberAtCustomerCreate": _row_input(new=True),
    "SupplierNumberAtCustomerUpdate": _row_input(new=False),
    "SupplierNumberAtCustomerPage": page_schema("SupplierNumberAtCustomer"),
    "SupplierNumberAtCustomerOrder": {
        "type": "object",
        "properties": {
            "parent_id": PARENT,
            "customer_id": PARENT,
            "ordered_ids": {
                "type": "array",
                "items": {"type": "string", "pattern": STORABLE},
                "description": "Every row once.",
            },
        },
        "required": ["ordered_ids"],
        "anyOf": [{"required": ["parent_id"]}, {"required": ["customer_id"]}],
        "additionalProperties": False,
    },
    "Deleted": deleted_schema(),
    "Batch": {
        "type": "object",
        "properties": {
            "operations": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_OPERATIONS,
                "items": {"oneOf": _operation_schemas()},
            },
            "atomic": {"type": "boolean", "default": True},
        },
        "required": ["operations"],
        "additionalProperties": False,
    },
    "BatchAnswer": {
        "type": "object",
        "properties": {
            "data": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "index": {"type": "integer"},
                        "status": {"type": "integer"},
                        "object": {"anyOf": [ref("Customer"), ref("Deleted")]},
                        "error": {"type": "object"},
                    },
                    "required": ["index", "status"],
                },
            }
        },
        "required": ["data"],
        "additionalProperties": False,
    },
}
FIELDS = words("fields", CUSTOMER_NAMES, "A comma-separated choice of attributes; `id` always comes.")
EXPAND = query(
    "expand[]",
    {"type": "array", "items": {"type": "string", "enum": ["supplier_numbers"]}},
    "Adds the customer's rows.",
)
Q = query(
    "q",
    {"type": "string", "maxLength": MAX_LENGTH},
    "Words that must all be found in name, e-mail, phone, tax id, POS id, first and last name or supplier numbers;"
    " three letters or more anywhere, fewer at a word's start. Case and accents do not matter.",
)
OFFSET = query("offset", {"type": "integer", "minimum": 0, "default": 0}, "How many objects to skip.")
STARTING_AFTER = query(
    "starting_after", {"type": "string"}, "An id: the page begins after it. A walk by it misses nothing."
)
ENDING_BEFORE = query("ending_before", {"type": "string"}, "An id: the page ends before it.")
ORDER_BY = query(
    "order_by",
    {
        "type": "string",
        "enum": [s + n for n in ("created_at", "updated_at", "customer_name") for s in ("", "-")],
        "default": "-created_at",
    },
    "`customer_name` sorts by code point.",
)
ANY_CUSTOMER: Schema = {"anyOf": [ref("Customer"), ref("CustomerPart")]}
ANY_PAGE: Schema = {"anyOf": [ref("CustomerPage"), ref("CustomerPartPage")]}


def _limit(default: str) -> OpenApiParameter:
    return query(
        "limit",
        {"type": "integer", "minimum": 1},
        f"Maximum number of objects; default {default}, at most {MAX_LIMIT}.",
    )


def describe_customers() -> Callable[[type], type]:
    said: dict[str, Any] = {"tag": TAG_CUSTOMER}
    one = object_id("customer_abc123")
    return extend_schema_view(
        list=operation(
            "listCustomers", "List all customers", "Sorted by creation date, most recently created first.",
            answer=ANY_PAGE,
            parameters=[_limit(str(DEFAULT_LIMIT)), OFFSET, STARTING_AFTER, ENDING_BEFORE, Q, ORDER_BY, EXPAND, FIELDS, *_filters(CUSTOMER_FILTERS)],
            **said,
        ),
        create=operation(
            "createCustomer", "Create a customer", "Absent attributes get their defaults.",
            answer=ref("Customer"), status=201, body=ref("CustomerCreate"), parameters=[IDEMPOTENCY_KEY], errors=WRITES, etag=True, **said,
        ),
        retrieve=operation(
            "retrieveCustomer", "Retrieve a customer", "The customer with this identifier.",
            answer=ANY_CUSTOMER, parameters=[one, IF_NONE_MATCH, EXPAND, FIELDS], errors=(404,), etag=True, **said,
        ),
        partial_update=operation(
            "updateCustomer", "Update a customer", "Sets the attributes passed; any not provided are left unchanged. `null` and the empty string reset to the default.",
            answer=ref("Customer"), body=ref("CustomerUpdate"), parameters=[one, IDEMPOTENCY_KEY, IF_MATCH], errors=(404, *WRITES), etag=True, **said,
        ),
        destroy=operation(
            "deleteCustomer", "Delete a customer", "Permanently, with its rows and its past values in the event log. It cannot be undone.",
            answer=ref("Deleted"), parameters=[one, IDEMPOTENCY_KEY, IF_MATCH], errors=(403, 404, 409, 412), **said,
        ),
    )  # fmt: skip


def describe_batch() -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            "batchCustomers", "Many operations at once",
            "All or nothing, unless `atomic` is false: then 207 with an answer for each. `upsert` finds its customer by the natural key that `match_on` names.",
            tag=TAG_CUSTOMER, answer=ref("BatchAnswer"), body=ref("Batch"), parameters=[IDEMPOTENCY_KEY], errors=WRITES,
            more_answers={207: ref("BatchAnswer")},
        )
    )  # fmt: skip


def describe_export() -> Callable[[type], type]:
    return extend_schema_view(
        list=operation(
            "exportCustomers", "Export customers",
            "One snapshot as JSON lines, newest first; the last line is `{\"end\": true, \"count\": …, \"next_cursor\": …}`, from whose cursor the event feed goes on.",
            tag=TAG_CUSTOMER, answer={"type": "string"}, media_type="application/x-ndjson", parameters=[Q, EXPAND, FIELDS, *_filters(CUSTOMER_FILTERS)],
        )
    )  # fmt: skip


def describe_rows() -> Callable[[type], type]:
    said: dict[str, Any] = {"tag": TAG_ROW}
    one = object_id("supplier-number-at-customer_abc123")
    parent = query("parent_id", {"type": "string", "minLength": 1}, "Whose rows.", required=True)

    return extend_schema_view(
        list=operation(
            "listSupplierNumbersAtCustomer", "List a customer's rows", "By `idx`; all of them unless `limit` is given.",
            answer=ref("SupplierNumberAtCustomerPage"), parameters=[parent, _limit("all"), OFFSET, STARTING_AFTER, ENDING_BEFORE, *_filters(SUPPLIER_NUMBER_FILTERS)], **said,
        ),
        create=operation(
            "createSupplierNumberAtCustomer", "Create a row", "At `idx`, or last.",
            answer=ref("SupplierNumberAtCustomer"), status=201, body=ref("SupplierNumberAtCustomerCreate"), parameters=[IDEMPOTENCY_KEY], errors=WRITES, etag=True, **said,
        ),
        retrieve=operation(
            "retrieveSupplierNumberAtCustomer", "Retrieve a row", "The row with this identifier.",
            answer=ref("SupplierNumberAtCustomer"), parameters=[one, IF_NONE_MATCH], errors=(404,), etag=True, **said,
        ),
        partial_update=operation(
            "updateSupplierNumberAtCustomer", "Update a row", "`idx` moves it.",
            answer=ref("SupplierNumberAtCustomer"), body=ref("SupplierNumberAtCustomerUpdate"), parameters=[one, IDEMPOTENCY_KEY, IF_MATCH], errors=(404, *WRITES), etag=True, **said,
        ),
        destroy=operation(
            "deleteSupplierNumberAtCustomer", "Delete a row", "The rows after it move up.",
            answer=ref("Deleted"), parameters=[one, IDEMPOTENCY_KEY, IF_MATCH], errors=(403, 404, 409, 412), **said,
        ),
    )  # fmt: skip


def describe_order() -> Callable[[type], type]:
    def described(name: str) -> Callable[..., Any]:
        return operation(
            name, "Reorder a customer's rows", "Puts the rows in the order of `ordered_ids`, which names each of them once. Answers the list.",
            tag=TAG_ROW, answer=ref("SupplierNumberAtCustomerPage"), body=ref("SupplierNumberAtCustomerOrder"), parameters=[IDEMPOTENCY_KEY],
            errors=(403, 409, 413, 415),
        )  # fmt: skip

    return extend_schema_view(
        create=described("reorderSupplierNumbersAtCustomer"),
        update=described("putOrderOfSupplierNumbersAtCustomer"),
        partial_update=described("patchOrderOfSupplierNumbersAtCustomer"),
    )
