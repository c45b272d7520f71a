"""The parameters of lists in the API's description: filters off their table, pages, and the limit."""

from drf_spectacular.utils import OpenApiParameter

from overplane.api.openapi import query, several, words
from overplane.api.pagination import MAX_LIMIT
from overplane.api.schemas import FORBIDDEN, TEXT, VISIBLE_TEXT, Schema
from overplane.queries.filters import ExactFilter, InFilter, PartFilter

NUMBER, WHOLE_NUMBER = r"-?[0-9]{1,18}(\.[0-9]{1,9})?", "[0-9]{1,9}"
INSTANT = "[0-9]{3}[1-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
LISTED = {
    "boolean": "(true|false)",
    "number": NUMBER,
    "integer": WHOLE_NUMBER,
    "timestamp": INSTANT,
    "date": INSTANT.partition("T")[0],
    "string": f'("([^"{FORBIDDEN}]|"")+"|[^,"\\s{FORBIDDEN}][^,{FORBIDDEN}]*)',
}
KINDS: dict[str, Schema] = {
    "string": VISIBLE_TEXT,
    "boolean": {"type": "boolean"},
    "number": {"type": "number"},
    "integer": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "timestamp": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
}


def filter_parameters(table: dict[str, ExactFilter]) -> list[OpenApiParameter]:
    return [
        _list_of(name, one) if isinstance(one, InFilter) else filter_parameter(name, one) for name, one in table.items()
    ]


def _list_of(name: str, one: ExactFilter) -> OpenApiParameter:
    return words(name, one.choices, one.label) if one.choices else several(name, LISTED[one.kind], one.label)


def filter_parameter(name: str, one: ExactFilter) -> OpenApiParameter:
    schema: Schema = TEXT | {"enum": list(one.choices)} if one.choices else KINDS[one.kind]
    return query(name, TEXT | {"minLength": 1} if isinstance(one, PartFilter) else schema, one.label)


WHICH = [
    query("offset", {"type": "integer", "minimum": 0}, "Number of objects to skip; 0 unless given. Not together with a cursor."),
    query("starting_after", TEXT, "An id: the page begins after it. A walk by it sees each object once, whatever is added or deleted meanwhile."),
    query("ending_before", TEXT, "An id: the page ends before it."),
]  # fmt: skip


def limit_parameter(default: int | None) -> OpenApiParameter:
    schema: Schema = {"type": "integer", "minimum": 1} | ({"default": default} if default else {})
    return query(
        "limit", schema, f"Maximum number of objects to return; more than {MAX_LIMIT:,} is read as {MAX_LIMIT:,}."
    )
