"""What the jobs of the tests do."""

from django.db import OperationalError
from django.utils import timezone

from overplane.jobs import queue
from overplane.jobs.kinds import Refused, Run
from overplane.jobs.models import Preset


def save(run: Run) -> dict[str, int]:
    """Work with a trace in the database: one row a run."""
    Preset.objects.create(kind="work", name=f"{run.job.id} {run.job.attempts}", values={}, saved_at=timezone.now())
    run.progress(1, 1)
    return {"saved": 1}


def refuse(run: Run) -> None:
    save(run)
    raise Refused("The file is empty.")


def break_down(run: Run) -> None:
    save(run)
    raise ZeroDivisionError


def lose_the_database(run: Run) -> None:
    save(run)
    raise OperationalError("gone")


def be_cancelled(run: Run) -> None:
    queue.cancel(run.job)
    save(run)
