"""Everything that must be deleted in time: by one command, and by the worker once a day."""

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from overplane.api.models import Allowance, IdempotentAnswer
from overplane.events.models import Event
from overplane.jobs import housekeeping, queue
from overplane.jobs.models import Job, JobFile, State
from tests.conftest import Api, settle
from tests.threads import concurrently

NOW, DAY = timezone.now(), timedelta(days=1)
OLD = NOW - 400 * DAY


def output(capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    call_command("housekeeping")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(housekeeping.tasks)
    return {line.partition(": ")[0]: int(line.partition(": ")[2].split()[0]) for line in lines}


def test_it_deletes_what_is_old_and_nothing_else(
    live_api: Api, settings: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    settings.EVENT_DAYS = 0
    fill(tmp_path)
    live_api.create()
    Event.objects.update(created_at=OLD)
    expected = dict.fromkeys(housekeeping.tasks, 0) | {
        "answers to Idempotency-Keys of 24 hours ago": 1,
        "buckets of rate limits that are full": 2,
        "sessions that ended": 1,
        "lock-outs that are over": 1,
        "logins of 90 days ago": 1,
        "jobs that ended 30 days ago": 1,
        "files that nothing knows any more": 2,
    }
    assert output(capsys) == expected
    assert output(capsys) == dict.fromkeys(housekeeping.tasks, 0)
    for model in (IdempotentAnswer, Allowance, Session, AccessAttempt, AccessLog, Job, JobFile, Event):
        assert model._default_manager.count() == 1, model
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "jobs", "jobs/2024-01-15", "jobs/2024-01-15/known.csv", "jobs/2024-01-15/new.csv", "new.refused",
    ]  # fmt: skip
    settings.EVENT_DAYS = 30
    settle()
    assert output(capsys)["events older than EVENT_DAYS"] == 1


def fill(root: Path) -> None:
    """Of each one that is old and one that is not."""
    for number, moment in enumerate((OLD, timezone.now())):
        IdempotentAnswer.objects.create(
            scope="k", key=str(number), fingerprint="", status=200, headers="{}", created_at=moment
        )
        Session.objects.create(session_key=f"s{number}", session_data="", expire_date=moment + timedelta(hours=1))
        for model, values in ((AccessAttempt, {"failures_since_start": 1}), (AccessLog, {})):
            row = model.objects.create(username=f"{number}", **values)
            model.objects.filter(pk=row.pk).update(attempt_time=moment)
        job = queue.enqueue(next(iter(queue.kinds.known)), {}, "user:1")
        Job.objects.filter(pk=job.pk).update(state=State.DONE, finished_at=moment, created_at=moment)
    for number, at in enumerate((time.time() - 7200, time.time() + 7200, time.time())):
        Allowance.objects.create(name=f"key:{number}", tokens=1, at=at)
    folder = root / "jobs" / "2024-01-15"
    folder.mkdir(parents=True)
    (root / "jobs" / "2024-01-14").mkdir()
    files = [folder / "known.csv", folder / "lost.csv", root / "old.refused", root / "jobs" / "2024-01-14"]
    for path in [*files[:3], folder / "new.csv", root / "new.refused"]:
        path.write_text("x")
    for path in files:
        os.utime(path, (OLD.timestamp(),) * 2)
    JobFile.objects.create(
        id="file_1", name="known.csv", content="jobs/2024-01-15/known.csv", created_at=timezone.now(), job=job
    )


def broken() -> Iterator[int]:
    yield 3
    raise OperationalError("the disk is full")


def test_a_task_that_fails_keeps_no_other_from_being_done(
    db: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(housekeeping, "tasks", {"broken": broken, "whole": lambda: iter([2, 2])})
    with pytest.raises(CommandError, match="broken"):
        call_command("housekeeping")
    assert capsys.readouterr().out.splitlines() == [
        "broken: 3 deleted, then it broke off: the disk is full",
        "whole: 4 deleted",
    ]


def test_the_worker_does_it_once_a_day_whatever_restarts(live_api: Api) -> None:
    name = housekeeping.DAILY.name
    for _ in range(2):  # as two workers, one after the other
        call_command("run_worker", until_idle=True)
    job = Job.objects.get(kind=name)
    assert (job.state, job.result and job.result["problems"]) == (State.DONE, {})
    Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - 1.01 * DAY)
    call_command("run_worker", until_idle=True)
    assert Job.objects.filter(kind=name, state=State.DONE).count() == 2


@pytest.mark.slow
def test_of_workers_that_look_at_the_same_time_one_enqueues(transactional_db: None) -> None:
    for _ in range(5):
        Job.objects.all().delete()
        barrier = threading.Barrier(4)

        def look(number: int) -> None:
            barrier.wait()  # noqa: B023 (it is called in the loop)
            queue.enqueue_due()
            # As one that does the whole job before the others look.
            Job.objects.filter(state=State.QUEUED).update(state=State.DONE, finished_at=timezone.now())

        concurrently(look, 4)
        assert Job.objects.filter(kind=housekeeping.DAILY.name).count() == 1


@pytest.mark.slow
def test_writers_wait_for_a_step_at_most(live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        IdempotentAnswer(
            scope="k", key=str(number), fingerprint="", status=200, headers="{}", body=b"x" * 1000, created_at=OLD
        )
        for number in range(30_000)
    ]
    IdempotentAnswer.objects.bulk_create(rows, batch_size=1000)
    ended, slowest = threading.Event(), []

    def write(number: int) -> None:
        if number:
            call_command("housekeeping")
            ended.set()
            return
        while not ended.is_set():
            began = time.perf_counter()
            live_api.create(customer_name="while it sweeps")
            slowest.append(time.perf_counter() - began)

    concurrently(write, 2)
    assert IdempotentAnswer.objects.count() == 0
    assert len(slowest) > 20
    assert max(slowest) < 1.0  # some 0.05 s on a quiet machine
