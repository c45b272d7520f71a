"""The pages of an import's jobs: see every problem of the file, then apply it, go on with it, or take it back.

All the work is done by jobs, with the engine of the management commands.
"""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from crm.backoffice import outcomes, uploads
from crm.backoffice.mending import corrected_payload, is_corrected_since
from crm.backoffice.page_words import as_on_a_page
from crm.backoffice.pages.import_steps import (
    APPLY,
    CHECK,
    UNDO,
    enqueue,
    mapping_url,
    may_import,
    own_file,
    page,
    steps,
)
from crm.backoffice.pages.mending import problems_page, rows_text
from crm.backoffice.starting import start_job
from crm.models import HAS_WRITTEN, ImportOutcomes, ImportRun, RunState
from crm.transfer import runs
from crm.transfer.recording import result_lines, result_name
from overplane.jobs import queue
from overplane.jobs.models import Job, JobFile, State
from overplane.jobs.owners import owned_by, visible_to

EXPORT = "crm.export_customers"
IMPORTING = (APPLY, runs.IMPORT)  # here, or by another door
TITLES = {
    CHECK: _lazy("Check of the file"),
    **dict.fromkeys(IMPORTING, _lazy("Import customers")),
    UNDO: _lazy("Take back an import"),
}
FIRST_ESTIMATE = 50  # a fiftieth of the work tells how long the rest takes


@require_safe
@may_import
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Progress while it runs, the report when it has ended."""
    page_job = get_object_or_404(Job, pk=job_id, kind__in=TITLES)
    is_own = page_job.owner_id == request.user.pk
    if not is_own and not Job.objects.filter(visible_to(request.user), pk=page_job.pk).exists():
        raise PermissionDenied
    run = ImportRun.objects.filter(pk=uploads.import_run_of(page_job)).first() if page_job.kind in IMPORTING else None
    return page(
        request,
        "import_job",
        title=TITLES[page_job.kind],
        has_results=run and ImportOutcomes.objects.filter(run_id=run.pk).exists(),
        has_refused=run and run.refused_id and _may_have_file(request, page_job),
        run_error=run.report.get("error", "") if run and run.state == RunState.REFUSED else "",
        job=page_job,
        is_check=page_job.kind == CHECK,
        mapping_url=_mapping_url(page_job),
        problems=_problems(page_job.result or {}),
        mending=problems_page(request, page_job) if is_own and page_job.kind == CHECK else None,
        is_undo=page_job.kind == UNDO,
        is_own=is_own,
        columns=[item for item in page_job.payload.get("mapping", {}).items() if item[1]],
        behind=queue.behind(page_job) if page_job.state == State.QUEUED else 0,
        counts=_counts(page_job),
        undone=outcomes.import_undone(page_job).text if page_job.kind == UNDO else "",
        steps=steps(3 if page_job.kind == CHECK else 5 if page_job.state == State.DONE else 4),
        percent=page_job.done * 100 // page_job.total if page_job.total else 0,
        time_left=_time_left(page_job),
        may_go_on=is_own and page_job.kind == APPLY and run and run.state == RunState.WRITING and not page_job.is_open,
        has_written=run and run.state in HAS_WRITTEN,
        may_undo=run and run.state in HAS_WRITTEN and not page_job.is_open and _may_undo(request),
    )


def _may_have_file(request: HttpRequest, page_job: Job) -> bool:
    """A person's file is his; one that came by the API or a command is the deployment's."""
    return page_job.owner_id in (None, request.user.pk)


def _mapping_url(page_job: Job) -> str:
    """With the file read as it was, and its columns as they were said to be."""
    choice = {name: page_job.payload.get(name) for name in ("encoding", "sheet", "heading_row")}
    return mapping_url(page_job.payload.get("file") or "-", **choice, check=page_job.pk)


def _problems(result: dict[str, Any]) -> dict[str, Any]:
    """By kind, where several are of one; results of earlier versions have no examples."""
    kinds = [kind for kind in result.get("kinds", ()) if "rows" in kind]
    for kind in kinds:
        kind["rows_text"] = rows_text(kind)
    is_grouped = any(kind["count"] > 1 for kind in kinds)
    count = len(result.get("problems", ()))
    return {"kinds": kinds if is_grouped else [], "shown": count, "is_cut": count < result.get("problem_count", 0)}


def _counts(page_job: Job) -> list[tuple[str, int, str]]:
    """The numbers of the job's result, where there are any, and the list of those customers."""
    result = page_job.result or {}
    run, listed = result.get("run"), {"created": "created_by_import", "updated": "changed_by_import"}
    urls = {
        name: f"{reverse('admin:crm_customer_changelist')}?{urlencode({parameter: run})}"
        for name, parameter in listed.items()
        if run
    }
    counts = outcomes.counts(result, is_check=page_job.kind == CHECK)
    return [(label, number, urls.get(name, "")) for name, label, number in counts]


def _time_left(page_job: Job) -> str:
    """At the speed so far, once that can be told."""
    done, total, started = page_job.done, page_job.total, page_job.started_at
    if page_job.state != State.RUNNING or not total or not started or done * FIRST_ESTIMATE < total:
        return ""
    seconds = (timezone.now() - started).total_seconds() * (total - done) / done
    if seconds < 90:
        return _("less than a minute left") if seconds < 50 else _("about a minute left")
    minutes = round(seconds / 60)
    return ngettext("about %(n)d minute left", "about %(n)d minutes left", minutes) % {"n": minutes}


