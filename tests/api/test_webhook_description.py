"""The top-level `webhooks` of the description: every type of event, and what is sent is as described."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from crm.transfer import announcements
from crm.transfer.undo import undo
from overplane.events import types
from overplane.events.models import Event
from overplane.events.webhooks import body, services
from overplane.events.webhooks.models import PING, Cause, Delivery, Payload
from overplane.events.webhooks.signing import sign
from overplane.origin import Origin
from tests.conftest import CUSTOMER, ROW, Api
from tests.described import DESCRIBED

SENT = DESCRIBED["webhooks"]


def assert_described(sent: bytes) -> str:
    """Its type."""
    event = json.loads(sent)
    (content,) = SENT[event["type"]]["post"]["requestBody"]["content"].values()
    schema = content["schema"] | {"components": DESCRIBED["components"]}
    Draft202012Validator(schema).validate(event)
    return event["type"]


def test_has_every_type_and_the_ping() -> None:
    assert list(SENT) == sorted([*types.known, PING])


@pytest.mark.parametrize("type_", SENT)
def test_names_the_headers_that_are_sent(type_: str) -> None:
    described = {one["name"] for one in SENT[type_]["post"]["parameters"]}
    assert described == set(sign("evt_1", 1, b"", ["whsec_eA=="]))


@pytest.mark.parametrize("payload", Payload.values)
@pytest.mark.parametrize("is_erased", [False, True], ids=["with its values", "erased"])
def test_what_is_sent_is_as_described(api: Api, payload: str, is_erased: bool, imported: Any) -> None:
    customer_id, other = api.create()["id"], api.create()["id"]
    row = api.add_row(customer_id, company="A")["id"]
    api.add_row(customer_id, company="B", idx=1)
    api.patch(f"{ROW}/{row}", {"company": "C"})
    api.delete(f"{ROW}/{row}")
    api.patch(f"{CUSTOMER}/{customer_id}", {"territory": "North"})
    assert api.post(f"{CUSTOMER}/{customer_id}/merge", {"from": [other]}).status_code == 200
    assert api.post(f"{CUSTOMER}/{customer_id}/unmerge", {"restore": [other]}).status_code == 200
    api.delete(f"{CUSTOMER}/{other}")
    if is_erased:
        api.delete(f"{CUSTOMER}/{customer_id}")
    undo(imported("name\nAcme\n").report["run"], started_by="test")
    announcements.exported("export_abc123", 1, Origin("api_key:key_abc123"))
    endpoint, _ = services.create_endpoint({"url": "https://example.com/"})
    deliveries: list[Delivery] = [
        Delivery(pk=event.seq, endpoint=endpoint, epoch=event.epoch, seq=event.seq, cause=Cause.REPLAY)
        for event in Event.objects.all()
    ]
    sent: Any = [*body.of_deliveries(deliveries, payload).values()]
    assert {assert_described(one) for one in sent} == set(types.known)
    assert (b"North" in b"".join(sent)) == (payload == Payload.SNAPSHOT and not is_erased)


def test_a_ping_is_as_described(api: Api) -> None:
    endpoint, _ = services.create_endpoint({"url": "https://example.com/"})
    ping = services.ping(endpoint.id)
    (sent,) = body.of_deliveries([ping], Payload.SNAPSHOT).values()
    assert sent
    assert assert_described(sent) == PING
