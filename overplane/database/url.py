"""DATABASE_URL, as libpq and Django understand it. The settings read it, so nothing of Django's models is used here."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

DEFAULT = "default"  # Django's name of the database that is written to
CONNECTION_SECONDS = 600  # a connection is kept for so long
# What stands in a URL for Django and is no word of libpq's.
DJANGO_S = {"conn_max_age": "CONN_MAX_AGE", "conn_health_checks": "CONN_HEALTH_CHECKS"}
POOLERS = ("none", "transaction", "transaction-prepared")
# libpq's own words. Seconds until a server is given up that lets nobody in, and milliseconds for one that confirms nothing.
NETWORK_LIMITS = {
    "connect_timeout": 3, "tcp_user_timeout": 10_000, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
}  # fmt: skip
# Of several servers the one that takes writes: after a failover it is another one.
OF_SEVERAL = {"target_session_attrs": "read-write"}
# One that is gone must not hold anybody up, since the primary can answer as well.
REPLICA_S = {"connect_timeout": "2", "target_session_attrs": "any"}


def replicas_from(text: str, *, primary: Mapping[str, Any], pooler: str) -> dict[str, dict[str, Any]]:
    """Of URLs with blanks or commas between: Django's settings of each by its alias."""
    urls = [url for url in re.split(r"[\s,]+(?=postgres)", text.strip()) if url]
    if urls and not primary["ENGINE"].endswith("postgresql"):
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URLS is set, but DATABASE_URL names SQLite, which has no replicas."
        )
    return {f"replica_{i}": _replica(url, pooler) for i, url in enumerate(urls, 1)}


def _replica(url: str, pooler: str) -> dict[str, Any]:
    said = dict(parse_qsl(urlsplit(url).query))
    config, _ = database_from(url, pooler=pooler, variable="DATABASE_REPLICA_URLS")
    if not config["ENGINE"].endswith("postgresql"):
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URLS names what is no PostgreSQL: only its standbys can be read from."
        )
    config["OPTIONS"] |= {word: value for word, value in REPLICA_S.items() if word not in said}
    return config | {"TEST": {"MIRROR": DEFAULT}}


def database_from(url: str, *, pooler: str, variable: str = "DATABASE_URL") -> tuple[dict[str, Any], str]:
    """Django's settings of a database, and what pooler stands before it. Messages do not repeat the URL: it holds a password.

    `pooler`: unless the URL says it. Several hosts are written as libpq does: `postgresql://user@one:5432,two:5432/name`.
    """
    try:
        split = urlsplit(url)
        hosts, ports = _several(split)
        single = urlunsplit(split._replace(netloc=_netloc(split, "several"))) if hosts else url
        config: dict[str, Any] = dict(
            dj_database_url.parse(single, conn_max_age=CONNECTION_SECONDS, conn_health_checks=True)
        )
    except ValueError:
        expected = "postgresql://user:password@host:5432/name; signs such as @ and / in the password as %40 and %2F"
        raise ImproperlyConfigured(f"{variable} is no URL. Right is {expected}.") from None
    options: dict[str, Any] = config.pop("OPTIONS", {})
    for name, setting in DJANGO_S.items():
        if name in options:
            config[setting] = options.pop(name)
    pooler = config["POOLER"] = _pooler(options, pooler)
    if config["ENGINE"].endswith("postgresql"):
        if hosts:
            config |= {"HOST": hosts, "PORT": ports}
        _postgresql(config, options, pooler)
    else:
        _sqlite(config)
    return config, pooler


def _several(split: SplitResult) -> tuple[str, str]:
    """Hosts and ports, each with commas between; none if there is one host only."""
    _, _, hosts = split.netloc.rpartition("@")
    if "," not in hosts:
        return "", ""
    pairs = [
        host_and_port.rpartition(":") if _has_port(host_and_port) else (host_and_port, "", "")
        for host_and_port in hosts.split(",")
    ]
    if any((port and not port.isascii()) or (port and not port.isdecimal()) for _, _, port in pairs):
        raise ValueError("a port is no number")
    return ",".join(host.strip("[]") for host, _, _ in pairs), ",".join(port for _, _, port in pairs)


def _has_port(host_and_port: str) -> bool:
    return ":" in host_and_port.rpartition("]")[2]


def _netloc(split: SplitResult, host: str) -> str:
    person, at, _ = split.netloc.rpartition("@")
    return f"{person}{at}{host}"


def _pooler(options: dict[str, Any], pooler: str) -> str:
    said = options.pop("pooler", pooler)
    if said not in POOLERS:
        raise ImproperlyConfigured(f"?pooler={said} in DATABASE_URL must be {' or '.join(POOLERS)}.")
    return str(said)


def _postgresql(config: dict[str, Any], options: Mapping[str, Any], pooler: str) -> None:
    if "prepare_threshold" in options:
        raise ImproperlyConfigured(
            "prepare_threshold in DATABASE_URL is not to be set: the service names the statements that it prepares itself."
            " Behind a pooler that hands out connections by transaction add ?pooler=transaction, and none is prepared."
        )
    config["ENGINE"] = "overplane.database.postgresql"
    config["OPTIONS"] = {
        **NETWORK_LIMITS,
        **(OF_SEVERAL if "," in config["HOST"] or "," in str(options.get("host", "")) else {}),
        # What the URL says stays: postgresql://…?sslmode=require.
        **options,
        # psycopg itself prepares only where that is asked for, as for many rows at once; never behind a pooler.
        "prepare_threshold": 10**9 if pooler == "none" else None,
    }


def _sqlite(config: dict[str, Any]) -> None:
    config["ENGINE"] = "overplane.database.sqlite"
    config["OPTIONS"] = {
        # Whoever will write takes the lock at the start and waits for it, instead of failing half-way.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;",
    }
