"""The event feed in the API's description."""

from drf_spectacular.utils import extend_schema_view

from overplane.api.openapi import TAGS, object_id, operation, query, words
from overplane.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from overplane.api.schemas import COMPONENTS, MOMENT, TEXT, closed_object, ref
from overplane.events import types

TAG = "Events"
CURSOR = "0123456789abcdef.1.742.12"
EVENT_ID = "evt_00000100000000000000000c"
OF_SUBJECT = "An id: the events of this object and of all that belongs to it, also of what is deleted."
NULLABLE = {"type": ["string", "null"]}
TAGS |= {TAG: "One append-only log of every change, whichever door it came through."}
COMPONENTS |= {
    "Event": closed_object(
        {
            "id": TEXT | {"examples": [EVENT_ID]},
            "type": TEXT | {"enum": list(types.known)},
            "created_at": MOMENT,
            "actor": TEXT | {"description": "`api_key:…`, `user:…` or `import:…`.", "examples": ["api_key:key_abc123"]},
            "data": closed_object(
                {
                    "object": {
                        "type": "object",
                        "description": "As it stood after the change; once its subject is deleted, its `id` alone, and of what"
                        " belonged to it whose it was.",
                        "examples": [{"id": "abc123"}],
                    },
                    "previous_attributes": {"type": "object", "description": "The old values of what was changed."},
                }
            ),
            "object_version": {
                "type": "integer",
                "minimum": 1,
                "description": "Grows with every change of the object. Events come in the order in which their transactions"
                " began, so a long one's may come first: whoever keeps a copy keeps the highest version.",
            },
            "request": closed_object(
                {"id": NULLABLE | {"examples": ["req_abc123"]}, "idempotency_key": NULLABLE | {"examples": [None]}}
            ),
        },
        description="What happened to one object. It commits with the change that it tells of.",
    ),
    "EventPage": closed_object(
        {
            "data": {"type": "array", "items": ref("Event")},
            "has_more": {"type": "boolean", "description": "There are more events to read now."},
            "next_cursor": TEXT | {"description": "Always given: send it as `after` next time.", "examples": [CURSOR]},
        }
    ),
}


def describe_events() -> object:
    return extend_schema_view(
        list=operation(
            "listEvents",
            "List events",
            "With `after` the feed ascends, misses nothing and repeats nothing, also while others write. Without it the"
            " newest come first, and `next_cursor` is the end of the log now.",
            tag=TAG,
            answer=ref("EventPage"),
            parameters=[
                query(
                    "after",
                    TEXT | {"examples": ["start"]},
                    "`start` for the oldest event, or a `next_cursor`. One that the log no longer reaches back to, or that it never"
                    " gave out, is 410.",
                ),
                query(
                    "limit",
                    {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT},
                    f"Maximum number of events; more than {MAX_LIMIT:,} is read as {MAX_LIMIT:,}.",
                ),
                words("types", types.known, "A comma-separated choice of types."),
                *(query(name, TEXT, OF_SUBJECT) for name in types.subject_parameters()),
                query("object_id", TEXT, "An id: the events whose object it is itself."),
            ],
            errors=(410,),
        ),
        retrieve=operation(
            "retrieveEvent",
            "Retrieve an event",
            "The event with this identifier, as soon as its change is committed: on PostgreSQL that may be a moment before"
            " the feed comes to it. Once it is purged, 404.",
            tag=TAG,
            answer=ref("Event"),
            parameters=[object_id(EVENT_ID)],
            errors=(404,),
        ),
    )
