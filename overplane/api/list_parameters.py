"""Which page of a list is asked for, in the API's description."""

from drf_spectacular.utils import OpenApiParameter

from overplane.api.openapi import query
from overplane.api.pagination import MAX_LIMIT
from overplane.api.schemas import TEXT, Schema

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
