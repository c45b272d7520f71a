"""What people and programs do with endpoints."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from overplane.events.webhooks import clock, output, purging, secret, services
from overplane.events.webhooks.models import Delivery
from overplane.problems import CursorExpired, ObjectMissing
from tests.conftest import Api, settle

pytestmark = pytest.mark.django_db
URL = "https://example.com/hook"


def test_an_endpoint_is_made_changed_and_deleted() -> None:
    endpoint, plain_secret = services.create_endpoint({"url": URL, "description": " Billing ", "event_types": []})
    body = output.endpoint(endpoint, secret=plain_secret)
    assert body["id"].startswith("whe_")
    assert (body["status"], body["payload"], body["description"]) == ("enabled", "snapshot", "Billing")
    assert body["secret"] == plain_secret
    assert "secret" not in output.endpoint(endpoint)
    changed = services.update_endpoint(endpoint.id, {"payload": "thin", "event_types": ["customer.created"]})
    assert (changed.payload, changed.event_types) == ("thin", ["customer.created"])
    delivery = services.ping(endpoint.id)
    with CaptureQueriesContext(connection) as queries:
        services.delete_endpoint(endpoint.id)
    # Workers wait for the lock, and with them all other endpoints; there may be a million deliveries.
    assert not any(Delivery._meta.db_table in one["sql"] for one in queries)
    for find in (lambda: services.find(endpoint.id), lambda: services.find_delivery(endpoint.id, delivery.public_id)):
        with pytest.raises(ObjectMissing):
            find()
    assert purging.purge() == 1
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("values", "param"),
    [
        ({}, "url"),
        ({"url": "http://example.com"}, "url"),
        ({"url": f"https://example.com/{'a' * 2000}"}, "url"),
        ({"url": URL, "payload": "fat"}, "payload"),
        ({"url": URL, "event_types": ["customer.exploded"]}, "event_types"),
        ({"url": URL, "event_types": "all"}, "event_types"),
        ({"url": URL, "description": "a" * 256}, "description"),
        ({"url": URL, "status": "asleep"}, "status"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, object], param: str) -> None:
    with pytest.raises(ValidationError) as error:
        services.create_endpoint(values)
    assert list(error.value.error_dict) == [param]


def test_it_starts_now_or_at_the_start_or_at_a_cursor(live_api: Api) -> None:
    live_api.create()
    settle()
    now, _ = services.create_endpoint({"url": URL})
    assert output.endpoint(now)["position"] == live_api.feed("").json()["next_cursor"]
    oldest, _ = services.create_endpoint({"url": URL}, start_at="start")
    assert oldest.position < now.position
    there, _ = services.create_endpoint({"url": URL}, start_at=output.endpoint(now)["position"])
    assert there.position == now.position
    with pytest.raises(ValidationError) as error:
        services.create_endpoint({"url": URL}, start_at="yesterday")
    assert list(error.value.error_dict) == ["start_at"]
    with pytest.raises(CursorExpired):
        services.create_endpoint({"url": URL}, start_at=f"{'0' * 16}.1.1.1")


def test_the_secret_is_not_stored_and_survives_a_change_of_the_key() -> None:
    with override_settings(SECRET_KEY="former"):
        endpoint, plain_secret = services.create_endpoint({"url": URL})
    stored = [str(value) for value in vars(services.find(endpoint.id)).values()]
    assert not any(plain_secret.removeprefix("whsec_") in value for value in stored)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["former"]):
        assert secret.valid(endpoint, clock.now()) == [plain_secret]
    with override_settings(SECRET_KEY="new"), pytest.raises(secret.SecretLost):
        secret.valid(endpoint, clock.now())


def test_after_a_roll_two_secrets_sign_for_a_day() -> None:
    endpoint, first = services.create_endpoint({"url": URL})
    endpoint, second = services.roll_secret(endpoint.id)
    assert secret.valid(endpoint, clock.now()) == [second, first]
    assert secret.valid(endpoint, clock.now() + secret.TWO_FOR) == [second]


def test_deliveries_are_found_by_their_public_id() -> None:
    endpoint, _ = services.create_endpoint({"url": URL})
    delivery = services.ping(endpoint.id)
    assert services.find_delivery(endpoint.id, delivery.public_id) == delivery
    body = output.delivery_with_attempts(delivery)
    assert (body["status"], body["attempts"], body["last_attempt"], body["attempt_log"]) == ("pending", 0, None, [])
    for wrong in ("dlv_", "dlv_1", delivery.public_id.upper(), "dlv_" + "v" * 13):
        with pytest.raises(ObjectMissing):
            services.find_delivery(endpoint.id, wrong)


def test_a_replay_takes_a_range_of_the_log(live_api: Api) -> None:
    endpoint, _ = services.create_endpoint({"url": URL})
    live_api.create()
    settle()
    middle = live_api.feed("").json()["next_cursor"]
    customer = live_api.create()
    live_api.delete(f"/api/crm/customer/{customer['id']}")
    settle()
    assert services.replay(endpoint.id, after="start") == 3
    assert services.replay(endpoint.id, after=middle) == 2
    assert services.replay(endpoint.id, event_types=["customer.deleted"]) == 1
    assert services.replay(endpoint.id, created_from=clock.now()) == 0
    assert services.replay(endpoint.id, created_before=clock.now()) == 3
    newest = Delivery.objects.first()
    assert newest is not None
    assert newest.cause == "replay"
    assert services.resend(endpoint.id, newest.public_id).event_id == newest.event_id
