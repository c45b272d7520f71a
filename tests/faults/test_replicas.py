"""Lists that come from standbys: who has written sees it, who has not may see a moment that is over, and not for long."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.databases import start_postgresql
from tests.faults.followed import (
    CUSTOMER,
    IMPORT,
    MAX_LAG,
    OWN,
    Followed,
    Staff,
    catch_up,
    doctor,
    manage_user,
    value,
)
from tests.freezing import frozen
from tests.served import manage, served

pytestmark = pytest.mark.slow

# A thread lets go of a stream without closing it, then writes.
LET_GO = """
import gc, time
from crm.api.export_stream import lines
from crm.models import Customer
from django.db import connections
from django.utils import timezone
from overplane.api.streams import StreamResponse
from overplane.database import replicas
from overplane.jobs.models import Preset

while not connections["replica_1"].in_atomic_block:
    replicas.read(lambda: StreamResponse(lines(Customer.objects.all(), list), content_type="x"), reader="x")
    gc.collect()
Preset.objects.create(kind="let go", name="", values={}, saved_at=timezone.now())
replicas.wrote("x")
for _ in range(30):
    time.sleep(0.1)
    print(replicas.read(Preset.objects.filter(kind="let go").count, reader="x"))
"""


IN_THE_WAY = """
from django.db import Error, connection
from overplane.database.troubles import trouble

try:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(pg_sleep(30)) FROM crm_customer")
except Error as failure:
    print(failure.__cause__.sqlstate, trouble(failure))
