"""`manage.py doctor`: each thing that is broken is found and named, nothing else is, and nothing is written."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings
from django.utils import timezone

from overplane.api.models import ApiKey
from overplane.database import checkups, disk
from overplane.database.checkups import DURABLE
from overplane.events.models import Epoch, Event
from overplane.events.webhooks import services
from overplane.jobs import housekeeping, queue
from overplane.jobs.models import Job, State
from tests.conftest import Api, settle
from tests.connections import only_postgresql, psycopg_connection

POSTGRESQL = connection.vendor == "postgresql"
only_sqlite = pytest.mark.skipif(POSTGRESQL, reason="PostgreSQL looks after its files by itself")


def findings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Without what the suite's own server has set for speed, which it must find each time."""
    code = 0
    capsys.readouterr()
    hosts = [name for name in settings.ALLOWED_HOSTS if name != "testserver"]  # the test client's
    with connection.execute_wrapper(_only_reads), override_settings(ALLOWED_HOSTS=hosts):
        try:
            call_command("doctor")
        except SystemExit as ended:
            code = int(ended.code or 0)
    *lines, last = capsys.readouterr().out.splitlines()
    wrong = [line for line in lines if line.startswith("WRONG")]
    assert (bool(wrong), len(wrong)) == (bool(code), int(last.split(":")[1].split()[0]))
    durability = [line for line in lines if "durability" in line]
    assert [line.split()[2] for line in durability] == (list(DURABLE) if POSTGRESQL else [])
    return [line for line in lines if line not in durability]


