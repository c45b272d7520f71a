"""A PostgreSQL database with many customers, their line items and the log of their changes, made by the database itself.

A customer each 97 seconds until now, each second one with a supplier number, and two events each. Without the service's
own code, which would take a day for ten million. An event shows some of its customer's attributes only.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg

ROOT = Path(__file__).parent.parent
# What a server of this size is given in production; nothing here outlives it, so it writes no more log than it must.
SETTINGS = {"shared_buffers": "2GB", "max_wal_size": "8GB", "wal_level": "minimal", "max_wal_senders": "0"}
ROWS_A_STATEMENT = 100_000  # they are kept until its triggers have run
WRITERS = 2
SECONDS_BETWEEN = 97
ID = "'customer_' || lpad(i::text, 26, '0')"
TIME = f"%(now)s::timestamptz - (%(size)s - i) * interval '{SECONDS_BETWEEN} seconds'"
WORDS = (
    "ARRAY['Alfa','Bravo','Delta','Echo','Foxtrot','Golf','Hotel','India','Kilo','Lima','Mike','Nordic','Oscar','Papa']"
)
CUSTOMERS = f"""
INSERT INTO crm_customer (id, created_at, updated_at, customer_name, customer_type, customer_group, territory, tax_id, email_id, mobile_no,
  industry, disabled, is_internal_customer, is_frozen, so_required, dn_required, version, search_text)
SELECT id, t, t, name, 'Company', 'group ' || i / 250, 'territory ' || i %% 40, tax, mail, phone, 'industry ' || i %% 9,
  i %% 50 = 0, false, false, false, false, 1,
  ' ' || upper(name) || E'\\n ' || upper(mail) || E'\\n ' || phone || E'\\n ' || tax || E'\\n '
  || regexp_replace(upper(name || ' ' || mail || ' ' || phone || ' ' || tax), '[^A-Z0-9]+', ' ', 'g')
FROM (SELECT i, {ID} AS id, {TIME} AS t,
  ({WORDS})[1 + i %% 14] || ' ' || substr(md5(i::text), 1, 8) || ' ' || ({WORDS})[1 + (i / 14) %% 14] AS name,
  'DE' || lpad((i * 7919 %% 100000000)::text, 9, '0') AS tax, 'info' || i || '@c' || i / 100 || '.example' AS mail,
  '+49 30 ' || lpad((i * 31 %% 10000000)::text, 7, '0') AS phone
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i) AS made
"""
NUMBERS = f"""
INSERT INTO crm_suppliernumberatcustomer (id, customer_id, idx, company, supplier_number, version)
SELECT 'supplier_number_at_customer_' || lpad(i::text, 26, '0'), {ID}, 1, 'Company ' || i %% 30, 'S' || i, 1
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i WHERE i %% 2 = 0
"""
EVENTS = f"""
INSERT INTO overplane_events_event (epoch, type, created_at, actor, subject, object_id, object_version, object, previous, changed)
SELECT (SELECT max(id) FROM overplane_events_epoch), CASE k WHEN 1 THEN 'customer.created' ELSE 'customer.updated' END, {TIME}, 'api_key:key_' || i %% 7, {ID}, {ID}, k,
  json_build_object('id', {ID}, 'object', 'customer', 'customer_name', md5(i::text), 'customer_type', 'Company',
    'customer_group', 'group ' || i / 250, 'territory', 'territory ' || i %% 40, 'industry', 'industry ' || i %% 9,
    'email_id', 'info' || i || '@c' || i / 100 || '.example', 'disabled', false, 'version', k)::text,
  CASE k WHEN 1 THEN NULL ELSE '{{"territory": "territory 41"}}' END, CASE k WHEN 1 THEN '' ELSE ' territory ' END
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i, generate_series(1, 2) AS k ORDER BY i, k
"""
TABLES = ("crm_customer", "crm_suppliernumberatcustomer", "overplane_events_event")


def filled(server_url: str, size: int) -> tuple[str, dict[str, str]]:
    """The URL of the server's database with so many customers, and the environment of what uses it. Fills it if it is not there."""
    name = f"size_{size}"
    url = f"{server_url.rpartition('/')[0]}/{name}"
    environment = os.environ | {
        "DATABASE_URL": url, "DATA_DIR": _data_dir(name), "DJANGO_SETTINGS_MODULE": "overplane.settings",
    }  # fmt: skip
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "-v", "0"]
    subprocess.run(collect, cwd=ROOT, env=environment, check=True)
    with psycopg.connect(server_url, autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return url, environment
        # Half filled it has another name, so that nobody takes it for the whole.
        admin.execute(f"DROP DATABASE IF EXISTS {name}_half")
        admin.execute(f"CREATE DATABASE {name}_half")
        _make(f"{url}_half", size, environment | {"DATABASE_URL": f"{url}_half"})
        admin.execute(f"ALTER DATABASE {name}_half RENAME TO {name}")
    return url, environment


def _data_dir(name: str) -> str:
    """Of this run, and gone after it."""
    path = tempfile.mkdtemp(prefix=f"overplane-{name}-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def _make(url: str, size: int, environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True)
    with psycopg.connect(url, autocommit=True) as connection:
        with _without_indexes(connection):
            _fill(url, size)
        connection.execute("VACUUM ANALYZE")


@contextmanager
def _without_indexes(connection: psycopg.Connection) -> Iterator[None]:
    """Building an index at the end takes a fraction of what keeping it meanwhile does. Those of constraints stay."""
    indexes = connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid::regclass::text = ANY(%s)"
        " AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)",
        [list(TABLES)],
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    connection.execute("SET maintenance_work_mem = '3GB'")
    for _, definition in indexes:
        connection.execute(definition)


def _fill(url: str, size: int) -> None:
    # A customer comes before what refers to it; each kind by as many writers as there are processors.
    with psycopg.connect(url, autocommit=True) as connection:
        (now,) = connection.execute("SELECT now()").fetchone() or (None,)
    for statement in (CUSTOMERS, NUMBERS, EVENTS):
        parts = range(1, size + 1, ROWS_A_STATEMENT)
        # The log is in the order of its times.
        writers = 1 if statement == EVENTS else WRITERS
        write = partial(_write, url, statement, size, now)
        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(write, parts))  # which raises what went wrong


def fill_log(connection: psycopg.Connection, url: str, size: int) -> None:
    """The events alone, two of each of so many customers that are not there, into a database of the service."""
    with _without_indexes(connection):
        write_log(url, size, size)
    connection.execute("VACUUM ANALYZE overplane_events_event")


def write_log(url: str, size: int, count: int) -> None:
    """The events of the last `count` of `size` customers."""
    with psycopg.connect(url, autocommit=True) as connection:
        (now,) = connection.execute("SELECT now()").fetchone() or (None,)
    for first in range(size - count + 1, size + 1, ROWS_A_STATEMENT):
        _write(url, EVENTS, size, now, first)


def _write(url: str, statement: str, size: int, now: object, first: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        last = min(first + ROWS_A_STATEMENT - 1, size)
        connection.execute(statement, {"first": first, "last": last, "size": size, "now": now})
