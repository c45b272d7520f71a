"""/api/crm/webhook-endpoint: endpoints, their secrets, and what may not be said of them."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from overplane.api.models import IdempotentAnswer
from overplane.events.webhooks import purging, secret, services
from overplane.events.webhooks.models import Cause, Delivery, Endpoint
from tests.conftest import CUSTOMER, Api, codes, settle

HOOK = "/api/crm/webhook-endpoint"
URL = "https://hooks.example.com/in?x=1"


def created(api: Api, **values: Any) -> dict[str, Any]:
    answer = api.post(HOOK, {"url": URL} | values)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_new_endpoint_has_the_documented_attributes_and_a_secret(api: Api) -> None:
    answer = api.post(HOOK, {"url": URL})
    endpoint = answer.json()
    assert list(endpoint) == [
        "id", "created_at", "updated_at", "url", "description", "event_types", "payload", "status", "disabled_reason",
        "position", "lag_seconds", "failing_since", "secret",
    ]  # fmt: skip
    assert endpoint | {"secret": "", "id": "", "created_at": "", "updated_at": "", "position": ""} == {
        "id": "", "created_at": "", "updated_at": "", "position": "", "secret": "", "url": URL, "description": None,
        "event_types": [], "payload": "snapshot", "status": "enabled", "disabled_reason": None, "lag_seconds": 0,
        "failing_since": None,
    }  # fmt: skip
    assert endpoint["id"].startswith("whe_")
    assert endpoint["secret"].startswith("whsec_")
    assert answer["Location"] == f"{HOOK}/{endpoint['id']}"
    assert "ETag" not in answer
    output = api.get(f"{HOOK}/{endpoint['id']}").json()
    assert output == {name: value for name, value in endpoint.items() if name != "secret"}


def test_it_begins_now_or_where_it_is_told_to(live_api: Api) -> None:
    live_api.create()
    settle()
    end = live_api.feed("").json()["next_cursor"]
    assert created(live_api)["position"] == end
    assert created(live_api, start_at=None)["position"] == end
    assert created(live_api, start_at=end)["position"] == end
    position = created(live_api, start_at="start")["position"]
    assert len(live_api.feed(f"?after={position}").json()["data"]) == 1


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, {"url": "parameter_missing"}),
        ({"url": None}, {"url": "parameter_missing"}),
        ({"url": ""}, {"url": "parameter_missing"}),
        ({"url": 1}, {"url": "parameter_invalid_type"}),
        ({"url": "http://example.com"}, {"url": "parameter_invalid"}),
        ({"url": "https://127.0.0.1/"}, {"url": "parameter_invalid"}),
        ({"url": "https://user:word@example.com/"}, {"url": "parameter_invalid"}),
        ({"url": "https://example.com/" + "x" * 2000}, {"url": "parameter_too_long"}),
        ({"url": URL, "description": "x" * 256}, {"description": "parameter_too_long"}),
        ({"url": URL, "description": 1}, {"description": "parameter_invalid_type"}),
        ({"url": URL, "description": False}, {"description": "parameter_invalid_type"}),
        ({"url": URL, "event_types": "customer.created"}, {"event_types": "parameter_invalid_type"}),
        ({"url": URL, "event_types": ["customer.create"]}, {"event_types": "parameter_invalid"}),
        ({"url": URL, "payload": "fat"}, {"payload": "parameter_invalid"}),
        ({"url": URL, "payload": 1}, {"payload": "parameter_invalid"}),
        ({"url": URL, "status": "asleep"}, {"status": "parameter_invalid"}),
        ({"url": URL, "start_at": "x"}, {"start_at": "cursor_invalid"}),
        ({"url": URL, "start_at": 1}, {"start_at": "parameter_invalid_type"}),
        ({"url": URL, "secret": "whsec_x"}, {"secret": "parameter_unknown"}),
        (
            {"ulr": URL, "payload": "fat", "start_at": 1},
            {"ulr": "parameter_unknown", "url": "parameter_missing", "payload": "parameter_invalid",
             "start_at": "parameter_invalid_type"},
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_all_told(api: Api, body: dict[str, Any], problems: dict[str, str]) -> None:
    answer = api.post(HOOK, body)
    assert (answer.status_code, codes(answer)) == (400, problems)
    assert not Endpoint.objects.exists()


def test_an_expired_place_to_begin_is_gone(api: Api) -> None:
    answer = api.post(HOOK, {"url": URL, "start_at": f"{'0' * 16}.1.1.1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "cursor_expired")
    assert answer.json()["error"]["param"] == "start_at"


def test_with_private_addresses_allowed_http_is_too(api: Api) -> None:
    with override_settings(WEBHOOK_ALLOW_PRIVATE=True):
        assert created(api, url="http://127.0.0.1:9/x")["url"] == "http://127.0.0.1:9/x"


def test_attributes_change_and_null_resets_them(api: Api) -> None:
    endpoint = created(api, description="a", event_types=["customer.deleted", "customer.created"], payload="thin")
    assert endpoint["event_types"] == ["customer.created", "customer.deleted"]
    path = f"{HOOK}/{endpoint['id']}"
    changed = api.patch(path, {"description": " b ", "url": "https://example.org/"}).json()
    assert (changed["description"], changed["url"], changed["payload"]) == ("b", "https://example.org/", "thin")
    reset = api.patch(path, {"description": "", "event_types": None, "payload": None}).json()
    assert (reset["description"], reset["event_types"], reset["payload"]) == (None, [], "snapshot")
    assert api.patch(path, {"url": None}).status_code == 400


def test_what_was_read_can_be_sent_back_and_changes_nothing(api: Api) -> None:
    endpoint = created(api)
    Endpoint.objects.update(updated_at=timezone.now() - timedelta(days=1))
    path = f"{HOOK}/{endpoint['id']}"
    output = api.get(path).json()
    assert api.patch(path, output).json() == output
    assert api.patch(path, {}).json() == output
    again = api.post(HOOK, output)
    assert again.status_code == 201
    assert again.json()["id"] != endpoint["id"]


def test_it_is_disabled_and_goes_on_where_it_stopped_or_now(live_api: Api) -> None:
    endpoint = created(live_api)
    path = f"{HOOK}/{endpoint['id']}"
    disabled = live_api.patch(path, {"status": "disabled"}).json()
    assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", None)
    live_api.create()
    settle()
    assert live_api.patch(path, {"status": "enabled"}).json()["position"] == endpoint["position"]
    live_api.patch(path, {"status": "disabled"})
    now = live_api.patch(path, {"status": "enabled", "position": "now"}).json()
    assert now["position"] == live_api.feed("").json()["next_cursor"] != endpoint["position"]
    answer = live_api.patch(path, {"position": "later"})
    assert (answer.status_code, codes(answer)) == (400, {"position": "parameter_invalid"})


def test_it_is_deleted_with_its_deliveries(api: Api) -> None:
    endpoint = created(api)
    path = f"{HOOK}/{endpoint['id']}"
    assert api.post(f"{path}/ping", {}).status_code == 201
    answer = api.delete(path)
    assert (answer.status_code, answer.json()) == (200, {"id": endpoint["id"], "deleted": True})
    purging.purge()
    assert not Delivery.objects.exists()
    for call in (api.get(path), api.delete(path), api.patch(path, {}), api.post(f"{path}/ping", {})):
        assert (call.status_code, call.json()["error"]["code"]) == (404, "resource_missing")


@pytest.mark.parametrize("path", ["", "/whe_x", "/whe_x/delivery", "/whe_x/delivery/dlv_x"])
def test_only_full_keys_read(api: Api, read_only_api: Api, path: str) -> None:
    answer = read_only_api.get(HOOK + path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "key_read_only")
    assert answer.json()["error"]["type"] == "permission_error"


@pytest.mark.parametrize(
    "path", ["", "/whe_x/ping", "/whe_x/roll-secret", "/whe_x/replay", "/whe_x/delivery/dlv_x/resend"]
)
def test_only_full_keys_write(read_only_api: Api, path: str) -> None:
    assert read_only_api.post(HOOK + path, {"url": URL}).status_code == 403
    assert not Endpoint.objects.exists()


def test_a_key_of_a_retry_is_for_changes_only(api: Api) -> None:
    endpoint = created(api)
    assert "Idempotent-Replayed" not in api.get(f"{HOOK}/{endpoint['id']}", Idempotency_Key="k")
    assert "Idempotent-Replayed" not in api.get(f"{HOOK}/{endpoint['id']}", Idempotency_Key="k")


def test_a_rolled_secret_signs_beside_the_former_one(api: Api) -> None:
    endpoint = created(api)
    answer = api.post(f"{HOOK}/{endpoint['id']}/roll-secret", {})
    assert answer.status_code == 200
    rolled = answer.json()["secret"]
    assert rolled != endpoint["secret"]
    assert secret.valid(services.find(endpoint["id"]), timezone.now()) == [rolled, endpoint["secret"]]


def test_the_body_of_an_action_may_be_left_out(api: Api) -> None:
    endpoint = created(api)
    assert api.post(f"{HOOK}/{endpoint['id']}/ping", None).status_code == 201
    assert api.post(f"{HOOK}/{endpoint['id']}/roll-secret", None, Idempotency_Key="k").status_code == 200
    answer = api.post(f"{HOOK}/{endpoint['id']}/ping", {"x": 1})
    assert (answer.status_code, codes(answer)) == (400, {"x": "parameter_unknown"})
    assert api.post(f"{HOOK}/{endpoint['id']}/ping?x=1", {}).status_code == 400


class TestRetries:
    """A stored answer has no secret, and a replay shows it all the same."""

    def both(self, api: Api, path: str, body: Any) -> tuple[Any, Any]:
        first, second = (api.post(path, body, Idempotency_Key="k") for _ in range(2))
        assert first.status_code == second.status_code
        assert second["Idempotent-Replayed"] == "true"
        return first, second

    def test_of_a_new_endpoint(self, api: Api) -> None:
        first, second = self.both(api, HOOK, {"url": URL, "description": '"secret":"sealed:x:00:00"'})
        assert second.content == first.content
        assert second["Location"] == first["Location"]
        assert Endpoint.objects.count() == 1
        api.post(f"{HOOK}/{first.json()['id']}/roll-secret", {})
        third = api.post(HOOK, {"url": URL, "description": '"secret":"sealed:x:00:00"'}, Idempotency_Key="k")
        assert third.content == first.content

    def test_of_a_roll(self, api: Api) -> None:
        endpoint = created(api)
        first, second = self.both(api, f"{HOOK}/{endpoint['id']}/roll-secret", {})
        assert second.content == first.content
        newest, former = secret.valid(services.find(endpoint["id"]), timezone.now())
        assert (newest, former) == (first.json()["secret"], endpoint["secret"])

    def test_nothing_that_is_stored_has_the_secret(self, api: Api) -> None:
        first, _ = self.both(api, HOOK, {"url": URL})
        (stored,) = IdempotentAnswer.objects.all()
        assert b"whsec_" not in bytes(stored.body or b"")
        assert first.json()["secret"].removeprefix("whsec_").encode() not in bytes(stored.body or b"")

    def test_with_another_secret_key_the_answer_is_gone(self, api: Api) -> None:
        self.both(api, HOOK, {"url": URL})
        with override_settings(SECRET_KEY="x" * 50):
            answer = api.post(HOOK, {"url": URL}, Idempotency_Key="k")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "idempotency_answer_erased")
        former = settings.SECRET_KEY
        with override_settings(SECRET_KEY="x" * 50, SECRET_KEY_FALLBACKS=[former]):
            assert api.post(HOOK, {"url": URL}, Idempotency_Key="k").status_code == 201
        assert Endpoint.objects.count() == 1

    def test_of_a_ping(self, api: Api) -> None:
        endpoint = created(api)
        self.both(api, f"{HOOK}/{endpoint['id']}/ping", {})
        assert Delivery.objects.count() == 1


def test_a_ping_is_a_delivery(api: Api) -> None:
    endpoint = created(api)
    answer = api.post(f"{HOOK}/{endpoint['id']}/ping", {})
    delivery = answer.json()
    assert answer.status_code == 201
    assert (delivery["event_type"], delivery["status"], delivery["attempts"]) == ("webhook.ping", "pending", 0)
    assert answer["Location"] == f"{HOOK}/{endpoint['id']}/delivery/{delivery['id']}"
    assert api.get(answer["Location"]).json() == delivery | {"attempt_log": []}


class TestReplay:
    @pytest.fixture
    def path(self, live_api: Api) -> str:
        """Of an endpoint that gets creations alone, after two customers of which one was changed."""
        first = live_api.create()["id"]
        live_api.patch(f"{CUSTOMER}/{first}", {"territory": "North"})
        live_api.create()
        settle()
        return f"{HOOK}/{created(live_api, event_types=['customer.created'])['id']}/replay"

    @pytest.mark.parametrize(
        ("body", "count"),
        [
            ({"after": "start"}, 2),
            ({"after": "start", "event_types": ["customer.updated"]}, 1),
            ({"after": "start", "event_types": []}, 2),
            ({"created_at[gte]": "2024-01-15"}, 2),
            ({"created_at[gte]": "2024-01-15", "created_at[lt]": "2025-01-15T00:00:00Z"}, 0),
            ({"created_at[lt]": "2999-01-15T09:30:00Z", "after": None}, 2),
            ({"created_at[gte]": "2999-01-15"}, 0),
        ],
    )
    def test_sends_what_was_chosen(self, live_api: Api, path: str, body: Any, count: int) -> None:
        answer = live_api.post(path, body)
        endpoint = path.split("/")[-2]
        assert (answer.status_code, answer.json()) == (200, {"id": endpoint, "deliveries": count})
        assert Delivery.objects.filter(cause=Cause.REPLAY).count() == count

    @pytest.mark.parametrize(
        ("body", "problems"),
        [
            ({}, {"after": "parameter_missing"}),
            ({"event_types": ["customer.created"]}, {"after": "parameter_missing"}),
            ({"after": "x"}, {"after": "cursor_invalid"}),
            ({"after": 1}, {"after": "parameter_invalid_type"}),
            ({"after": ""}, {"after": "parameter_missing"}),
            ({"after": "start", "created_at[gte]": "2024-01-15"}, {"created_at[gte]": "parameter_conflict"}),
            ({"after": "start", "created_at[lt]": "2024-01-15"}, {"created_at[lt]": "parameter_conflict"}),
            ({"created_at[gte]": "soon"}, {"created_at[gte]": "parameter_invalid"}),
            ({"created_at[gte]": 1}, {"created_at[gte]": "parameter_invalid_type"}),
            ({"after": "start", "event_types": ["x"]}, {"event_types[0]": "parameter_invalid"}),
            ({"after": "start", "types": []}, {"types": "parameter_unknown"}),
        ],
    )
    def test_refuses_what_is_not_clear(self, live_api: Api, path: str, body: Any, problems: dict[str, str]) -> None:
        answer = live_api.post(path, body)
        assert problems.items() <= codes(answer).items()
        assert answer.status_code == 400
        assert not Delivery.objects.exists()

    def test_a_cursor_that_is_gone(self, live_api: Api, path: str) -> None:
        answer = live_api.post(path, {"after": f"{'0' * 16}.1.1.1"})
        assert (answer.status_code, answer.json()["error"]["param"]) == (410, "after")
