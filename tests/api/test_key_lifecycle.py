"""Keys grow old, are rolled and revoked; buckets of tokens fill, are full, and are each one's own."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from overplane.api import keys
from overplane.api.models import Allowance, ApiKey
from tests.conftest import CUSTOMER, Api

HOUR = timedelta(hours=1)
pytestmark = pytest.mark.django_db


def expiry(record: ApiKey) -> datetime | None:
    return ApiKey.objects.get(pk=record.pk).expires_at


def test_a_key_that_is_remembered_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(keys.mint("short", expires_at=timezone.now() + HOUR)[1])
    assert api.get(CUSTOMER).status_code == 200
    later = timezone.now() + 2 * HOUR
    monkeypatch.setattr(timezone, "now", lambda: later)
    answer = api.get(CUSTOMER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "api_key_expired")


@pytest.mark.parametrize(
    ("left", "grace", "expected"),
    [(None, HOUR, HOUR), (3 * HOUR, HOUR, HOUR), (HOUR, 3 * HOUR, HOUR), (None, timedelta(0), timedelta(0))],
)
def test_rolling_shortens_a_key_s_life_and_never_prolongs_it(
    left: timedelta | None, grace: timedelta, expected: timedelta
) -> None:
    now = timezone.now()
    old, old_key = keys.mint("x", expires_at=left and now + left)
    _, new_key = keys.roll(old, grace=grace)
    assert abs(expiry(old) - (now + expected)) < timedelta(minutes=1)
    assert Api(new_key).get(CUSTOMER).status_code == 200
    assert Api(old_key).get(CUSTOMER).status_code == (200 if expected else 401)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_rolled_key_may_do_what_the_old_one_might(read_only: bool) -> None:
    old, _ = keys.mint("shop", read_only=read_only)
    record, key = keys.roll(old, grace=HOUR)
    assert (record.name, record.read_only, record.expires_at) == ("shop", read_only, None)
    assert Api(key).post(CUSTOMER, {"customer_name": "x"}).status_code == (403 if read_only else 201)


def test_a_key_is_revoked_once_and_its_successor_lives() -> None:
    old, old_key = keys.mint("x")
    _, key = keys.roll(old, grace=HOUR)
    keys.revoke(old)
    moment = ApiKey.objects.get(pk=old.pk).revoked_at
    keys.revoke(old)
    assert ApiKey.objects.get(pk=old.pk).revoked_at == moment
    assert Api(old_key).get(CUSTOMER).json()["error"]["code"] == "api_key_invalid"
    assert Api(key).get(CUSTOMER).status_code == 200


class TestBuckets:
    def test_a_long_pause_fills_a_bucket_and_no_more(self, settings: Any) -> None:
        settings.RATE_LIMIT = 2
        api = Api(keys.mint("x")[1])
        assert api.get(CUSTOMER).status_code == 200
        Allowance.objects.update(at=time.time() - 3600)
        first = api.get(CUSTOMER)
        assert (first["RateLimit-Remaining"], first["RateLimit-Limit"]) == ("1", "2")
        assert Allowance.objects.get().tokens <= 2

    def test_tokens_flow_in_with_time(self, settings: Any) -> None:
        settings.RATE_LIMIT = 0.01
        api = Api(keys.mint("x")[1])
        assert [api.get(CUSTOMER).status_code for _ in range(2)] == [200, 429]
        Allowance.objects.update(at=time.time() - 99 - 2)
        assert [api.get(CUSTOMER).status_code for _ in range(2)] == [200, 429]

    def test_who_comes_again_when_told_to_gets_through(self, settings: Any) -> None:
        settings.RATE_LIMIT = 0.01  # a token in a hundred seconds
        api = Api(keys.mint("x")[1])
        api.get(CUSTOMER)
        refused = api.get(CUSTOMER)
        wait = int(refused["Retry-After"])
        assert 90 <= wait <= 101
        assert str(wait) in refused.json()["error"]["message"]
        assert 90 <= int(refused["RateLimit-Reset"]) <= 101
        held = Allowance.objects.get()
        Allowance.objects.update(at=held.at - wait)
        assert api.get(CUSTOMER).status_code == 200

    def test_one_address_s_failures_are_not_another_s(self, client: Client) -> None:
        def guess(address: str) -> int:
            headers = {"authorization": "Bearer sk_test_wrong"}
            return client.get(CUSTOMER, headers=headers, REMOTE_ADDR=address).status_code

        assert guess("192.0.2.1") == 401
        Allowance.objects.update(tokens=0, at=time.time() + 3600)
        assert (guess("192.0.2.1"), guess("192.0.2.2")) == (429, 401)

    def test_one_key_s_calls_are_not_another_s(self, settings: Any) -> None:
        settings.RATE_LIMIT = 1
        first, second = (Api(keys.mint(name)[1]) for name in "ab")
        assert first.get(CUSTOMER).status_code == 200
        Allowance.objects.update(tokens=0, at=time.time() + 3600)
        assert (first.get(CUSTOMER).status_code, second.get(CUSTOMER).status_code) == (429, 200)
