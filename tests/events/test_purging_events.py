"""purge_events takes the old from the log's beginning, and no reader loses more than that."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from overplane.events.models import Event
from tests.conftest import CUSTOMER, Api, settle
from tests.connections import only_postgresql, psycopg_connection


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
