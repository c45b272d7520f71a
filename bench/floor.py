"""The least that a server of these routes can be: one WSGI function, prepared SQL, no rule, no event, no search.

It has a copy of the customers in the service's own database, with the primary key and the index of the list, and runs
on the same kind of gunicorn. What the service takes longer is what its features cost. `FLOOR_DATABASE` is its URL.
"""

import hashlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import orjson
import psycopg

DATABASE = os.environ.get("FLOOR_DATABASE", "")
IS_SQLITE = DATABASE.startswith("sqlite")
KEY_DIGESTS = frozenset(os.environ.get("FLOOR_KEY_DIGESTS", "").split())
TABLE = "floor_customer"
ROUTE = "/api/crm/customer"
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS
HEADERS = ("Content-Type", "application/json")
_thread = threading.local()


def prepare(connection: Any, names: list[str]) -> None:
    """Copies the service's customers. The total is a number in a table, as cheap as one that is kept."""
    columns = ", ".join("CAST(default_commission_rate AS float8) AS default_commission_rate" if n == "default_commission_rate" else n for n in names)  # fmt: skip
    connection.execute(f"CREATE TABLE {TABLE} AS SELECT {columns} FROM crm_customer")
    connection.execute(f"CREATE UNIQUE INDEX {TABLE}_pk ON {TABLE} (id)")
    connection.execute(f"CREATE INDEX {TABLE}_newest ON {TABLE} (created_at DESC, id DESC)")
    connection.execute(f"CREATE TABLE floor_total AS SELECT count(*) AS n FROM {TABLE}")


def _connect() -> Callable[[str, Any], Any]:
    if not IS_SQLITE:
        return psycopg.connect(DATABASE, autocommit=True, prepare_threshold=0).cursor(binary=True).execute
    connection = sqlite3.connect(DATABASE.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA busy_timeout = 20000")
    return lambda sql, values: connection.execute(sql.replace("%s", "?"), values)


def execute(sql: str, values: Any) -> Any:
    if not hasattr(_thread, "execute"):
        _thread.execute = _connect()
    return _thread.execute(sql, values)


def _names() -> list[str]:
    return [column[0] for column in execute(f"SELECT * FROM {TABLE} LIMIT 0", ()).description]


NAMES = _names() if DATABASE else []
COLUMNS = ", ".join(NAMES)
BOOLEANS = {"disabled", "is_internal_customer", "is_frozen", "so_required", "dn_required"}


def _read(environ: dict[str, Any]) -> dict[str, Any]:
    body = orjson.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    for name, value in body.items():
        if name not in NAMES or (isinstance(value, bool) != (name in BOOLEANS) and value is not None):
            raise ValueError(name)
    return body


def _now() -> Any:
    return str(datetime.now(UTC)) if IS_SQLITE else datetime.now(UTC)


def _one(method: str, pk: str, environ: dict[str, Any]) -> tuple[str, Any]:
    if method == "GET":
        row = execute(f"SELECT {COLUMNS} FROM {TABLE} WHERE id = %s", (pk,)).fetchone()
    elif method == "PATCH":
        body = _read(environ)
        changes = ", ".join(f"{name} = %s" for name in body)
        sql = f"UPDATE {TABLE} SET {changes}, updated_at = %s WHERE id = %s RETURNING {COLUMNS}"
        row = execute(sql, (*body.values(), _now(), pk)).fetchone()
    else:
        row = execute(f"DELETE FROM {TABLE} WHERE id = %s", (pk,)).rowcount
        return ("200 OK", {"id": pk, "deleted": True}) if row else ("404 Not Found", {})
    return ("200 OK", dict(zip(NAMES, row, strict=True))) if row else ("404 Not Found", {})


def _all(method: str, environ: dict[str, Any]) -> tuple[str, Any]:
    if method == "GET":
        query = parse_qs(environ.get("QUERY_STRING", ""))
        limit = int(query.get("limit", ["20"])[0])
        (total,) = execute("SELECT n FROM floor_total", ()).fetchone()
        rows = execute(f"SELECT {COLUMNS} FROM {TABLE} ORDER BY created_at DESC, id DESC LIMIT %s", (limit,)).fetchall()
        data = [dict(zip(NAMES, row, strict=True)) for row in rows]
        return "200 OK", {"data": data, "has_more": total > limit, "total": total}
    body, now = _read(environ), _now()
    customer = {name: body.get(name, False if name in BOOLEANS else None) for name in NAMES}
    customer |= {"id": f"customer_{secrets.token_hex(13)}", "created_at": now, "updated_at": now}
    execute(f"INSERT INTO {TABLE} ({COLUMNS}) VALUES ({', '.join(['%s'] * len(NAMES))})", tuple(customer.values()))
    return "201 Created", customer


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    key = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if hashlib.sha256(key.encode()).hexdigest() not in KEY_DIGESTS:
        status, answer = "401 Unauthorized", {}
    elif path == ROUTE:
        status, answer = _all(method, environ)
    else:
        status, answer = _one(method, path.rpartition("/")[2], environ)
    content = orjson.dumps(answer, option=OPTIONS)
    start_response(status, [HEADERS, ("Content-Length", str(len(content)))])
    return (content,)
