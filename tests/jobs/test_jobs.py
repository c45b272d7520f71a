"""Jobs: taken once, finished once, given up for dead, taken back; whatever the number of workers."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from overplane.ids import new_id
from overplane.jobs import kinds, purging, queue, worker
from overplane.jobs.kinds import Kind, Run
from overplane.jobs.models import Job, JobFile, Preset, State
from tests.jobs.work import be_cancelled, break_down, lose_the_database, refuse, save

KINDS = [Kind(f.__name__, f, f.__name__) for f in (save, refuse, break_down, lose_the_database, be_cancelled)]


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "known", {kind.name: kind for kind in KINDS})


def work() -> int:
    return Preset.objects.filter(kind="work").count()


@pytest.mark.django_db(transaction=True)
def test_a_job_runs_and_tells_its_result() -> None:
    job = queue.enqueue("save", {"a": 1}, "user:anna", request_id="req_1")
    call_command("run_worker", until_idle=True)
    job.refresh_from_db()
    assert (job.state, job.result, job.done, job.total) == (State.DONE, {"saved": 1}, 1, 1)
    assert job.finished_at >= job.started_at >= job.created_at
    assert work() == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no replicas")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("work", [save, refuse, break_down, be_cancelled])
def test_however_a_job_ends_readers_of_replicas_see_what_it_wrote(
    work: Callable[[Run], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "known", {"work": Kind("work", work, "work", atomic=False)})
    queue.enqueue("work", {}, "user:anna")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM overplane_last_write")
        assert worker.Worker().run_one()
        cursor.execute("SELECT actor FROM overplane_last_write")
        assert cursor.fetchall() == [("",)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "state", "error"),
    [
        ("refuse", State.FAILED, "The file is empty."),
        ("break_down", State.FAILED, worker.BROKEN),
        ("lose_the_database", State.QUEUED, worker.BROKEN),
        ("be_cancelled", State.RUNNING, ""),  # the cancelling is part of what is taken back here
    ],
)
def test_what_does_not_end_well_is_taken_back(kind: str, state: State, error: str) -> None:
    job = queue.enqueue(kind, {}, "user:anna")
    assert worker.Worker().run_one()
    job.refresh_from_db()
    assert (job.state, job.error, work()) == (state, error, 0)


@pytest.mark.django_db
def test_a_database_that_stays_away_is_tried_three_times() -> None:
    job = queue.enqueue("lose_the_database", {}, "user:anna")
    for _ in range(3):
        Job.objects.update(run_after=timezone.now())
        assert worker.Worker().run_one()
    assert not worker.Worker().run_one()
    job.refresh_from_db()
    assert (job.state, job.attempts) == (State.FAILED, 3)


@pytest.mark.django_db(transaction=True)
def test_unknown_kinds_are_refused_and_a_key_is_open_once() -> None:
    with pytest.raises(queue.UnknownKind, match="'nonsense'"):
        queue.enqueue("nonsense", {}, "user:anna")
    first = queue.enqueue("save", {}, "user:anna", key="summary")
    assert queue.enqueue("save", {}, "user:bert", key="summary").pk == first.pk
    call_command("run_worker", until_idle=True)
    assert queue.enqueue("save", {}, "user:bert", key="summary").pk != first.pk


@pytest.mark.django_db
def test_a_silent_worker_loses_its_job_and_cannot_finish_it_any_more() -> None:
    queue.enqueue("save", {}, "user:anna")
    dead = queue.claim("dead")
    assert queue.claim("other") is None
    assert queue.recover() == 0
    Job.objects.update(heartbeat_at=timezone.now() - queue.STALE - timedelta(seconds=1))
    assert queue.recover() == 1
    assert queue.claim("other").pk == dead.pk
    assert not queue.beat(dead, 5, 10)
    with pytest.raises(kinds.Lost):
        queue.finish(dead, {}, 1, 1)
    queue.fail(dead, "late")
    assert Job.objects.get().state == State.RUNNING


@pytest.mark.django_db
def test_a_clock_that_is_set_back_makes_no_job_wait() -> None:
    ahead = timezone.now() + timedelta(hours=1)
    queue.enqueue("save", {}, "user:anna")
    Job.objects.update(created_at=ahead, run_after=ahead)
    assert queue.claim("dead")
    Job.objects.update(heartbeat_at=ahead)
    assert queue.recover() == 1
    assert queue.claim("other")
    assert queue.recover() == 0


@pytest.mark.django_db
def test_a_job_that_kills_its_workers_is_given_up() -> None:
    queue.enqueue("save", {}, "user:anna")
    for _ in range(queue.MAX_ATTEMPTS):
        assert queue.claim("dying")
        Job.objects.update(heartbeat_at=timezone.now() - 2 * queue.STALE)
        assert queue.recover() == 1
    job = Job.objects.get()
    assert (job.state, queue.claim("next")) == (State.FAILED, None)


@pytest.mark.django_db(transaction=True)
def test_what_comes_round_is_enqueued_once_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    every = Kind("save", save, "save", every=timedelta(minutes=5))
    monkeypatch.setattr(kinds, "known", {"save": every})
    for _ in range(2):
        queue.enqueue_due()
    assert Job.objects.count() == 1
    call_command("run_worker", until_idle=True)
    queue.enqueue_due()
    assert Job.objects.count() == 1
    Job.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    queue.enqueue_due()
    assert Job.objects.count() == 2
    call_command("run_worker", until_idle=True)
    Job.objects.update(created_at=timezone.now() + timedelta(hours=1))  # by a clock that was set back since
    queue.enqueue_due()
    assert Job.objects.count() == 3


@pytest.mark.django_db
def test_old_jobs_go_with_their_files() -> None:
    job = queue.enqueue("save", {}, "user:anna")
    fresh = queue.enqueue("save", {}, "user:anna")
    files = [
        JobFile.objects.create(
            id=new_id("file"), job=owner, name="a.csv", content=ContentFile(b"x", "a.csv"), created_at=timezone.now()
        )
        for owner in (job, fresh, None)
    ]
    long_ago = timezone.now() - purging.RETENTION - timedelta(days=1)
    Job.objects.filter(pk=job.pk).update(state=State.DONE, finished_at=long_ago)
    JobFile.objects.filter(job=None).update(created_at=long_ago)
    purging.purge()
    assert list(JobFile.objects.values_list("pk", flat=True)) == [files[1].pk]
    assert [Path(file.content.path).exists() for file in files] == [False, True, False]
    assert list(Job.objects.all()) == [fresh]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_many_workers_take_each_job_once() -> None:
    for _ in range(40):
        queue.enqueue("save", {}, "user:anna")

    def run() -> None:
        try:
            worker.Worker().run(until_idle=True)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (Job.objects.filter(state=State.DONE).count(), work()) == (40, 40)


@pytest.mark.django_db(transaction=True)
def test_progress_is_seen_from_outside_and_a_cancelled_job_takes_its_work_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BEAT_SECONDS", 0.05)
    seen = []

    def slow(run: Run) -> None:
        if connection.vendor == "postgresql":
            save(run)  # on SQLite this would keep everybody else from writing
        for i in range(1000):
            run.progress(i, 1000)
            if not seen and (done := Job.objects.get(pk=run.job.pk).done):
                seen.append(done)
                threading.Thread(target=_cancel, args=[run.job]).start()
            time.sleep(0.02)

    # Not atomic on SQLite, whose transactions are IMMEDIATE: the cancelling would wait for the job's end.
    kind = Kind("slow", slow, "slow", atomic=connection.vendor == "postgresql")
    monkeypatch.setattr(kinds, "known", {"slow": kind})
    job = queue.enqueue("slow", {}, "user:anna")
    worker.Worker().run(until_idle=True)
    job.refresh_from_db()
    assert (job.state, work()) == (State.CANCELLED, 0)
    assert 0 < seen[0] <= job.done < 999, "it was stopped half-way"


def _cancel(job: Job) -> None:
    queue.cancel(job)
    connection.close()


@pytest.fixture
def process() -> Iterator[subprocess.Popen]:
    """A worker as operators start it, on this test's database."""
    name = connection.settings_dict["NAME"]
    url = f"sqlite:///{name}" if connection.vendor == "sqlite" else settings.DATABASE_URL.rsplit("/", 1)[0] + f"/{name}"
    environment = os.environ | {"DATABASE_URL": url}
    command = [sys.executable, "manage.py", "run_worker"]
    started = subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR, stderr=subprocess.DEVNULL)
    yield started
    started.kill()
    started.wait()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_process_ends_at_once_when_it_is_told_to(process: subprocess.Popen) -> None:
    ends = time.monotonic() + 120  # on a busy machine starting takes long
    while not Job.objects.exists() and time.monotonic() < ends:  # it has begun to work once it has enqueued what is due
        time.sleep(0.05)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
