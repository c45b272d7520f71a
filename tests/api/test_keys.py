"""Keys: Bearer and Basic, kinds, modes, expiry, revocation, and limits."""

import base64
import subprocess
import sys
import time
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F
from django.test import Client
from django.utils import timezone

from overplane.api import keys, throttling
from overplane.api.models import Allowance, ApiKey
from tests.conftest import CUSTOMER, Api


def call(client: Client, authorization: str | None) -> Any:
    headers = {} if authorization is None else {"authorization": authorization}
    return client.get(CUSTOMER, headers=headers)


def test_bearer_and_basic_are_the_same(api: Api, client: Client) -> None:
    basic = base64.b64encode(f"{api.key}:".encode()).decode()
    for authorization in (f"Bearer {api.key}", f"bearer  {api.key}", f"Basic {basic}"):
        assert call(client, authorization).status_code == 200


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "api_key_missing"), ("", "api_key_missing"), ("Bearer", "api_key_missing"), ("Digest x", "api_key_missing"),
        ("Basic ???", "api_key_missing"), ("Bearer sk_test_wrong", "api_key_invalid"), ("Bearer ä", "api_key_invalid"),
        ("Bearer " + "sk_test_" + "A" * 38, "api_key_invalid"), ("Bearer " + "x" * 8000, "api_key_invalid"),
    ],
)  # fmt: skip
def test_anything_else_is_401(api: Api, client: Client, authorization: str | None, code: str) -> None:
    answer = call(client, authorization)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert answer.json()["error"]["type"] == "authentication_error"
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_password_beside_the_key_is_refused(api: Api, client: Client) -> None:
    basic = base64.b64encode(f"{api.key}:secret".encode()).decode()
    assert call(client, f"Basic {basic}").status_code == 401


def test_a_session_is_no_key(admin_client: Client) -> None:
    assert admin_client.get(CUSTOMER).status_code == 401


def test_only_a_digest_is_kept(db: None) -> None:
    record, key = keys.mint("x")
    assert len(key) == len("sk_test_") + 38
    assert key not in str(list(ApiKey.objects.values_list()))
    assert record.last_four == key[-4:]
    assert keys.well_formed(key)
    assert not keys.well_formed(key[:-1] + ("0" if key[-1] != "0" else "1"))


def test_expired_revoked_and_foreign_keys_stop(db: None, client: Client, settings: Any) -> None:
    expired = keys.mint("old", expires_at=timezone.now() - timedelta(seconds=1))[1]
    assert call(client, f"Bearer {expired}").json()["error"]["code"] == "api_key_expired"
    record, key = keys.mint("x")
    assert call(client, f"Bearer {key}").status_code == 200
    settings.OVERPLANE_MODE = "live"
    keys.forget()
    assert call(client, f"Bearer {key}").json()["error"]["code"] == "api_key_invalid"
    settings.OVERPLANE_MODE = "test"
    assert call(client, f"Bearer {key}").status_code == 200
    keys.revoke(record)
    keys.forget()  # as time does
    assert call(client, f"Bearer {key}").json()["error"]["code"] == "api_key_invalid"


