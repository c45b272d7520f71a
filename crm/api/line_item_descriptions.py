"""The routes of line items in the API's description, the same for every kind; their objects are in `line_item_components`."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema_view

from crm.api.line_item_components import CUSTOMER_ID, example_id
from crm.api.meanings import words_of
from crm.api.parameters import filter_parameters
from crm.filters import LINE_ITEM_FILTERS
from crm.line_items import LINE_ITEMS, LineItem
from overplane.api.list_parameters import WHICH, limit_parameter
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
)
from overplane.api.schemas import COMPONENTS, ref

TAGS |= {words_of(kind).tag: words_of(kind).about for kind in LINE_ITEMS}
PARENT_PARAMETER = query(
    "parent_id",
    {"type": "string", "minLength": 1, "examples": [CUSTOMER_ID]},
    "The customer whose line items they are.",
    required=True,
)


def describe_line_items(kind: LineItem) -> Callable[[type], type]:
    words, name, one, line_item = words_of(kind), kind.schema, object_id(example_id(kind)), ref(kind.schema)
    filters = filter_parameters(LINE_ITEM_FILTERS[kind.name], "line items", COMPONENTS[name]["properties"])
    return extend_schema_view(
        list=operation(
            f"list{words.plural}", "List the line items of a customer", "By `idx`; all of them unless `limit` is given.",
            tag=words.tag, answer=ref(f"{name}Page"), answered="The line items of the customer in their order, and how many there are in all.", headers=[LINK],
            parameters=[PARENT_PARAMETER, limit_parameter(None), *WHICH, *filters],
        ),
        create=operation(
            f"create{name}", "Create a line item", "At the position `idx`, where those behind it move down, or else last.",
            tag=words.tag, answer=line_item, answered="The new line item at its position.", status=201, body=ref(f"{name}Create"), parameters=[IDEMPOTENCY_KEY],
            errors=[*WRITES, *BODIES], headers=[ETAG, LOCATION],
        ),
        retrieve=operation(
            f"retrieve{name}", "Retrieve a line item", "The line item with this identifier.",
            tag=words.tag, answer=line_item, answered="The line item as it is now.", parameters=[one, IF_NONE_MATCH], errors=[404], headers=[ETAG],
        ),
        partial_update=operation(
            f"update{name}", "Update a line item", "Sets the attributes passed. `idx` moves the line item; it stays with its customer.",
            tag=words.tag, answer=line_item, answered="The line item as it is after the change.", body=ref(f"{name}Update"), parameters=[one, IDEMPOTENCY_KEY, IF_MATCH],
            errors=[404, 412, *WRITES, *BODIES], headers=[ETAG],
        ),
        destroy=operation(
            f"delete{name}", "Delete a line item", "Those behind it move up.",
            tag=words.tag, answer=ref(f"Deleted{name}"), answered="The line item is deleted; its id is all that is left.", parameters=[one, IDEMPOTENCY_KEY, IF_MATCH], errors=[404, 412, *WRITES],
        ),
    )  # fmt: skip


def describe_order(kind: LineItem) -> Callable[[type], type]:
    words, name = words_of(kind), kind.schema

    def described(operation_id: str) -> Callable[..., Any]:
        return operation(
            operation_id, "Reorder the line items of a customer",
            "All or nothing: `ordered_ids` names each line item once. `POST`, `PUT` and `PATCH` do the same.",
            tag=words.tag, answer=ref(f"{name}Page"), answered="All line items of the customer in their new order.", body=ref(f"{name}Order"), parameters=[IDEMPOTENCY_KEY],
            errors=[*WRITES, *BODIES],
        )  # fmt: skip

    return extend_schema_view(
        create=described(f"reorder{words.plural}"),
        update=described(f"putOrderOf{words.plural}"),
        partial_update=described(f"patchOrderOf{words.plural}"),
    )