def _may_undo(request: HttpRequest) -> bool:
    return request.user.has_perms(outcomes.MAY_UNDO_IMPORT)


@require_POST
@may_import
def apply(request: HttpRequest, job_id: str) -> HttpResponse:
    """What was checked: all of it if nothing is wrong, or, if that was chosen, the rows that are right."""
    checked = get_object_or_404(Job, owned_by(request.user), pk=job_id, kind=CHECK, state=State.DONE)
    skips = "skip_errors" in request.POST
    result = checked.result or {}  # which a job that is done has
    if result["problem_count"] and not skips:
        messages.error(request, _("The file has problems: nothing is imported until they are mended."))
        return redirect("import_job", checked.pk)
    if result.get("before") and "again" not in request.POST:
        messages.error(request, _("This very file was imported already. Say that it is to be imported once more."))
        return redirect("import_job", checked.pk)
    stored = own_file(request, checked.payload["file"])
    if is_corrected_since(checked.payload):
        messages.info(
            request, _("Rows were corrected since the check, so the file is checked once more. Then import it.")
        )
        return enqueue(request, CHECK, stored, corrected_payload(checked.payload))
    if "again" not in request.POST and (applied := _applied(stored)):
        return redirect("import_job", applied.pk)
    options = checked.payload | {"skip_errors": skips, "again": "again" in request.POST}
    return enqueue(request, APPLY, stored, options, key=f"{APPLY} {stored.pk}")


def _applied(stored: JobFile) -> Job | None:
    """One click or two, a file is imported once. An import that was cancelled half-way is resumed or undone, not repeated."""
    jobs = list(Job.objects.filter(kind=APPLY, payload__file=stored.pk).order_by("-created_at"))
    runs = ImportRun.objects.filter(pk__in=map(uploads.import_run_of, jobs), state__in=HAS_WRITTEN)
    taken = set(runs.values_list("pk", flat=True))
    return next((job for job in jobs if job.is_open or uploads.import_run_of(job) in taken), None)


@require_POST
@may_import
def go_on(request: HttpRequest, job_id: str) -> HttpResponse:
    """An import that broke off, or was cancelled, goes on where it stood."""
    begun = get_object_or_404(Job, owned_by(request.user), pk=job_id, kind=APPLY)
    if begun.is_open:
        return redirect("import_job", begun.pk)
    stored = own_file(request, begun.payload["file"])
    options = begun.payload | {"run": uploads.import_run_of(begun)}
    return enqueue(request, APPLY, stored, options, key=f"{APPLY} {stored.pk}")


@require_POST
@may_import
def undo(request: HttpRequest, job_id: str) -> HttpResponse:
    """Takes back what the import did."""
    if not _may_undo(request):
        raise PermissionDenied
    begun = get_object_or_404(Job, visible_to(request.user), pk=job_id, kind__in=IMPORTING)
    payload = {"run": uploads.import_run_of(begun), "name": begun.payload["name"]}
    key = f"{UNDO} {payload['run']}"
    undo_job = start_job(request, UNDO, payload, key=key)
    page = reverse("import_job", args=[undo_job.pk])
    # The button of a message goes there itself.
    return redirect(page) if request.accepts("text/html") else JsonResponse({"url": page})


@require_POST
@may_import
def cancel(request: HttpRequest, job_id: str) -> HttpResponse:
    page_job = get_object_or_404(Job, owned_by(request.user), pk=job_id, kind__in=(CHECK, APPLY, EXPORT))
    if queue.cancel(page_job):
        messages.success(request, _("Cancelled. What an import had written by then stays until it is taken back."))
    return redirect("import_job", page_job.pk) if page_job.kind == APPLY else redirect("import")


@require_safe
def download(request: HttpRequest, file_id: str) -> FileResponse:
    stored = own_file(request, file_id)
    needed = "crm.export_customer" if stored.job and stored.job.kind == EXPORT else "crm.add_customer"
    if not request.user.has_perm(needed):
        raise PermissionDenied
    return _attachment(stored)


def _attachment(stored: JobFile) -> FileResponse:
    response = FileResponse(stored.content.open("rb"), as_attachment=True, filename=stored.name)
    response["Cache-Control"] = "no-store"
    response["Content-Security-Policy"] = "sandbox"
    return response


@require_safe
@may_import
def refused(request: HttpRequest, job_id: str) -> FileResponse:
    """The rows that were refused, to be mended."""
    page_job, run = _import_of(request, job_id)
    if not _may_have_file(request, page_job):
        raise PermissionDenied
    return _attachment(get_object_or_404(JobFile, pk=run.refused_id or ""))


@require_safe
@may_import
def result(request: HttpRequest, job_id: str) -> StreamingHttpResponse:
    """What became of each row of the file."""
    _page_job, run = _import_of(request, job_id)
    response = StreamingHttpResponse(result_lines(run.pk, worded=as_on_a_page), content_type="text/csv; charset=utf-8")
    name = content_disposition_header(as_attachment=True, filename=result_name(run.file_name))
    response["Content-Disposition"] = name or "attachment"
    response["Cache-Control"] = "no-store"
    return response


def _import_of(request: HttpRequest, job_id: str) -> tuple[Job, ImportRun]:
    page_job = get_object_or_404(Job, visible_to(request.user), pk=job_id, kind__in=IMPORTING)
    return page_job, get_object_or_404(ImportRun, pk=uploads.import_run_of(page_job))