def test_a_revoked_key_is_remembered_less_than_five_seconds(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, key = keys.mint("x")
    assert call(client, f"Bearer {key}").status_code == 200
    keys.revoke(record)
    later = keys.time.monotonic() + 4.9
    monkeypatch.setattr(keys.time, "monotonic", lambda: later)
    assert call(client, f"Bearer {key}").status_code == 401


def test_a_read_only_key_reads(read_only_api: Api) -> None:
    assert read_only_api.get(CUSTOMER).status_code == 200
    for answer in (
        read_only_api.post(CUSTOMER, {"customer_name": "x"}),
        read_only_api.patch(f"{CUSTOMER}/x", {}),
        read_only_api.delete(f"{CUSTOMER}/x"),
        read_only_api.post(f"{CUSTOMER}/batch", {}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "key_read_only")
        assert answer.json()["error"]["type"] == "permission_error"


def test_last_use_is_noted_at_most_once_a_minute(db: None, client: Client) -> None:
    record, key = keys.mint("x")
    call(client, f"Bearer {key}")
    first = ApiKey.objects.get(pk=record.pk).last_used_at
    keys.forget()
    call(client, f"Bearer {key}")
    assert ApiKey.objects.get(pk=record.pk).last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    keys.forget()
    call(client, f"Bearer {key}")
    assert ApiKey.objects.get(pk=record.pk).last_used_at >= first


def test_a_rolled_key_is_of_the_same_family(db: None) -> None:
    old, old_key = keys.mint("x")
    created = Api(old_key).post(CUSTOMER, {"customer_name": "once"}, Idempotency_Key="k")
    _, key = keys.roll(old, grace=timedelta(hours=1))
    assert Api(old_key).get(CUSTOMER).status_code == 200
    assert Api(key).post(CUSTOMER, {"customer_name": "once"}, Idempotency_Key="k").content == created.content
    stranger = keys.mint("y")[1]
    assert (
        Api(stranger).post(CUSTOMER, {"customer_name": "once"}, Idempotency_Key="k").json()["id"]
        != created.json()["id"]
    )


def test_the_command_prints_just_the_key(db: None) -> None:
    out, err = StringIO(), StringIO()
    call_command("create_api_key", "shop", "--read-only", "--expires", "3", stdout=out, stderr=err)
    assert keys.well_formed(out.getvalue().removesuffix("\n"))
    assert "shop" in err.getvalue()
    assert ApiKey.objects.get().expires_at > timezone.now() + timedelta(days=2)


def stop_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token flows in before an hour has passed, however slow this machine is."""
    monkeypatch.setattr(throttling, "CLOCKS_APART", 3600)
    Allowance.objects.update(at=time.time() + 3600)


class TestLimits:
    def test_a_key_has_its_rate(self, api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.RATE_LIMIT = 3
        answers = [api.get(CUSTOMER)]
        stop_the_flow(monkeypatch)
        answers += [api.get(CUSTOMER) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
        assert answers[0]["RateLimit-Limit"] == "3"
        assert int(answers[3]["Retry-After"]) >= 1
        assert answers[3].json()["error"]["type"] == "rate_limit_error"
        assert Api(keys.mint("other")[1]).get(CUSTOMER).status_code == 200

    def test_a_clock_that_is_set_back_costs_a_burst_at_most(self, api: Api, settings: Any) -> None:
        settings.RATE_LIMIT = 3
        for _ in range(4):
            api.get(CUSTOMER)
        Allowance.objects.update(at=time.time() + 3600, tokens=0)
        assert api.get(CUSTOMER).status_code == 429
        Allowance.objects.update(at=F("at") - 1.5)  # so long passes
        assert api.get(CUSTOMER).status_code == 200

    def test_a_clock_that_is_set_forward_gives_a_burst_at_most(self, api: Api, settings: Any) -> None:
        settings.RATE_LIMIT = 3
        api.get(CUSTOMER)
        Allowance.objects.update(at=time.time() - 3600, tokens=0)
        assert api.get(CUSTOMER)["RateLimit-Remaining"] == "2"

    def test_there_is_none_by_default(self, api: Api) -> None:
        assert "RateLimit-Limit" not in api.get(CUSTOMER)

    def test_guessing_is_slowed_down_and_a_valid_key_never(
        self, api: Api, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        guesses = [call(client, "Bearer sk_test_wrong")]
        stop_the_flow(monkeypatch)
        guesses += [call(client, "Bearer sk_test_wrong") for _ in range(throttling.FAILURES_A_MINUTE + 2)]
        assert [guess.status_code for guess in guesses] == [401] * 20 + [429] * 3
        assert int(guesses[-1]["Retry-After"]) >= 1
        assert api.get(CUSTOMER).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DEBUG", "maybe", "yes or no"), ("PORT", "x", "a number"), ("OVERPLANE_MODE", "prod", "test or live"),
        ("BASE_URL", "crm.example", "http"), ("RATE_LIMIT", "-1", "0 or more"), ("DATABASE_URL", "mysql://x", "sqlite"),
    ],
)  # fmt: skip
def test_a_wrong_setting_stops_the_start(name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    result = subprocess.run([sys.executable, "manage.py", "check"], capture_output=True, text=True, check=False)
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert name in last
    assert repr(value) in last
    assert message in last


def test_what_the_database_url_says_of_the_connection_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://a@b/c?sslmode=require")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    ask = "from overplane import settings; print(settings.DATABASES['default']['OPTIONS']['sslmode'])"
    result = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert result.stdout == "require\n"
