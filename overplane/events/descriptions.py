"""The event feed in the API's description."""

from drf_spectacular.utils import extend_schema_view

from overplane.api.openapi import COMPONENTS, MOMENT, operation, query, ref, words
from overplane.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from overplane.events import types

COMPONENTS |= {
    "Event": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "type": {"type": "string"},
            "created_at": MOMENT,
            "actor": {"type": "string", "description": "`api_key:…`, `user:…` or `import:…`."},
            "data": {
                "type": "object",
                "properties": {
                    "object": {"type": "object", "description": "As it stood after the change."},
                    "previous_attributes": {"type": "object", "description": "The old values of what changed."},
                },
                "required": ["object", "previous_attributes"],
            },
            "object_version": {"type": "integer"},
            "request": {
                "type": "object",
                "properties": {"id": {"type": ["string", "null"]}, "idempotency_key": {"type": ["string", "null"]}},
                "required": ["id", "idempotency_key"],
            },
        },
        "required": ["id", "type", "created_at", "actor", "data", "object_version", "request"],
        "additionalProperties": False,
    },
    "EventPage": {
        "type": "object",
        "properties": {
            "data": {"type": "array", "items": ref("Event")},
            "has_more": {"type": "boolean"},
            "next_cursor": {"type": "string", "description": "Always given; poll on from it."},
        },
        "required": ["data", "has_more", "next_cursor"],
        "additionalProperties": False,
    },
}


def describe_events() -> object:
    return extend_schema_view(
        list=operation(
            "listEvents",
            "List events",
            "One log of every change through every door. With `after` it ascends and misses nothing and repeats nothing;"
            " `after=start` begins at the oldest. Without it the newest come first, and `next_cursor` is the end of the log"
            f" now. Types: {', '.join(f'`{one}`' for one in types.known)}.",
            tag="Events",
            answer=ref("EventPage"),
            parameters=[
                query("after", {"type": "string"}, "`start`, or a `next_cursor`."),
                query("limit", {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT}, f"At most {MAX_LIMIT}."),
                words("types", types.known, "A comma-separated list of types."),
            ],
            errors=(410,),
        )
    )
