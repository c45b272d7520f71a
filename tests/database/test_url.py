"""What DATABASE_URL may say."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from overplane.database.url import database_from, replicas_from


def parts(url: str, *names: str) -> dict[str, Any]:
    config, pooler = database_from(url, pooler="none")
    flat = config | config["OPTIONS"] | {"pooler": pooler}
    return {name: flat.get(name) for name in names}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p%40@h:5433/d", {"USER": "u", "PASSWORD": "p@", "HOST": "h", "PORT": 5433, "NAME": "d", "target_session_attrs": None}),
        ("postgresql://u@h1:1,h2:2/d", {"USER": "u", "HOST": "h1,h2", "PORT": "1,2", "NAME": "d", "target_session_attrs": "read-write"}),
        ("postgresql://u:a,b%3A@h1,h2:2,[::1]:3/d", {"PASSWORD": "a,b:", "HOST": "h1,h2,::1", "PORT": ",2,3"}),
        ("postgresql:///d?host=h1,h2&port=1,2", {"host": "h1,h2", "port": "1,2", "target_session_attrs": "read-write"}),
        ("postgresql://h1,h2/d?target_session_attrs=any&sslmode=require", {"target_session_attrs": "any", "sslmode": "require"}),
        ("postgresql://h/d?conn_max_age=60&conn_health_checks=false", {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": False, "conn_max_age": None}),
        ("postgresql://h/d", {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True, "pooler": "none", "prepare_threshold": 10**9}),
        ("postgresql://h/d?pooler=transaction", {"pooler": "transaction", "prepare_threshold": None}),
        ("sqlite:////var/lib/o.sqlite3", {"NAME": "/var/lib/o.sqlite3", "transaction_mode": "IMMEDIATE", "pooler": "none"}),
    ],
)  # fmt: skip
def test_says_what_libpq_and_django_understand(url: str, expected: dict[str, Any]) -> None:
    assert parts(url, *expected) == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:secret@h:port/d", "DATABASE_URL is no URL"),
        ("postgresql://u:secret@h1:1,h2:x/d", "DATABASE_URL is no URL"),
        ("postgresql://u:secret@[::1/d", "DATABASE_URL is no URL"),
        ("postgresql://u:secret@h/d?pooler=session", "none or transaction"),
        ("postgresql://u:secret@h/d?prepare_threshold=0", "pooler=transaction"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(url: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said) as raised:
        database_from(url, pooler="none")
    assert "secret" not in str(raised.value)


POSTGRESQL, _ = database_from("postgresql://h/d", pooler="none")
SQLITE, _ = database_from("sqlite:////var/lib/o.sqlite3", pooler="none")


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", []),
        ("postgresql://u@r1:1/d", ["r1"]),
        ("postgresql://u@r1/d,postgres://u@r2/d", ["r1", "r2"]),
        (" postgresql://u@r1/d\n postgresql://u@r2,r3/d ", ["r1", "r2,r3"]),
    ],
)
def test_replicas_are_several_urls(text: str, hosts: list[str]) -> None:
    replicas = replicas_from(text, primary=POSTGRESQL, pooler="none")
    assert [*replicas] == [f"replica_{i}" for i in range(1, len(hosts) + 1)]
    assert [one["HOST"] for one in replicas.values()] == hosts
    for one in replicas.values():
        assert (one["OPTIONS"]["target_session_attrs"], one["OPTIONS"]["connect_timeout"]) == ("any", "2")


def test_what_the_url_of_a_replica_says_stays() -> None:
    url = "postgresql://u@r1,r2/d?target_session_attrs=standby&connect_timeout=7&sslmode=require"
    options = replicas_from(url, primary=POSTGRESQL, pooler="transaction")["replica_1"]["OPTIONS"]
    assert [options[n] for n in ("target_session_attrs", "connect_timeout", "sslmode")] == ["standby", 7, "require"]
    assert options["prepare_threshold"] is None


@pytest.mark.parametrize(
    ("text", "primary", "said"),
    [
        ("postgresql://u:secret@h:port/d", POSTGRESQL, "DATABASE_REPLICA_URLS is no URL"),
        ("sqlite:////var/lib/secret.sqlite3", POSTGRESQL, "no PostgreSQL"),
        ("postgresql://u:secret@h/d", SQLITE, "SQLite, which has no replicas"),
    ],
)
def test_what_can_be_no_replica(text: str, primary: dict[str, Any], said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said) as raised:
        replicas_from(text, primary=primary, pooler="none")
    assert "secret" not in str(raised.value)
