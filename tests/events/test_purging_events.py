"""purge_events takes the old from the log's beginning, and no reader loses more than that."""

import io
import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from overplane.events import purging
from overplane.events.models import Event
from tests.conftest import CUSTOMER, Api, settle
from tests.connections import only_postgresql, psycopg_connection
from tests.threads import meanwhile


def aged(api: Api, *days: int) -> None:
    """One event after the other, of customers of their own, each said to be so many days old."""
    for age in days:
        api.create()
        Event.objects.filter(pk=Event.objects.latest("seq").pk).update(created_at=timezone.now() - timedelta(days=age))


def purge(api: Api, *arguments: str) -> str:
    api.feed("?limit=1")  # once all that was written is below the horizon
    out = io.StringIO()
    call_command("purge_events", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("ages", "left"),
    [((100, 99, 10, 1), 2), ((100, 10, 100, 1), 3), ((10, 100, 100), 3), ((100, 100), 0), ((91, 89), 1)],
)
def test_takes_the_old_up_to_the_first_that_is_young(live_api: Api, ages: tuple[int, ...], left: int) -> None:
    """An old one behind it (clocks differ) stays, for a cursor can only say where the log begins."""
    aged(live_api, *ages)
    assert purge(live_api) == f"Deleted {len(ages) - left} events older than 90 days.\n"
    assert len(live_api.feed("?after=start").json()["data"]) == left


def test_takes_as_many_days_as_it_is_told(live_api: Api) -> None:
    aged(live_api, 10, 6, 4)
    purge(live_api, "--days", "7")
    assert len(live_api.feed("?after=start").json()["data"]) == 2
    purge(live_api, "--days", "0")
    assert live_api.feed("?after=start").json()["data"] == []
    for wrong in ("-1", "36501"):
        with pytest.raises(CommandError):
            purge(live_api, "--days", wrong)


def test_who_has_read_all_that_goes_reads_on_and_who_has_not_is_told(live_api: Api) -> None:
    aged(live_api, 100, 100, 1, 1)
    cursors = [live_api.feed(f"?after=start&limit={count}").json()["next_cursor"] for count in (1, 2, 3)]
    purge(live_api)
    missed, exact, further = [live_api.feed(f"?after={cursor}") for cursor in cursors]
    assert (missed.status_code, missed.json()["error"]["code"]) == (410, "cursor_expired")
    assert [len(answer.json()["data"]) for answer in (exact, further)] == [2, 1]


def test_a_log_that_is_purged_empty_goes_on(live_api: Api) -> None:
    aged(live_api, 100, 100)
    end = live_api.feed("?after=start").json()["next_cursor"]
    purge(live_api)
    assert live_api.feed(f"?after={end}").json()["data"] == []
    live_api.create()
    assert len(live_api.feed(f"?after={end}").json()["data"]) == 1
    assert len(live_api.feed("?after=start").json()["data"]) == 1
    assert live_api.get(CUSTOMER).json()["total"] == 3


@only_postgresql
def test_what_is_above_the_horizon_stays(live_api: Api) -> None:
    """A transaction that is still open may put an event before it. A cursor would begin behind both, and miss that one."""
    aged(live_api, 100)
    start = live_api.feed("?after=start").json()["next_cursor"]
    with psycopg_connection() as long:
        long.execute("SELECT pg_current_xact_id()")
        aged(live_api, 100, 100)
        out = io.StringIO()
        call_command("purge_events", "--days", "0", stdout=out)
        assert out.getvalue() == "Deleted 1 events older than 0 days.\n"
        assert Event.objects.count() == 2
    settle()
    after = live_api.get(f"/api/crm/event?after={start}")
    assert (after.status_code, len(after.json()["data"])) == (200, 2)
    assert purge(live_api, "--days", "0") == "Deleted 2 events older than 0 days.\n"


def test_many_go_in_steps_and_each_says_where_the_log_begins(live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    aged(live_api, *[100] * 5, 1, 100)
    cursors = [live_api.feed(f"?after=start&limit={count}").json()["next_cursor"] for count in range(1, 7)]
    monkeypatch.setattr(purging, "STEP", 2)
    begins = []
    for count in purging.old_events(timezone.now() - timedelta(days=90)):
        expired = [live_api.feed(f"?after={cursor}").status_code == 410 for cursor in cursors]
        begins.append((count, expired.count(True), len(live_api.feed("?after=start").json()["data"])))
    # Who has read the last one that went may go on: his cursor has not expired.
    assert begins == [(2, 1, 5), (2, 3, 3), (1, 4, 2)]


@only_postgresql
def test_of_two_at_once_the_slower_takes_no_mark_back(live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a reader whose cursor is that mark would go on, and miss what the faster one has deleted behind it."""
    aged(live_api, *[100] * 5, 1)
    cursors = [live_api.feed(f"?after=start&limit={count}").json()["next_cursor"] for count in range(1, 6)]
    monkeypatch.setattr(purging, "STEP", 2)
    before = timezone.now() - timedelta(days=90)
    with meanwhile(lambda: purging.purge(before), before='UPDATE "overplane_events_epoch"') as faster:
        slower = purging.purge(before)
    assert (faster, slower) == ([5], 0)
    assert [live_api.feed(f"?after={cursor}").status_code for cursor in cursors] == [410] * 4 + [200]
    assert len(live_api.feed("?after=start").json()["data"]) == 1


@only_postgresql
@pytest.mark.slow
def test_behind_an_old_snapshot_no_step_walks_over_what_others_deleted(
    live_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while a backup runs: what is deleted stays in the index until nobody can see it any more."""
    aged(live_api, *[100] * 200)
    settle()
    monkeypatch.setattr(purging, "STEP", 5)
    with psycopg_connection() as backup:
        backup.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        backup.execute("SELECT count(*) FROM overplane_events_event")
        before = entries_read()
        assert purging.purge(timezone.now()) == 200
        read = entries_read() - before
    # Once to be found and once to be deleted, of 40 steps; each from the beginning would have read 4,000 more.
    assert 400 <= read < 1000


def entries_read() -> int:
    """Entries of the log's indexes that were read by connections which have ended, or by now have said so."""
    connection.close()
    with psycopg_connection() as watcher:
        time.sleep(1.5)
        row = watcher.execute(
            "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'overplane_events_event'"
        ).fetchone()
        assert row
        return int(row[0])
