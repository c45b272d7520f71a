"""The routes of customers in the API's description; their objects are in `components`."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema_view

from crm.api import components, event_schemas, import_schemas  # noqa: F401 (the objects, and what events hold)
from crm.api.filter_texts import filter_text
from crm.api.line_item_components import CUSTOMER_ID
from crm.api.listing import ORDERS
from crm.api.meanings import several
from crm.api.parameters import filter_parameters, value_schema
from crm.api.reference_words import expanding, found_in, topic_words
from crm.filters import CUSTOMER_FILTERS
from crm.line_items import BY_NAME, LINE_ITEMS
from crm.representation import CUSTOMER_NAMES
from crm.search import MAX_LENGTH
from overplane.api.list_parameters import WHICH, limit_parameter
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
    TOPIC_WORDS,
    WRITES,
    object_id,
    operation,
    query,
    words,
)
from overplane.api.pagination import DEFAULT_LIMIT
from overplane.api.schemas import COMPONENTS, TEXT, Schema, ref
from overplane.queries.filters import InFilter

INFO |= {
    "summary": "Customer master data: one record of each customer, and a feed of every change.",
    "description": f"Create, find, change and delete customers and the {several(LINE_ITEMS)} that belong to them, one by one or in batches,"
    " and follow every change in a feed. Every call carries an API key; bodies are JSON. The reference with examples is at `/docs`.",
}
TOPIC_WORDS |= topic_words(LINE_ITEMS)
CUSTOMERS = "customers"
ATTRIBUTES = components.COMPONENTS["Customer"]["properties"]
FILTERS = filter_parameters(CUSTOMER_FILTERS, CUSTOMERS, ATTRIBUTES)
A_PAGE = "A page of the customers that are asked for, and how many there are in all."
TAG_CUSTOMER = "Customers"
TAGS |= {TAG_CUSTOMER: "The companies and people you sell to."}
LINES: Schema = TEXT | {
    "examples": [f'{{"id": "{CUSTOMER_ID}", …}}\n{{"end": true, "count": 1, "next_cursor": "…"}}\n'],
}
SHAPE = [
    query(
        "expand[]",
        {"type": "array", "items": {"type": "string", "enum": list(BY_NAME)}},
        expanding([f"`{name}`" for name in BY_NAME]),
    ),
    words("fields", CUSTOMER_NAMES, "A comma-separated choice of attributes; `id` always comes."),
]
Q = query(
    "q",
    TEXT | {"maxLength": MAX_LENGTH},
    f"Words that must all be found in {found_in(LINE_ITEMS)}:"
    " three letters or more anywhere, fewer at a word's start. Case and accents do not matter."
    " A phone number is found in any notation, and a part of it of four digits; a whole id finds its customer.",
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


def describe_customers() -> Callable[[type], type]:
    one = object_id(CUSTOMER_ID)
    return extend_schema_view(
        list=operation(
            "listCustomers", "List all customers", "Sorted by creation date, most recently created first.",
            tag=TAG_CUSTOMER, answer=ref("CustomerPage"), answered=A_PAGE, headers=[LINK],
            parameters=[limit_parameter(DEFAULT_LIMIT), *WHICH, ORDER_BY, Q, *SHAPE, *FILTERS],
        ),
        create=operation(
            "createCustomer", "Create a customer", "Absent attributes get their defaults.",
            tag=TAG_CUSTOMER, answer=ref("Customer"), answered="The new customer, with the line items that were sent with it.", status=201, body=ref("CustomerCreate"), parameters=[IDEMPOTENCY_KEY],
            errors=[*WRITES, *BODIES], headers=[ETAG, LOCATION],
        ),
        retrieve=operation(
            "retrieveCustomer", "Retrieve a customer", "The customer with this identifier. With `expand[]` or `fields` the answer has no `ETag`.",
            tag=TAG_CUSTOMER, answer=ref("Customer"), answered="The customer as it is now.",
            parameters=[one, IF_NONE_MATCH, *SHAPE], errors=[404], headers=[ETAG],
        ),
        partial_update=operation(
            "updateCustomer", "Update a customer",
            "Sets the attributes passed; any not provided are left unchanged. `null` and the empty string reset to the default.",
            tag=TAG_CUSTOMER, answer=ref("Customer"), answered="The customer as it is after the change, with the line items if they were sent.",
            body=ref("CustomerUpdate"), parameters=[one, IDEMPOTENCY_KEY, IF_MATCH],
            errors=[404, 412, *WRITES, *BODIES], headers=[ETAG],
        ),
        destroy=operation(
            "deleteCustomer", "Delete a customer",
            "Permanently, with its line items and with what was merged into it; the event log keeps that it was, and forgets its values. It cannot be undone.",
            tag=TAG_CUSTOMER, answer=ref("DeletedCustomer"), answered="The customer is deleted; its id is all that is left.", parameters=[one, IDEMPOTENCY_KEY, IF_MATCH], errors=[404, 412, *WRITES],
        ),
    )  # fmt: skip


def sent(one: OpenApiParameter) -> Schema:
    """A parameter of the list as an attribute of a body, with its JSON type."""
    filter_ = CUSTOMER_FILTERS.get(one.name)
    schema: Any = one.type
    text = str(one.description).replace("comma-separated ", "")
    if one.name == "fields":
        schema = {"type": "array", "items": {"type": "string", "enum": list(CUSTOMER_NAMES)}}
    elif isinstance(filter_, InFilter):
        schema = {"type": "array", "items": value_schema(filter_), "maxItems": filter_.most}
        text = filter_text(filter_, CUSTOMERS, ATTRIBUTES)
    # In a body a default is told in words alone (see overplane.api.schemas.attribute_schema).
    text += f" `{schema['default']}` unless given." if "default" in schema else ""
    return {word: value for word, value in schema.items() if word != "default"} | {"description": text}


def describe_search() -> Callable[[type], type]:
    parameters = [limit_parameter(DEFAULT_LIMIT), *WHICH, ORDER_BY, Q, *SHAPE, *FILTERS]
    COMPONENTS["CustomerSearch"] = {
        "type": "object",
        "properties": {one.name.replace("expand[]", "expand"): sent(one) for one in parameters},
        "additionalProperties": False,
        "description": "Which customers are asked for, in which order, and how many: the parameters of the list.",
        "examples": [{"customer_type": "Company", "created_at[gte]": "2024-01-15", "id[in]": [CUSTOMER_ID]}],
    }
    return extend_schema_view(
        create=operation(
            "searchCustomers", "Search customers",
            "The list of customers, asked for by a body: for what does not fit into an address, such as a thousand ids. Parameters and answers are"
            " those of the list; a list of values is a JSON list, each value as it is. It changes nothing: a read-only key may call it, and an"
            " `Idempotency-Key` is ignored.",
            tag=TAG_CUSTOMER, answer=ref("CustomerPage"), answered=A_PAGE, body=ref("CustomerSearch"), errors=BODIES,
        )
    )  # fmt: skip


def describe_batch() -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            "batchCustomers", "Change many customers",
            "All operations or none, with every error at its place (`operations[3].data.email_id`); with `atomic` false those that can be"
            " done, and 207 with an answer for each. `if_match` says which version an operation changes. An `upsert` updates the one customer that has the value of `match_on`, or creates it. An `email_id` is the same in any case, a `tax_id` also"
            " whatever blanks, dots, slashes and hyphens it has; the customer gets the value as it is sent. Where several customers have it that is an error that names them.",
            tag=TAG_CUSTOMER, answer=ref("BatchAnswer"), answered="All operations are done: the outcome of each, in their order.", also=207, body=ref("Batch"), parameters=[IDEMPOTENCY_KEY], errors=[*WRITES, *BODIES],
        )
    )  # fmt: skip


def describe_export() -> Callable[[type], type]:
    return extend_schema_view(
        list=operation(
            "exportCustomers", "Export customers",
            "One snapshot as a stream of JSON lines, newest first. The last line, `{\"end\": true, \"count\": …, \"next_cursor\": …}`, tells that"
            " nothing is missing, and where the event feed goes on. An export that breaks off ends with an error envelope in its place.",
            tag=TAG_CUSTOMER, answer=LINES, answered="Every customer that is asked for as one line of JSON, then a line that ends the export.", media_type="application/x-ndjson", parameters=[Q, *SHAPE, *FILTERS],
        )
    )  # fmt: skip
