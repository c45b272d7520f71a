"""What came of the jobs that somebody started, told once, on the next page that he opens after they have ended."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from overplane.jobs.kinds import JobResult, Kind, known, page_of
from overplane.jobs.models import OPEN, Job, State

AWAITED = "jobs_awaited"  # their ids, in the session
MOST = 20  # of them: who starts more sees their list
# A worker looks every two seconds whether its job was cancelled, and ends the step that it is at.
NOTICED_AFTER = timedelta(seconds=5)
UNDO_FOR = timedelta(minutes=10)  # so long a change may be taken back by the button that its message offers


def await_job(request: HttpRequest, job: Job) -> None:
    if known[job.kind].outcome:
        request.session[AWAITED] = [*request.session.get(AWAITED, ()), job.pk][-MOST:]


def tell(request: HttpRequest) -> None:
    """Adds the messages to this page. What a script fetches nobody reads: it says so by `X-Requested-With`.

    The answer to a form tells of the form: the button of a message loads its page anew, which would send the form again.
    """
    awaited = request.session.get(AWAITED)
    if not awaited or request.method != "GET" or "X-Requested-With" in request.headers:
        return
    # One whose row is gone was erased with the old ones.
    jobs = {job.pk: job for job in Job.objects.filter(pk__in=awaited).only("state", "finished_at")}
    still = [one for one in awaited if one in jobs and _goes_on(jobs[one])]
    if still != awaited:
        request.session[AWAITED] = still
    ended = jobs.keys() - set(still)
    for job in Job.objects.filter(pk__in=ended).order_by("finished_at") if ended else ():
        _tell_of(request, job)


def _goes_on(job: Job) -> bool:
    is_noticed = job.finished_at and job.finished_at < timezone.now() - NOTICED_AFTER
    return job.state in OPEN or (job.state == State.CANCELLED and not is_noticed)


def _tell_of(request: HttpRequest, job: Job) -> None:
    kind = known.get(job.kind)
    if kind is None or kind.outcome is None:
        return
    page = page_of(job) or reverse("admin:overplane_jobs_job_change", args=[job.pk])
    is_here = page == request.path  # then it is seen, and only the button is news
    link = "" if is_here else format_html(' <a href="{}">{}</a>', page, gettext("Show"))
    if job.state == State.DONE:
        outcome = kind.outcome(job)
        undo = _undo(request, job, outcome)
        if undo or not is_here:
            messages.success(request, format_html("{}{}{}", outcome.text, undo, link))
    elif kind.stays:
        outcome = kind.stays(job)
        text = f"{_end(job, kind)} {outcome.text}"
        messages.warning(request, format_html("{}{}{}", text, _undo(request, job, outcome), link))
    elif not is_here and job.state == State.FAILED:
        messages.error(request, format_html("{}{}", _end(job, kind), link))


def _end(job: Job, kind: Kind) -> str:
    text = gettext("“%(job)s” failed.") if job.state == State.FAILED else gettext("“%(job)s” was cancelled.")
    return text % {"job": kind.label}


def _undo(request: HttpRequest, job: Job, outcome: JobResult) -> SafeString | str:
    is_new = job.finished_at is not None and job.finished_at > timezone.now() - UNDO_FOR
    is_offered = outcome.undo_url and is_new and request.user.has_perms(outcome.undo_needs)
    return format_html(" {}", undo_button(outcome.undo_url, outcome.undo)) if is_offered else ""


def undo_button(url: str, token: str) -> SafeString:
    """Sends `token` to `url`, see frame.js."""
    button = '<button type="button" class="plain" data-undo="{}" data-undo-url="{}">{}</button>'
    return format_html(button, token, url, gettext("Undo"))