def _only_reads(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    assert sql.split(maxsplit=1)[0].upper() in ("SELECT", "SHOW", "PRAGMA", "SET", "SAVEPOINT", "RELEASE", "BEGIN"), sql
    return execute(sql, params, many, context)


@pytest.fixture
def whole(live_api: Api) -> Api:
    """An installation in which nothing is wrong."""
    customer = live_api.create()
    live_api.patch(f"/api/crm/customer/{customer['id']}", {"gender": "new"})
    live_api.add_row(customer["id"], company="A")
    job = queue.enqueue(housekeeping.DAILY.name, {}, "system:worker")
    Job.objects.filter(pk=job.pk).update(state=State.DONE, finished_at=timezone.now(), result={"problems": {}})
    settle()
    return live_api


def sql(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text)


def test_nothing_is_found_where_nothing_is_wrong(whole: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert findings(capsys) == []


@pytest.mark.parametrize(
    ("setting", "value", "found"),
    [
        ("DEBUG", True, "WRONG  settings: DEBUG is on"),
        ("ALLOWED_HOSTS", ["*"], "WRONG  settings: ALLOWED_HOSTS lets any name in"),
        ("ALLOWED_HOSTS", ["crm.example.com"], "WRONG  settings: BASE_URL is not https"),
        ("OVERPLANE_MODE", "live", "WRONG  settings: BASE_URL is not https"),
        ("DATA_DIR", "/nowhere", "WRONG  disk: nothing can be written to DATA_DIR (No such file or directory)"),
    ],
)
def test_settings(
    whole: Api, capsys: pytest.CaptureFixture[str], settings: Any, setting: str, value: Any, found: str
) -> None:
    setattr(settings, setting, value)
    assert found in "\n".join(findings(capsys))


def test_a_secret_that_others_may_read(
    whole: Api, capsys: pytest.CaptureFixture[str], settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / "secret_key").write_text("x")
    (tmp_path / "secret_key").chmod(0o640)
    (line,) = findings(capsys)
    assert f"chmod 600 {tmp_path}/secret_key" in line
    (tmp_path / "secret_key").chmod(0o600)
    assert findings(capsys) == []


@pytest.mark.slow
def test_a_count_that_is_wrong_and_a_trigger_that_is_gone(whole: Api, capsys: pytest.CaptureFixture[str]) -> None:
    any_slot = "SELECT min(slot) FROM overplane_row_count WHERE relation = 'crm_customer'"
    sql(f"UPDATE overplane_row_count SET n = n + 1 WHERE slot = ({any_slot})")
    (line,) = findings(capsys)
    assert line.startswith("WRONG  kept counts: the kept count of crm_customer is 2, and it has 1 rows")
    sql("DROP TRIGGER crm_customer_count_insert" + (" ON crm_customer" if POSTGRESQL else ""))
    assert any("triggers: crm_customer_count_insert is missing" in one for one in findings(capsys))
    call_command("migrate", verbosity=0)  # the advice
    assert findings(capsys) == []


def test_a_change_that_no_event_tells_of(whole: Api, capsys: pytest.CaptureFixture[str]) -> None:
    sql("UPDATE crm_customer SET version = version + 1")
    (line,) = findings(capsys)
    assert "customers in the event log: the newest version of 1 customers has no event" in line
    sql("UPDATE crm_customer SET version = version - 1")
    Event.objects.filter(type="customer.updated").delete()
    assert len(findings(capsys)) == 1
    Event.objects.all().delete()
    assert len(findings(capsys)) == 1
    Epoch.objects.update(purged_seq=1)  # what was purged is not asked for
    assert findings(capsys) == []


def test_a_worker_that_is_not_there(whole: Api, capsys: pytest.CaptureFixture[str]) -> None:
    queue.enqueue(housekeeping.DAILY.name, {}, "user:1")
    assert findings(capsys) == []  # it has just been asked for
    Job.objects.filter(state=State.QUEUED).update(run_after=timezone.now() - timedelta(hours=1))
    (line,) = findings(capsys)
    assert line == "WRONG  worker: 1 jobs wait and no worker gives a sign of life. Start manage.py run_worker"
    queue.claim("alive")
    assert findings(capsys) == []
    Job.objects.filter(state=State.RUNNING).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert len(findings(capsys)) == 1


def test_housekeeping_that_does_not_happen(whole: Api, capsys: pytest.CaptureFixture[str]) -> None:
    Job.objects.update(result={"problems": {"sessions": "disk full"}})
    assert "note   worker: the last housekeeping broke off at: sessions" in findings(capsys)[0]
    Job.objects.update(created_at=timezone.now() - timedelta(days=3))
    assert "nothing was deleted" in findings(capsys)[0]


@pytest.mark.slow
def test_webhooks_that_go_nowhere(whole: Api, capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    endpoint, _ = services.create_endpoint({"url": "https://example.com/hook"})
    assert f"WRONG  webhooks: no worker delivers to {endpoint.id}" in findings(capsys)[0]
    type(endpoint).objects.update(held_until=timezone.now() + timedelta(hours=1))
    assert findings(capsys) == []
    settings.SECRET_KEY = "another"
    assert f"WRONG  webhooks: no SECRET_KEY opens the secret of {endpoint.id}" in findings(capsys)[0]
    services.update_endpoint(endpoint.id, {"status": "disabled"})
    assert "is disabled" in findings(capsys)[1]


def test_migrations_that_are_not_applied(whole: Api, capsys: pytest.CaptureFixture[str]) -> None:
    newest = MigrationRecorder.Migration.objects.filter(app="crm").order_by("-name")[0]
    MigrationRecorder.Migration.objects.filter(pk=newest.pk).delete()
    try:
        assert any(f"migrations: crm.{newest.name} is not applied" in line for line in findings(capsys))
    finally:
        newest.save(force_insert=True)


def test_a_restored_copy(whole: Api, capsys: pytest.CaptureFixture[str]) -> None:
    Epoch.objects.update(fingerprint="another/1/2")
    (line,) = findings(capsys)
    assert line.startswith("note   event log: the database is a restored copy")


@only_postgresql
def test_a_log_that_was_put_back(whole: Api, capsys: pytest.CaptureFixture[str]) -> None:
    Event.objects.update(xid=2**50)
    (line,) = findings(capsys)
    assert "it was put back. Stop the service, then manage.py start_event_epoch" in line


def test_numbers_that_are_given_out_twice(whole: Api, capsys: pytest.CaptureFixture[str]) -> None:
    table = Event._meta.db_table
    again = f"setval(pg_get_serial_sequence('{table}', 'seq'), 1)"
    sql(f"SELECT {again}" if POSTGRESQL else f"UPDATE sqlite_sequence SET seq = 1 WHERE name = '{table}'")
    (line,) = findings(capsys)
    assert "and the next one gets 2" in line
    last = Event.objects.order_by("-seq")[0].seq
    again = again.replace("1)", f"{last})")
    sql(f"SELECT {again}" if POSTGRESQL else f"UPDATE sqlite_sequence SET seq = {last} WHERE name = '{table}'")
    assert findings(capsys) == []


@only_postgresql
@pytest.mark.slow
def test_who_holds_the_feed_back(whole: Api, capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    settings.FEED_LAG_LIMIT = 0.1
    with psycopg_connection() as console:
        console.execute("SELECT pg_current_xact_id()")
        whole.create()
        time.sleep(0.2)
        (line,) = findings(capsys)
        assert f"pg_terminate_backend({console.info.backend_pid})" in line


@only_postgresql
def test_connections_that_the_server_does_not_have(
    whole: Api, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    settings.WEB_CONCURRENCY = 100
    (line,) = findings(capsys)
    assert "connections: WEB_CONCURRENCY × WEB_THREADS and one worker may need 403 connections" in line


@only_postgresql
def test_a_declared_pooler_without_limits(whole: Api, capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    settings.DATABASE_POOLER = "transaction"
    lines = findings(capsys)
    for line, limit in zip(
        lines, ("statement_timeout = '10s'", f"lock_timeout = '{settings.LOCK_SECONDS:g}s'"), strict=True
    ):
        assert f"ALTER ROLE overplane SET {limit}" in line


@contextmanager
def asked_instead(**changed: str) -> Iterator[Any]:
    """Another database, in place of the usual one."""
    usual = connections[DEFAULT_DB_ALIAS]
    other = usual.copy()
    other.settings_dict |= changed
    connections[DEFAULT_DB_ALIAS] = other
    try:
        yield other
    finally:
        connections[DEFAULT_DB_ALIAS] = usual
        other.close()


@only_postgresql
@pytest.mark.slow
def test_a_database_of_another_encoding_without_the_extension(transactional_db: None) -> None:
    with psycopg_connection(autocommit=True) as console:
        console.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            with asked_instead(NAME="latin"):
                found = [one.text for one in checkups.server()]
        finally:
            console.execute("DROP DATABASE latin")
    assert found == ["the encoding is LATIN1", "the extension pg_trgm is missing"]


@only_sqlite
def test_a_damaged_file(db: None, tmp_path: Path) -> None:
    path = tmp_path / "damaged.sqlite3"
    with closing(sqlite3.connect(path)) as own, own:
        own.execute("PRAGMA journal_mode = WAL")
        own.execute("CREATE TABLE one (text)")
        own.executemany("INSERT INTO one VALUES (?)", [("x" * 1000,)] * 100)
    with path.open("r+b") as file:
        file.seek(5 * 4096)
        file.write(bytes(4096))
    with asked_instead(NAME=str(path)):
        (found,) = checkups.server()
    assert found.text.startswith("the file is damaged: ")


def test_a_disk_that_is_nearly_full(
    whole: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "LEAST_FREE", 2**62)
    lines = findings(capsys)
    assert any(re.match(r"WRONG  disk: DATA_DIR has \d+ MB left, and needs \d+", line) for line in lines)
    assert any(re.match(r"WRONG  disk: /\S+ has \d+ MB left", line) for line in lines)


def test_a_database_that_is_away(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise OperationalError("the connection is lost")

    hosts = override_settings(ALLOWED_HOSTS=["localhost"])
    with hosts, connection.execute_wrapper(away), pytest.raises(SystemExit) as ended:
        call_command("doctor")
    assert ended.value.code == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("WRONG")]
    assert len(lines) == 1
    assert ApiKey.objects.count() == 0
