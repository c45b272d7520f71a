"""Lists of webhook endpoints and of deliveries, and single deliveries."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from overplane.events.models import Event
from overplane.events.webhooks.models import Attempt, Cause, Delivery, DeliveryStatus
from tests.conftest import Api, codes

HOOK = "/api/crm/webhook-endpoint"


def created(api: Api) -> str:
    answer = api.post(HOOK, {"url": "https://hooks.example.com/"})
    assert answer.status_code == 201, answer.content
    return answer.json()["id"]


def pinged(api: Api, endpoint: str) -> str:
    return api.post(f"{HOOK}/{endpoint}/ping", {}).json()["id"]


@pytest.fixture(params=["endpoints", "deliveries"])
def listed(request: pytest.FixtureRequest, api: Api) -> tuple[str, list[str]]:
    """The address of a list of five, and their ids, newest first."""
    if request.param == "endpoints":
        return HOOK, [created(api) for _ in range(5)][::-1]
    created(api)
    endpoint, other = created(api), created(api)
    pinged(api, other)
    return f"{HOOK}/{endpoint}/delivery", [pinged(api, endpoint) for _ in range(5)][::-1]


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [one["id"] for one in answer.json()["data"]]


def test_a_list_is_as_lists_are(api: Api, listed: tuple[str, list[str]]) -> None:
    path, expected = listed
    page = api.get(path).json()
    assert list(page) == ["data", "has_more", "total"]
    assert [one["id"] for one in page["data"]] == expected
    assert (page["has_more"], page["total"]) == (False, 5)
    assert "secret" not in page["data"][0]
    page = api.get(f"{path}?limit=2&offset=1").json()
    assert [one["id"] for one in page["data"]] == expected[1:3]
    assert (page["has_more"], page["total"]) == (True, 5)
    assert ids(api.get(f"{path}?offset=9")) == []


def test_how_far_each_is_behind_takes_as_many_statements_for_many(api: Api) -> None:
    api.create()
    hour_ago = timezone.now() - timedelta(hours=1)
    Event.objects.update(created_at=hour_ago)
    event = Event.objects.get()

    def behind() -> str:
        name = created(api)
        Delivery.objects.create(
            endpoint_id=name, epoch=event.epoch, seq=event.pk, event_type=event.type, subject=event.subject,
            created_at=timezone.now(), next_attempt_at=timezone.now(), cause=Cause.FEED,
        )  # fmt: skip
        return name

    late = {behind()}
    created(api)
    with CaptureQueriesContext(connection) as few:
        api.get(HOOK)
    late |= {behind() for _ in range(4)}
    for _ in range(4):
        created(api)
    with CaptureQueriesContext(connection) as many:
        endpoints = api.get(HOOK).json()["data"]
    assert len(endpoints) == 10
    assert len(many) == len(few)
    assert {one["lag_seconds"] // 60 for one in endpoints if one["id"] in late} == {60}


def test_a_walk_by_cursor_and_by_its_links(api: Api, listed: tuple[str, list[str]]) -> None:
    path, expected = listed
    seen, link = [], f"{path}?limit=2"
    while link:
        answer = api.get(link)
        seen += ids(answer)
        nexts = [part for part in answer.get("Link", "").split(", ") if 'rel="next"' in part]
        link = nexts[0].partition(">")[0][1:] if nexts else ""
    assert seen == expected
    assert ids(api.get(f"{path}?ending_before={expected[3]}&limit=2")) == expected[1:3]
    assert api.get(f"{path}?ending_before={expected[3]}&limit=2").json()["has_more"] is True
    assert api.get(f"{path}?ending_before={expected[1]}&limit=2").json()["has_more"] is False


def test_the_place_of_what_is_gone_stays(api: Api, listed: tuple[str, list[str]]) -> None:
    path, expected = listed
    if path == HOOK:
        api.delete(f"{path}/{expected[2]}")
    else:
        Delivery.objects.order_by("-pk")[2].delete()
    assert ids(api.get(f"{path}?starting_after={expected[2]}")) == expected[3:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "problems"),
    [
        ("starting_after=nope", {"starting_after": "resource_missing"}),
        ("ending_before=customer_abc123", {"ending_before": "resource_missing"}),
        ("starting_after=a&offset=1", {"starting_after": "parameter_conflict"}),
        ("limit=0", {"limit": "parameter_invalid_range"}),
        ("q=x", {"q": "parameter_unknown"}),
    ],
)
def test_refuses_other_pages(api: Api, listed: tuple[str, list[str]], query: str, problems: dict[str, str]) -> None:
    answer = api.get(f"{listed[0]}?{query}")
    assert answer.status_code == 400
    assert set(codes(answer).values()) == set(problems.values())


def test_deliveries_of_one_status(api: Api) -> None:
    endpoint = created(api)
    pinged(api, endpoint)
    done = pinged(api, endpoint)
    Delivery.objects.filter(pk=Delivery.objects.order_by("-pk")[0].pk).update(
        status=DeliveryStatus.SUCCEEDED, next_attempt_at=None
    )
    page = api.get(f"{HOOK}/{endpoint}/delivery?status=succeeded").json()
    assert ([one["id"] for one in page["data"]], page["total"]) == ([done], 1)
    answer = api.get(f"{HOOK}/{endpoint}/delivery?status=lost")
    assert (answer.status_code, codes(answer)) == (400, {"status": "parameter_invalid"})


def test_a_delivery_with_its_attempts(api: Api) -> None:
    endpoint = created(api)
    delivery = pinged(api, endpoint)
    now = timezone.now()
    one = Delivery.objects.get()
    Attempt.objects.create(
        delivery=one, subject=one.subject, at=now, status_code=500, milliseconds=12, error="HTTP 500", excerpt="no"
    )
    Delivery.objects.update(
        attempts=1, last_at=now, last_status_code=500, last_milliseconds=12, last_error="HTTP 500",
        next_attempt_at=None, status=DeliveryStatus.FAILED,
    )  # fmt: skip
    output = api.get(f"{HOOK}/{endpoint}/delivery/{delivery}").json()
    attempt = {"at": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "status_code": 500, "milliseconds": 12, "error": "HTTP 500"}
    assert output["last_attempt"] == attempt
    assert output["attempt_log"] == [attempt | {"excerpt": "no"}]
    assert (output["attempts"], output["next_attempt_at"], output["status"]) == (1, None, "failed")
    listed = api.get(f"{HOOK}/{endpoint}/delivery").json()["data"]
    assert listed == [{name: value for name, value in output.items() if name != "attempt_log"}]


def test_one_is_sent_again(api: Api) -> None:
    endpoint = created(api)
    delivery = pinged(api, endpoint)
    answer = api.post(f"{HOOK}/{endpoint}/delivery/{delivery}/resend", {})
    assert answer.status_code == 201
    assert answer.json()["id"] != delivery
    assert answer["Location"] == f"{HOOK}/{endpoint}/delivery/{answer.json()['id']}"
    assert Delivery.objects.count() == 2


@pytest.mark.parametrize("name", ["dlv_x", "dlv_0000000000000", "dlv_vvvvvvvvvvvvv", "x", "dlv_%00", "dlv_ä"])
def test_a_delivery_that_is_not_there(api: Api, name: str) -> None:
    endpoint = created(api)
    for answer in (
        api.get(f"{HOOK}/{endpoint}/delivery/{name}"),
        api.post(f"{HOOK}/{endpoint}/delivery/{name}/resend", {}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")


def test_a_delivery_of_another_endpoint_is_not_there(api: Api) -> None:
    endpoint, other = created(api), created(api)
    delivery = pinged(api, endpoint)
    assert api.get(f"{HOOK}/{other}/delivery/{delivery}").status_code == 404
    assert api.get(f"{HOOK}/whe_gone/delivery/{delivery}").status_code == 404
    assert api.post(f"{HOOK}/{other}/delivery/{delivery}/resend", {}).status_code == 404
