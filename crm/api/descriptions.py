"""The routes of customers and their rows in the API's description; their objects are in `components`."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema_view

from crm.api import event_schemas  # noqa: F401 (tells what events hold)
from crm.api.components import CUSTOMER_ID, ROW_ID
from crm.api.listing import ORDERS
from crm.filters import CUSTOMER_FILTERS, SUPPLIER_NUMBER_FILTERS
from crm.representation import CUSTOMER_NAMES
from crm.search import MAX_LENGTH
from overplane.api.openapi import (
    BODIES,
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    INFO,
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
from overplane.api.schemas import COMPONENTS, FORBIDDEN, TEXT, Schema, ref
from overplane.queries.filters import ExactFilter, InFilter, PartFilter

INFO |= {
    "summary": "Customer master data: one record of each customer, and a feed of every change.",
    "description": "Create, find, change and delete customers and the supplier numbers that belong to them, one by one or in batches,"
    " and follow every change in a feed. Every call carries an API key; bodies are JSON. The reference with examples is at `/docs`.",
}
TAG_CUSTOMER, TAG_ROW = "Customers", "Supplier numbers at customer"
TAGS |= {
    TAG_CUSTOMER: "The companies and people you sell to.",
    TAG_ROW: "The numbers under which a customer's companies know you as a supplier: rows that belong to a customer, in an"
    " order of their own.",
}
NUMBER, WHOLE_NUMBER = r"-?[0-9]{1,18}(\.[0-9]{1,9})?", "[0-9]{1,9}"
INSTANT = "[0-9]{3}[1-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
LISTED = {
    "boolean": "(true|false)",
    "number": NUMBER,
    "integer": WHOLE_NUMBER,
    "timestamp": INSTANT,
    "string": f'("([^"{FORBIDDEN}]|"")+"|[^,"\\s{FORBIDDEN}][^,{FORBIDDEN}]*)',
}
KINDS: dict[str, Schema] = {
    "string": TEXT | {"pattern": f"^[^{FORBIDDEN}]*[^\\s{FORBIDDEN}][^{FORBIDDEN}]*$"},
    "boolean": {"type": "boolean"},
    "number": {"type": "number"},
    "integer": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "timestamp": {"type": "string", "format": "date-time"},
}


def _filters(table: dict[str, ExactFilter]) -> list[OpenApiParameter]:
    return [_list_of(name, one) if isinstance(one, InFilter) else _one(name, one) for name, one in table.items()]


def _list_of(name: str, one: ExactFilter) -> OpenApiParameter:
    return words(name, one.choices, one.label) if one.choices else several(name, LISTED[one.kind], one.label)


def _one(name: str, one: ExactFilter) -> OpenApiParameter:
    schema: Schema = TEXT | {"enum": list(one.choices)} if one.choices else KINDS[one.kind]
    return query(name, TEXT | {"minLength": 1} if isinstance(one, PartFilter) else schema, one.label)


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
        "enum": list(ORDERS),
        "x-enum-varnames": [f"{order.field}_{'down' if order.descending else 'up'}" for order in ORDERS.values()],
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
            tag=TAG_CUSTOMER, answer=ref("CustomerPage"), headers=[LINK],
            parameters=[_limit(DEFAULT_LIMIT), *WHICH, ORDER_BY, Q, *SHAPE, *_filters(CUSTOMER_FILTERS)],
        ),
        create=operation(
            "createCustomer", "Create a customer", "Absent attributes get their defaults.",
            tag=TAG_CUSTOMER, answer=ref("Customer"), status=201, body=ref("CustomerCreate"), parameters=[IDEMPOTENCY_KEY],
            errors=[*WRITES, *BODIES], headers=[ETAG, LOCATION],
        ),
        retrieve=operation(
            "retrieveCustomer", "Retrieve a customer", "The customer with this identifier. With `expand[]` or `fields` the answer has no `ETag`.",
            tag=TAG_CUSTOMER, answer=ref("Customer"), parameters=[one, IF_NONE_MATCH, *SHAPE], errors=[404], headers=[ETAG],
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


def _sent(one: OpenApiParameter) -> Schema:
    """A parameter of the list as an attribute of a body, with its JSON type."""
    made = CUSTOMER_FILTERS.get(one.name)
    schema: Schema = one.type
    if one.name == "fields":
        schema = {"type": "array", "items": {"type": "string", "enum": list(CUSTOMER_NAMES)}}
    elif isinstance(made, InFilter):
        schema = {"type": "array", "items": _one(one.name, made).type, "maxItems": made.most}
    text = one.description.replace("comma-separated ", "")
    # In a body a default is told in words alone (see overplane.api.schemas.attribute_schema).
    text += f" `{schema['default']}` unless given." if "default" in schema else ""
    return {word: value for word, value in schema.items() if word != "default"} | {"description": text}


def describe_search() -> Callable[[type], type]:
    parameters = [_limit(DEFAULT_LIMIT), *WHICH, ORDER_BY, Q, *SHAPE, *_filters(CUSTOMER_FILTERS)]
    COMPONENTS["CustomerSearch"] = {
        "type": "object",
        "properties": {one.name.replace("expand[]", "expand"): _sent(one) for one in parameters},
        "additionalProperties": False,
        "examples": [{"customer_type": "Company", "created_at[gte]": "2024-01-15", "id[in]": [CUSTOMER_ID]}],
    }
    return extend_schema_view(
        create=operation(
            "searchCustomers", "Search customers",
            "The list of customers, asked for by a body: for what does not fit into an address, such as a thousand ids. Parameters and answers are"
            " those of the list; a list of values is a JSON list, each value as it is. It changes nothing: a read-only key may call it, and an"
            " `Idempotency-Key` is ignored.",
            tag=TAG_CUSTOMER, answer=ref("CustomerPage"), body=ref("CustomerSearch"), errors=BODIES,
        )
    )  # fmt: skip


def describe_batch() -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            "batchCustomers", "Change many customers",
            "All operations or none, with every error at its place (`operations[3].data.email_id`); with `atomic` false those that can be"
            " done, and 207 with an answer for each. `if_match` says which version an operation changes. An `upsert` updates the one customer that has the value of `match_on`, or creates it.",
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
