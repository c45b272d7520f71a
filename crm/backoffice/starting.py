"""Starting a job from a page, in the name of the person before it, who is told of its outcome."""

from typing import Any

from django.http import HttpRequest

from overplane.backoffice import outcomes
from overplane.backoffice.origin import origin_of
from overplane.jobs import queue
from overplane.jobs.models import Job


def start_job(request: HttpRequest, kind: str, payload: dict[str, Any], *, key: str | None = None) -> Job:
    """With `key`: the open job of this key, if there is one."""
    origin = origin_of(request)
    job = queue.enqueue(kind, payload, origin.actor, owner=request.user.pk, request_id=origin.request_id, key=key)
    outcomes.await_job(request, job)
    return job
