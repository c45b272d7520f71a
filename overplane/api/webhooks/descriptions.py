"""The routes of webhook endpoints in the API's description; their objects are in `components`."""

from collections.abc import Callable

from drf_spectacular.utils import extend_schema_view

from overplane.api.events.webhook_schemas import webhook
from overplane.api.list_parameters import WHICH, limit_parameter
from overplane.api.openapi import (
    BODIES,
    IDEMPOTENCY_KEY,
    LINK,
    LOCATION,
    TAGS,
    WEBHOOKS,
    WRITES,
    object_id,
    operation,
    words,
)
from overplane.api.pagination import DEFAULT_LIMIT
from overplane.api.schemas import MOMENT, TEXT, closed_object, ref
from overplane.api.webhooks.components import DELIVERY_ID, ENDPOINT_ID
from overplane.events.webhooks.models import PING, DeliveryStatus

TAG = "Webhook endpoints"
TAGS |= {TAG: "Endpoints of yours to which every change is pushed: signed, in order, and again until it has arrived. For full keys only."}  # fmt: skip
READS = [403]
ENDPOINT, DELIVERY = object_id(ENDPOINT_ID), object_id(DELIVERY_ID, "delivery_id")
STATUSES = words("status", DeliveryStatus.values, "A comma-separated choice of statuses.")
PAGE = [limit_parameter(DEFAULT_LIMIT), *WHICH]
WEBHOOKS[PING] = webhook(
    PING,
    closed_object(
        {
            "id": TEXT | {"examples": ["ping_0000000abc123"]},
            "type": TEXT | {"const": PING},
            "created_at": MOMENT,
            "actor": TEXT | {"const": "system"},
            "data": closed_object(
                {"object": closed_object({"id": TEXT | {"examples": [ENDPOINT_ID]}}), "previous_attributes": closed_object({})}
            ),
            "object_version": {"type": "integer", "const": 1},
            "request": closed_object({"id": {"type": "null"}, "idempotency_key": {"type": "null"}}),
        },
        description="A trial that somebody asked for; the feed has no such event.",
    ),
)  # fmt: skip


def describe_endpoints() -> Callable[[type], type]:
    return extend_schema_view(
        list=operation(
            "listWebhookEndpoints", "List webhook endpoints", "Sorted by creation date, most recently created first.",
            tag=TAG, answer=ref("WebhookEndpointPage"), answered="A page of the endpoints, and how many there are in all.", headers=[LINK],
            parameters=PAGE, errors=READS,
        ),
        create=operation(
            "createWebhookEndpoint", "Create a webhook endpoint",
            "It gets what happens from now on, unless `start_at` says otherwise. The answer has the secret, which is shown this once (and to a retry with the"
            " same `Idempotency-Key`, since it is not stored but made again).",
            tag=TAG, answer=ref("WebhookEndpointWithSecret"), answered="The new endpoint with its secret.", status=201, body=ref("WebhookEndpointCreate"),
            parameters=[IDEMPOTENCY_KEY], errors=[410, *WRITES, *BODIES], headers=[LOCATION],
        ),
        retrieve=operation(
            "retrieveWebhookEndpoint", "Retrieve a webhook endpoint", "The endpoint with this identifier. It has no `ETag`: its position moves with every delivery.",
            tag=TAG, answer=ref("WebhookEndpoint"), answered="The endpoint as it is now.", parameters=[ENDPOINT], errors=[404, *READS],
        ),
        partial_update=operation(
            "updateWebhookEndpoint", "Update a webhook endpoint",
            "Sets the attributes passed. `null` and the empty string reset to the default. An endpoint that is enabled again goes on where it stopped.",
            tag=TAG, answer=ref("WebhookEndpoint"), answered="The endpoint as it is after the change.", body=ref("WebhookEndpointUpdate"),
            parameters=[ENDPOINT, IDEMPOTENCY_KEY], errors=[404, *WRITES, *BODIES],
        ),
        destroy=operation(
            "deleteWebhookEndpoint", "Delete a webhook endpoint", "With its deliveries. Nothing is sent to it any more.",
            tag=TAG, answer=ref("DeletedWebhookEndpoint"), answered="The endpoint is deleted; its id is all that is left.", parameters=[ENDPOINT, IDEMPOTENCY_KEY], errors=[404, *WRITES],
        ),
    )  # fmt: skip


def describe_ping() -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            "pingWebhookEndpoint", "Ping a webhook endpoint", f"Sends an event of the type `{PING}`, once, also to a disabled endpoint.",
            tag=TAG, answer=ref("WebhookDelivery"), answered="Its delivery, which is made in a moment.", status=201,
            parameters=[ENDPOINT, IDEMPOTENCY_KEY], errors=[404, *WRITES], headers=[LOCATION],
        ),
    )  # fmt: skip


def describe_roll() -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            "rollWebhookSecret", "Roll the secret",
            "Makes a new secret. For 24 hours what is sent has two signatures, one of each secret, so that nothing is refused meanwhile. A second roll within them ends the first secret at once.",
            tag=TAG, answer=ref("WebhookEndpointWithSecret"), answered="The endpoint with its new secret, which is shown this once.",
            parameters=[ENDPOINT, IDEMPOTENCY_KEY], errors=[404, *WRITES],
        ),
    )  # fmt: skip


def describe_replay() -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            "replayWebhookEvents", "Send events again",
            "Events after a cursor or of a time, each once more and tried once, also to a disabled endpoint. It says nothing of the endpoint's health.",
            tag=TAG, answer=ref("WebhookReplayed"), answered="How many events are sent.", body=ref("WebhookReplay"),
            parameters=[ENDPOINT, IDEMPOTENCY_KEY], errors=[404, 410, *WRITES, *BODIES],
        ),
    )  # fmt: skip


def describe_deliveries() -> Callable[[type], type]:
    return extend_schema_view(
        list=operation(
            "listWebhookDeliveries", "List deliveries", "What was sent to an endpoint and what waits, newest first. Kept for 30 days.",
            tag=TAG, answer=ref("WebhookDeliveryPage"), answered="A page of the deliveries, and how many there are in all.", headers=[LINK],
            parameters=[ENDPOINT, *PAGE, STATUSES], errors=[404, *READS],
        ),
        retrieve=operation(
            "retrieveWebhookDelivery", "Retrieve a delivery", "The delivery with each of its attempts.",
            tag=TAG, answer=ref("WebhookDeliveryWithAttempts"), answered="The delivery as it is now.", parameters=[ENDPOINT, DELIVERY], errors=[404, *READS],
        ),
    )  # fmt: skip


def describe_resend() -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            "resendWebhookDelivery", "Send a delivery again", "Its event once more, tried once, as a delivery of its own; also to a disabled endpoint.",
            tag=TAG, answer=ref("WebhookDelivery"), answered="The new delivery, which is made in a moment.", status=201,
            parameters=[ENDPOINT, DELIVERY, IDEMPOTENCY_KEY], errors=[404, *WRITES], headers=[LOCATION],
        ),
    )  # fmt: skip
