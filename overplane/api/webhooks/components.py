"""The objects of webhooks in the API's description."""

from typing import Any

from overplane.api import moment_schemas
from overplane.api.events.descriptions import CURSOR, EVENT_ID
from overplane.api.schemas import (
    COMPONENTS,
    MOMENT,
    STORABLE,
    TEXT,
    Schema,
    closed_object,
    deleted_schema,
    page_schema,
    ref,
)
from overplane.api.webhooks.bodies import BEFORE, FROM, IGNORED
from overplane.events import types
from overplane.events.feed import CURSOR as CURSOR_FORM
from overplane.events.webhooks.models import URL_LENGTH, DeliveryStatus, EndpointStatus, Payload
from overplane.events.webhooks.rules import DESCRIPTION_LENGTH

ENDPOINT_ID, DELIVERY_ID = "whe_abc123", "dlv_0000000abc123"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 (that of the standard's own examples)
URL_EXAMPLE = "https://example.com/webhooks"
NULLABLE: Schema = {"type": ["string", "null"]}
NULLABLE_MOMENT: Schema = NULLABLE | {"format": "date-time", "examples": [None]}
URL: Schema = TEXT | {"maxLength": URL_LENGTH, "examples": [URL_EXAMPLE]}
ONE_TYPE = types.known[0]
TYPES: Schema = {"type": "array", "items": TEXT | {"enum": types.known}, "examples": [[]]}
PAYLOAD: Schema = TEXT | {"enum": list(Payload.values)}
STATUS: Schema = TEXT | {"enum": list(EndpointStatus.values)}
PAYLOAD_TEXT = "`snapshot` has all values; `thin` only the ids of the object and of what it belongs to."
LAG_TEXT = "Age of the oldest event that it has not got yet, in seconds; 0 if it has all."


def _endpoint(**more: Schema) -> Schema:
    return closed_object(
        {
            "id": TEXT | {"description": "Unique identifier of the endpoint.", "examples": [ENDPOINT_ID]},
            "created_at": MOMENT | {"description": "When the endpoint was made, in UTC and whole seconds."},
            "updated_at": MOMENT | {"description": "When somebody last changed it, in UTC and whole seconds."},
            "url": URL | {"description": "Where the events are posted to."},
            "description": NULLABLE | {"description": "What the endpoint is for.", "examples": ["The data warehouse"]},
            "event_types": TYPES | {"description": "The types that it gets; none stands for all."},
            "payload": PAYLOAD | {"description": PAYLOAD_TEXT},
            "status": STATUS | {"description": "Nothing is sent while it is `disabled`; nothing is lost either."},
            "disabled_reason": NULLABLE | {"description": "Why it was disabled, if not by you.", "examples": [None]},
            "position": TEXT | {"description": "How far it has read the feed: a cursor.", "examples": [CURSOR]},
            "lag_seconds": {"type": "integer", "minimum": 0, "description": LAG_TEXT, "examples": [0]},
            "failing_since": NULLABLE_MOMENT | {"description": "Since when every attempt has failed, if the last did."},
            **more,
        },
        description="A receiver of events: a reader of the feed that is pushed to.",
    )


def _sent(name: str, schema: Schema, text: str) -> dict[str, Schema]:
    """An attribute of a body, which null resets."""
    kind = {"anyOf": [schema, {"type": "null"}]} if "enum" in schema else schema | {"type": [schema["type"], "null"]}
    return {name: kind | {"description": text}}


def _input(required: list[str], **more: Schema) -> Schema:
    ignored = "Accepted and ignored, so that what was read can be sent back whole."
    properties: dict[str, Schema] = {
        "url": URL
        | {
            "minLength": 1,
            "pattern": STORABLE,
            "description": f"An `https` URL of a public host, at most {URL_LENGTH:,} characters.",
        },
        **_sent(
            "description",
            TEXT | {"maxLength": DESCRIPTION_LENGTH, "pattern": STORABLE, "examples": ["The data warehouse"]},
            "What the endpoint is for.",
        ),
        **_sent(
            "event_types",
            TYPES | {"examples": [[ONE_TYPE]]},
            "The types that it gets; all unless given.",
        ),
        **_sent("payload", PAYLOAD, f"{PAYLOAD_TEXT} `snapshot` unless given."),
        **_sent(
            "status", STATUS, "An endpoint that is enabled again goes on where it stopped. `enabled` unless given."
        ),
        **more,
        **{name: {"description": ignored, "pattern": STORABLE} for name in IGNORED},
    }
    return {"type": "object", "properties": properties, "additionalProperties": False} | (
        {"required": required} if required else {}
    )


ATTEMPT: dict[str, Schema] = {
    "at": MOMENT | {"description": "When the attempt was made, in UTC and whole seconds."},
    "status_code": {
        "type": ["integer", "null"],
        "description": "The status that was answered, if any.",
        "examples": [200],
    },
    "milliseconds": {"type": "integer", "minimum": 0, "description": "How long the attempt took.", "examples": [84]},
    "error": NULLABLE | {"description": "Why the attempt failed, if it did.", "examples": [None]},
}


def _delivery(**more: Schema) -> Schema:
    last = closed_object(ATTEMPT) | {"type": ["object", "null"], "description": "The last attempt, if one was made."}
    return closed_object(
        {
            "id": TEXT | {"description": "Unique identifier of the delivery.", "examples": [DELIVERY_ID]},
            "event_id": TEXT | {"description": "What is delivered: the `webhook-id`.", "examples": [EVENT_ID]},
            "event_type": TEXT | {"description": "The type of that event.", "examples": [ONE_TYPE]},
            "created_at": MOMENT | {"description": "When the endpoint read the event, in UTC and whole seconds."},
            "status": TEXT
            | {
                "enum": list(DeliveryStatus.values),
                "description": "`failed` after the last attempt; `abandoned` if it was never made, since the event was purged or left out.",
            },
            "attempts": {
                "type": "integer",
                "minimum": 0,
                "description": "How many attempts were made so far.",
                "examples": [1],
            },
            "next_attempt_at": NULLABLE_MOMENT | {"description": "When the next is due, if one is planned."},
            "last_attempt": last,
            **more,
        },
        description="One event on its way to one endpoint. Nothing of the event's values is kept here.",
    )


def _endpoints() -> dict[str, Any]:
    secret = TEXT | {"description": "Signs what is sent. Shown this once: keep it.", "examples": [SECRET]}
    gone = TEXT | {"description": "Unique identifier that the endpoint had.", "examples": [ENDPOINT_ID]}
    start_at = NULLABLE | {
        "pattern": STORABLE,
        "description": "Where it begins: a cursor of the feed, or `start` for the oldest event; now unless given.",
        "examples": ["start"],
    }
    ignored = {"description": "Accepted and ignored: a new endpoint has `start_at`.", "pattern": STORABLE}
    position = NULLABLE | {
        "pattern": f"^(now|{CURSOR_FORM.pattern})?$",
        "description": "`now`: what was not delivered yet is left out. A cursor, as answers have it, is ignored; to send"
        " again use a replay.",
        "examples": ["now"],
    }
    new = _input(["url"], start_at=start_at, position=ignored)
    return {
        "WebhookEndpoint": _endpoint(),
        "WebhookEndpointWithSecret": _endpoint(secret=secret),
        "WebhookEndpointPage": page_schema("WebhookEndpoint", "A page of webhook endpoints."),
        "DeletedWebhookEndpoint": deleted_schema("What is left of a deleted endpoint.", id=gone),
        "WebhookEndpointCreate": new
        | {
            "description": "A new endpoint: only its URL must be sent.",
            "examples": [{"url": URL_EXAMPLE, "event_types": [ONE_TYPE]}],
        },
        "WebhookEndpointUpdate": _input([], position=position)
        | {"description": "What is to change of an endpoint.", "examples": [{"status": "enabled", "position": "now"}]},
    }


def _replays() -> dict[str, Any]:
    moment = {"allOf": [moment_schemas.SCHEMA]}
    after = NULLABLE | {
        "pattern": STORABLE,
        "description": "A cursor of the feed, or `start`. Not together with times.",
    }
    properties: dict[str, Schema] = {
        "after": after,
        FROM: moment | {"description": "Only events that came from then on."},
        BEFORE: moment | {"description": "Only events that came before then."},
        "event_types": TYPES | {"description": "Only events of these types; those of the endpoint unless given."},
    }
    return {
        "WebhookReplay": {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "description": "Which events are sent again: those after a cursor, or of a time.",
            "examples": [{FROM: "2024-01-15", "event_types": [ONE_TYPE]}],
        },
        "WebhookReplayed": closed_object(
            {
                "id": TEXT | {"description": "The endpoint to which they are sent.", "examples": [ENDPOINT_ID]},
                "deliveries": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "How many events are sent again.",
                    "examples": [12],
                },
            },
            description="How many events are sent again.",
        ),
    }


def _deliveries() -> dict[str, Any]:
    excerpt = NULLABLE | {"description": "The beginning of a failed attempt's answer.", "examples": [None]}
    attempts = {"type": "array", "items": ref("WebhookAttempt"), "description": "Each attempt, the first one first."}
    return {
        "WebhookDelivery": _delivery(),
        "WebhookDeliveryWithAttempts": _delivery(attempt_log=attempts),
        "WebhookAttempt": closed_object(ATTEMPT | {"excerpt": excerpt}, description="One attempt to deliver an event."),
        "WebhookDeliveryPage": page_schema("WebhookDelivery", "A page of the deliveries of an endpoint."),
    }


COMPONENTS |= {**_endpoints(), **_replays(), **_deliveries()}
