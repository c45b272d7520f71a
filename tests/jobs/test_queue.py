"""The order of the queue, its pauses, and what is kept of it for how long."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from overplane import log_lines
from overplane.ids import new_id
from overplane.jobs import kinds, purging, queue, worker
from overplane.jobs.kinds import Kind, Run, Stopped
from overplane.jobs.models import Job, JobFile, State
from tests.jobs.work import lose_the_database, save

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def stop(run: Run) -> None:
    raise Stopped


def look(run: Run) -> dict[str, Any]:
    return {"request": log_lines.request_id.get()}


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    job_kinds = [Kind(f.__name__, f, f.__name__) for f in (save, lose_the_database, stop, look)]
    job_kinds.append(Kind("hourly", save, "hourly", every=timedelta(hours=1)))
    monkeypatch.setattr(kinds, "known", {kind.name: kind for kind in job_kinds})


def test_the_oldest_goes_first_and_knows_how_many_are_before_it() -> None:
    jobs = [queue.enqueue("save", {}, "user:anna") for _ in range(3)]
    assert [queue.behind(job) for job in jobs] == [0, 1, 2]
    assert [queue.claim("w").pk for _ in jobs] == [job.pk for job in jobs]
    assert queue.claim("w") is None


def test_a_job_for_later_waits_and_holds_nobody_up() -> None:
    later = queue.enqueue("save", {}, "user:anna", run_after=timezone.now() + DAY)
    now = queue.enqueue("save", {}, "user:anna")
    assert queue.behind(now) == 0
    assert queue.claim("w").pk == now.pk
    assert queue.claim("w") is None
    Job.objects.filter(pk=later.pk).update(run_after=timezone.now())
    assert queue.claim("w").pk == later.pk


def test_what_the_database_refused_is_tried_again_after_growing_pauses() -> None:
    job = queue.enqueue("lose_the_database", {}, "user:anna")
    pauses = []
    for _ in range(2):
        begun = timezone.now()
        assert worker.Worker().run_one()
        job.refresh_from_db()
        assert job.state == State.QUEUED
        pauses.append((job.run_after - begun).total_seconds())
        assert not worker.Worker().run_one(), "it is not tried at once"
        Job.objects.update(run_after=timezone.now())
    assert 5 <= pauses[0] < 20 <= pauses[1] < 80


def test_a_job_whose_worker_is_told_to_stop_goes_back_and_is_not_blamed() -> None:
    job = queue.enqueue("stop", {}, "user:anna")
    for _ in range(queue.MAX_ATTEMPTS + 1):
        assert worker.Worker().run_one()
        job.refresh_from_db()
        assert (job.state, job.worker, job.heartbeat_at, job.error) == (State.QUEUED, None, None, "")


def test_what_a_job_does_is_told_under_its_id_and_only_that() -> None:
    job = queue.enqueue("look", {}, "user:anna", request_id="req_1")
    before = log_lines.request_id.get()
    assert worker.Worker().run_one()
    job.refresh_from_db()
    assert job.result == {"request": job.pk}
    assert log_lines.request_id.get() == before


def test_what_has_ended_is_not_cancelled_any_more() -> None:
    job = queue.enqueue("save", {}, "user:anna")
    assert worker.Worker().run_one()
    assert not queue.cancel(job)
    job.refresh_from_db()
    assert job.state == State.DONE


def test_a_worker_that_lives_keeps_its_job() -> None:
    job = queue.enqueue("save", {}, "user:anna")
    queue.claim("w")
    Job.objects.update(heartbeat_at=timezone.now() - queue.STALE / 2)
    assert queue.recover() == 0
    assert Job.objects.get(pk=job.pk).state == State.RUNNING


@pytest.mark.parametrize(
    ("kind", "ended", "is_kept"),
    [
        ("save", purging.RETENTION - DAY, True),
        ("save", purging.RETENTION + DAY, False),
        ("hourly", purging.RECURRING_RETENTION - DAY, True),
        ("hourly", purging.RECURRING_RETENTION + DAY, False),
        ("save", None, True),
    ],
)
def test_ended_jobs_are_kept_for_their_time(kind: str, ended: timedelta | None, is_kept: bool) -> None:
    job = queue.enqueue(kind, {}, "user:anna")
    Job.objects.update(created_at=timezone.now() - 100 * DAY)  # however long ago it was asked for
    if ended is not None:
        Job.objects.update(state=State.DONE, finished_at=timezone.now() - ended)
    assert purging.purge() == (0 if is_kept else 1)
    assert Job.objects.filter(pk=job.pk).exists() == is_kept


@pytest.mark.parametrize(("age", "is_kept"), [(DAY, True), (3 * DAY, False)])
def test_an_upload_that_no_job_took_yet_is_kept_for_a_while(age: timedelta, is_kept: bool) -> None:
    content = ContentFile(b"x", "a.csv")
    file = JobFile.objects.create(id=new_id("file"), name="a.csv", content=content, created_at=timezone.now() - age)
    purging.purge()
    assert JobFile.objects.filter(pk=file.pk).exists() == is_kept