"""


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    home = tmp_path_factory.mktemp("followed")
    primary = start_postgresql()
    try:
        manage(home, "prepare", DATABASE_URL=primary.url)
        writer, other = (manage(home, "create_api_key", name, DATABASE_URL=primary.url) for name in ("writer", "other"))
        standby = primary.standby().start()
        try:
            with served(
                home, DATABASE_URL=primary.url, DATABASE_REPLICA_URLS=standby.url, REPLICA_MAX_LAG=str(MAX_LAG),
                WEB_CONCURRENCY="1",
            ) as service:  # fmt: skip
                yield Followed(home, primary, standby, service, writer, other)
        finally:
            standby.destroy()
    finally:
        primary.destroy()


def test_who_has_written_sees_it_and_others_miss_nothing_for_long(followed: Followed) -> None:
    it = followed
    it.create("Before")
    it.wait_until_read_from()
    with it.paused():
        newest = it.create("After")
        assert it.names(it.other) == ["Before"], "it was not read from the standby"
        assert it.names(it.other, f"{CUSTOMER}?q=After") == []
        assert it.exported(it.other) == 1
        assert it.names(it.writer) == ["After", "Before"]
        assert it.names(it.writer, f"{CUSTOMER}?q=After") == ["After"]
        assert it.exported(it.writer) == 2
        # The standby has no such customer, but an error is never its last word.
        assert it.names(it.other, f"{OWN}&starting_after={newest}") == ["Before"]
        until = time.monotonic() + MAX_LAG + 5
        while it.names(it.other) != ["After", "Before"]:
            assert time.monotonic() < until, "a replica that lags goes on being read"
            time.sleep(0.25)
    it.wait_until_read_from()
    it.standby.stop("immediate")
    for _ in range(5):
        assert it.names(it.other) == ["After", "Before"]
    assert "replicas: replica_1 is not read from: connection failed" in doctor(it.primary, it.standby)
    it.standby.start()
    assert "replicas" not in doctor(it.primary, it.standby)
    it.wait_until_read_from()


def test_before_its_migration_the_primary_answers(followed: Followed) -> None:
    it = followed
    with psycopg.connect(it.primary.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE overplane_last_write RENAME TO of_the_former_release")
        try:
            it.create("Early", "early")
            assert it.names(it.other, f"{CUSTOMER}?customer_group=early") == ["Early"]
        finally:
            connection.execute("ALTER TABLE of_the_former_release RENAME TO overplane_last_write")


def test_staff_see_what_they_have_saved(followed: Followed) -> None:
    it = followed
    anna, bert = (Staff(it.service, manage_user(it, name)) for name in ("anna", "bert"))
    it.wait_until_read_from()
    with it.paused():
        anna.add("Saved by Anna")
        assert "Saved by Anna" not in bert.list(), "it was not read from the standby"
        assert "Saved by Anna" in anna.list()


def test_a_replica_that_is_frozen_holds_nobody_up_for_long(followed: Followed, tmp_path: Path) -> None:
    """A process of its own: it will leave the standby out for ten times as long as it waited for it."""
    it = followed
    urls = {"DATABASE_URL": it.primary.url, "DATABASE_REPLICA_URLS": it.standby.url, "REPLICA_MAX_LAG": str(MAX_LAG)}
    with served(tmp_path, WEB_CONCURRENCY="1", **urls) as service:
        seen_from = replace(it, service=service)
        seen_from.wait_until_read_from()
        with frozen(it.standby):
            began = time.monotonic()
            for _ in range(10):
                seen_from.names(it.other)
            assert time.monotonic() - began < 20


def test_what_is_wrong_with_a_body_is_told_although_two_servers_are_asked(followed: Followed) -> None:
    it = followed
    it.wait_until_read_from()
    body = b'{"limit": 1, "limit": 2}'
    status, answer, _ = it.service.call("POST", f"{CUSTOMER}/search", it.other, body, Content_Type="application/json")
    assert (status, json.loads(answer)["error"]["code"]) == (400, "parameter_duplicate")


def test_what_a_worker_that_knows_no_replica_has_done_is_seen_by_all(followed: Followed, tmp_path: Path) -> None:
    it = followed
    it.catch_up()
    urls = {"DATABASE_URL": it.primary.url, "DATABASE_REPLICA_URLS": it.standby.url, "REPLICA_MAX_LAG": "600"}
    with served(tmp_path, WEB_CONCURRENCY="1", **urls) as service:
        seen_from = replace(it, service=service)
        seen_from.wait_until_read_from()
        with it.paused():
            file = b"customer_name\nImported\n"
            assert service.call("POST", IMPORT, it.writer, file, Content_Type="text/csv")[0] == 202
            manage(tmp_path, "run_worker", "--until-idle", DATABASE_URL=it.primary.url)
            assert "Imported" in seen_from.names(it.other, CUSTOMER)


def test_a_worker_reads_a_long_file_from_a_standby_that_has_everything(followed: Followed) -> None:
    it = followed
    with psycopg.connect(it.primary.url, autocommit=True) as primary:
        primary.execute("CREATE ROLE watched SUPERUSER LOGIN")
        primary.execute("ALTER ROLE watched SET log_statement = 'all'")
    url, lag, names = it.standby.url.replace("overplane@", "watched@"), "REPLICA_MAX_LAG", "DATABASE_REPLICA_URLS"
    log = it.standby.home / "log"
    for name, environment, is_paused in (
        ("early", {names: url, lag: "60"}, False),
        ("late", {names: url, lag: "1"}, True),
        ("last", {names: f"{url}_that_is_not_there", lag: "1"}, False),
    ):
        it.create(name, "others")
        it.catch_up()
        before = log.stat().st_size
        with it.paused() if is_paused else nullcontext():
            it.create(f"{name} again", "others")
            lines = it.file_of_worker(environment)
        assert f"{name} again" in lines
        asked = log.read_bytes()[before:].decode()
        # The worker counts customers for the overview too, so the file's own statement is looked for.
        assert ("COPY (SELECT" in asked) == (name == "early"), asked


def test_a_standby_that_fails_in_the_middle_of_a_job_costs_a_second_try(followed: Followed) -> None:
    it = followed
    it.create("Told by the primary", "others")
    with psycopg.connect(it.primary.url, autocommit=True) as primary:
        primary.execute("CREATE ROLE reader LOGIN")  # which may read nothing
    it.catch_up()
    url = it.standby.url.replace("overplane@", "reader@")
    assert "Told by the primary" in it.file_of_worker({"DATABASE_REPLICA_URLS": url, "REPLICA_MAX_LAG": "60"})
    assert value(it.primary, "SELECT count(*) FROM overplane_jobs_job WHERE state = 'failed'") == 0


def test_a_stream_that_nobody_closed_leaves_no_old_moment_to_be_read(followed: Followed) -> None:
    followed.catch_up()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_REPLICA_URLS", followed.standby.url)
        seen = manage(followed.home, "shell", "-v0", "-c", LET_GO, DATABASE_URL=followed.primary.url)
    assert seen.split() == ["1"] * 30


def test_a_standby_that_replays_what_a_statement_stands_in_the_way_of_is_overtaken_by_nobody(
    followed: Followed,
) -> None:
    it = followed
    it.create("In the way", "others")
    it.catch_up()
    with psycopg.connect(it.standby.url, autocommit=True) as standby:
        standby.execute("ALTER SYSTEM SET max_standby_streaming_delay = 0")
        standby.execute("SELECT pg_reload_conf()")
        with ThreadPoolExecutor(1) as pool, psycopg.connect(it.primary.url) as primary:
            told = pool.submit(manage, it.home, "shell", "-v0", "-c", IN_THE_WAY, DATABASE_URL=it.standby.url)
            asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            while not it.of_standby(asleep) and not told.done():
                time.sleep(0.1)
            primary.execute("LOCK TABLE crm_customer IN ACCESS EXCLUSIVE MODE")
            primary.commit()
            assert told.result() == "40001 Trouble.READ_ONLY"
        standby.execute("ALTER SYSTEM RESET max_standby_streaming_delay")
        standby.execute("SELECT pg_reload_conf()")


def test_places_of_a_longer_log_do_not_keep_readers_from_replicas(followed: Followed) -> None:
    """As a dump brings them."""
    it = followed
    it.wait_until_read_from()
    value(
        it.primary,
        "WITH u AS (UPDATE overplane_last_write SET place = 1::bigint << 60 RETURNING 1) SELECT count(*) FROM u",
    )
    it.wait_until_read_from()
    with it.paused():
        it.create("Not seen yet", "others")
        assert "Not seen yet" not in it.names(it.other, CUSTOMER), "it was not read from the standby"


def test_a_standby_whose_tables_may_not_be_read_is_left_out(followed: Followed, tmp_path: Path) -> None:
    """Else each list would be asked for twice, and nobody would know."""
    it = followed
    with psycopg.connect(it.primary.url, autocommit=True) as primary:
        primary.execute("CREATE ROLE stranger LOGIN")
    it.catch_up()
    url = it.standby.url.replace("overplane@", "stranger@")
    with served(
        tmp_path, WEB_CONCURRENCY="1", DATABASE_URL=it.primary.url, DATABASE_REPLICA_URLS=url, LOG_LEVEL="WARNING"
    ) as service:
        until = time.monotonic() + 30
        while "replica_1 is left out: ['permission denied" not in service.log:
            assert service.get(OWN, it.other)[0] == 200
            assert time.monotonic() < until, "it is asked again and again"


def test_a_primary_without_the_table_or_that_only_reads_is_asked(followed: Followed, tmp_path: Path) -> None:
    it = followed
    it.wait_until_read_from()
    urls = {"DATABASE_URL": it.standby.url, "DATABASE_REPLICA_URLS": it.standby.url}
    with served(tmp_path, WEB_CONCURRENCY="1", **urls) as service:
        assert service.get(OWN, it.other)[0] == 200
    with psycopg.connect(it.primary.url, autocommit=True) as primary:
        primary.execute("ALTER TABLE overplane_last_write RENAME TO hidden")
        try:
            it.create("Before the migration", "others")
            assert "Before the migration" in it.names(it.writer, CUSTOMER)
        finally:
            primary.execute("ALTER TABLE hidden RENAME TO overplane_last_write")


def test_a_standby_of_the_former_primary_is_not_read_from(tmp_path: Path) -> None:
    """It may have replayed further than the promoted one is, but of another history."""
    primary = start_postgresql(durable=True)
    promoted, left = primary.standby(), primary.standby()
    try:
        manage(tmp_path, "prepare", DATABASE_URL=primary.url)
        key = manage(tmp_path, "create_api_key", "test", DATABASE_URL=primary.url)
        for one in (promoted, left):
            one.start()
        catch_up(promoted, primary)
        promoted.promote()
        value(
            primary, "SELECT count(pg_logical_emit_message(false, '', repeat('x', 999))) FROM generate_series(1, 9999)"
        )
        catch_up(left, primary)
        with served(
            tmp_path, WEB_CONCURRENCY="1", DATABASE_URL=promoted.url, DATABASE_REPLICA_URLS=left.url
        ) as service:
            for number in range(3):
                body = json.dumps({"customer_name": f"Nordlicht {number}"}).encode()
                assert service.call("POST", CUSTOMER, key, body, Content_Type="application/json")[0] == 201
                status, answer = service.get(CUSTOMER, key)
                assert (status, json.loads(answer)["total"]) == (200, number + 1)
        assert "replica_1 is not read from: it follows another primary" in doctor(promoted, left)
    finally:
        for one in (promoted, left, primary):
            one.destroy()
