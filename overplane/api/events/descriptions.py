"""The event feed in the API's description."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema_view

from overplane.api.events.webhook_schemas import webhook
from overplane.api.openapi import TAGS, WEBHOOKS, object_id, operation, query, words
from overplane.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from overplane.api.schemas import COMPONENTS, MOMENT, TEXT, VISIBLE_TEXT, Schema, closed_object, ref, tagged_union
from overplane.events import types
from overplane.waiting import LONGEST

F = TypeVar("F", bound=Callable[..., Any])
TAG = "Events"
CURSOR = "0123456789abcdef.1.742.12"
EVENT_ID = "evt_00000100000000000000000c"
OF_SUBJECT = "An id: the events of this object and of all that belongs to it, also of what is deleted."
NULLABLE = {"type": ["string", "null"]}
TAGS |= {TAG: "One append-only log of every change, whichever door it came through."}
NOTHING = closed_object({}, description="Always empty: this event tells of no earlier values.")
VERSION: Schema = {
    "type": "integer",
    "minimum": 1,
    "description": "Grows with every change of the object. Events come in the order in which their transactions"
    " began, so a long one's may come first: whoever keeps a copy keeps the highest version.",
}
EVENTS: dict[str, str] = {}  # by type of event, the name of its schema
EVENT = tagged_union("type", EVENTS)


def event_schema(type_: str, subject: str, output: Schema, previous: Schema = NOTHING) -> None:
    """Describes one type of event, which its domain does: `output` and `previous` are what stands in its `data`."""
    name = "".join(word.title() for word in re.split(r"[._]", type_)) + "Event"
    EVENTS[type_] = name
    EVENT.update(tagged_union("type", EVENTS, description=EVENT_TEXT))
    COMPONENTS[name] = event = closed_object(
        {
            "id": TEXT | {"description": "Unique identifier of the event.", "examples": [EVENT_ID]},
            "type": TEXT | {"const": type_, "description": "What happened, to what kind of object."},
            "created_at": MOMENT | {"description": "When it happened, in UTC and whole seconds."},
            "actor": TEXT
            | {"description": "Who did it: `api_key:…`, `user:…` or `import:…`.", "examples": ["api_key:key_abc123"]},
            "data": closed_object({"object": output, "previous_attributes": previous}, description=DATA_TEXT),
            "object_version": VERSION,
            "request": ref("EventRequest"),
        },
        description=f"The event that {subject} was {type_.rpartition('.')[2]}.",
    )
    WEBHOOKS[type_] = webhook(type_, event)


DATA_TEXT = "The object as the change left it, and what was another value before."
EVENT_TEXT = (
    "What happened to one object: `type` says what `data` holds. It commits with the change that it tells of."
    " Once what it belongs to is deleted, it has lost its values."
)
COMPONENTS |= {
    "Event": EVENT,
    "EventRequest": closed_object(
        {
            "id": NULLABLE | {"description": "The `Request-Id` of the call.", "examples": ["req_abc123"]},
            "idempotency_key": NULLABLE | {"description": "The `Idempotency-Key` of the call.", "examples": [None]},
        },
        description="The call that caused it, if one did.",
    ),
    "EventPage": closed_object(
        {
            "data": {"type": "array", "items": ref("Event"), "description": "The events, in the order of the feed."},
            "has_more": {"type": "boolean", "description": "There are more events to read now."},
            "next_cursor": TEXT | {"description": "Always given: send it as `after` next time.", "examples": [CURSOR]},
        },
        description="A part of the feed.",
    ),
}


WAIT = query(
    "wait",
    {"type": "integer", "minimum": 0, "maximum": LONGEST, "default": 0},
    f"Seconds to wait, at most {LONGEST}, if nothing has come after `after` yet: the answer comes as soon as something does,"
    " else empty, with the cursor to go on from. Few requests may wait at the same time; further ones are answered at"
    " once, so pause a second before you repeat what came back empty and early.",
)


def describe_events() -> Callable[[F], F]:
    return extend_schema_view(
        list=operation(
            "listEvents",
            "List events",
            "With `after` the feed ascends, misses nothing and repeats nothing, also while others write. Without it the"
            " newest come first, and `next_cursor` is the end of the log now.",
            tag=TAG,
            answer=ref("EventPage"),
            answered="A part of the feed, and the cursor from which it goes on.",
            parameters=[
                query(
                    "after",
                    TEXT | {"examples": ["start"]},
                    "`start` for the oldest event, or a `next_cursor`. One that the log no longer reaches back to, or that it never"
                    " gave out, is 410.",
                ),
                WAIT,
                query(
                    "limit",
                    {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT},
                    f"Maximum number of events; more than {MAX_LIMIT:,} is read as {MAX_LIMIT:,}.",
                ),
                words("types", types.known, "A comma-separated choice of types."),
                *(query(name, VISIBLE_TEXT, OF_SUBJECT) for name in types.subject_parameters()),
                query("object_id", VISIBLE_TEXT, "An id: the events whose object it is itself."),
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
            answered="The event, as the feed shows it.",
            parameters=[object_id(EVENT_ID)],
            errors=(404,),
        ),
    )
