"""The parameters of lists in the API's description: filters off their table."""

from collections.abc import Mapping

from drf_spectacular.utils import OpenApiParameter

from crm.api.filter_texts import filter_text, in_an_address
from overplane.api import moment_schemas
from overplane.api.openapi import query, several, words
from overplane.api.schemas import FORBIDDEN, TEXT, VISIBLE_TEXT, Schema
from overplane.queries.filters import ExactFilter, InFilter, PartFilter

NUMBER, WHOLE_NUMBER = r"-?[0-9]{1,18}(\.[0-9]{1,9})?", "[0-9]{1,9}"
QUOTED = f'([^"{FORBIDDEN}]|"")'
LISTED = {
    "boolean": "(true|false)",
    "number": NUMBER,
    "integer": WHOLE_NUMBER,
    "timestamp": moment_schemas.DAY_OR_MOMENT,
    "date": moment_schemas.DAY,
    "string": f'("{QUOTED}*([^"\\s{FORBIDDEN}]|""){QUOTED}*"|[^,"\\s{FORBIDDEN}][^,{FORBIDDEN}]*)',  # not blank
}
KINDS: dict[str, Schema] = {
    "string": VISIBLE_TEXT,
    "boolean": {"type": "boolean"},
    "number": {"type": "number"},
    "integer": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "timestamp": moment_schemas.SCHEMA,
    "date": {"type": "string", "format": "date"},
}


def filter_parameters(
    table: Mapping[str, ExactFilter], subjects: str, properties: Mapping[str, Schema]
) -> list[OpenApiParameter]:
    """As they stand in an address. `subjects` are what is listed; `properties` describe their attributes."""
    texts = {name: filter_text(one, subjects, properties) for name, one in table.items()}
    return [
        _list_of(name, one, f"{texts[name]} {in_an_address(one)}")
        if isinstance(one, InFilter)
        else query(name, value_schema(one), texts[name])
        for name, one in table.items()
    ]


def _list_of(name: str, one: ExactFilter, text: str) -> OpenApiParameter:
    return words(name, one.choices, text) if one.choices else several(name, LISTED[one.kind], text)


def value_schema(one: ExactFilter) -> Schema:
    """What the filter's value may be, of a list each of its values."""
    if isinstance(one, PartFilter):
        return TEXT | {"minLength": 1}
    return TEXT | {"enum": list(one.choices)} if one.choices else KINDS[one.kind]
