"""Import in the back office: upload a file, map its columns, see every problem, then apply, or take it back.

All the work is done by jobs, with the engine of the management commands.
"""

import re
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.backoffice import uploads
from crm.backoffice.starting import start_job
from crm.backoffice.wording import kinds
from crm.models import HAS_WRITTEN, ImportRun, RunState
from crm.transfer.columns import guess
from crm.transfer.foreign_ids import without_foreign_ids
from crm.transfer.mapping import NAME_PARTS
from crm.transfer.options import MATCH_KEYS
from crm.transfer.requested import KEPT
from overplane.backoffice.origin import actor_of
from overplane.files.sources import UnusableFile
from overplane.jobs import queue
from overplane.jobs.models import Job, JobFile, Preset, State

CHECK, APPLY, UNDO = "crm.check_import", "crm.import_customers", "crm.undo_import"
EXPORT = "crm.export_customers"
MAY_IMPORT = ("crm.add_customer", "crm.change_customer")
DIGITS = re.compile("[0-9]{1,9}")  # a number that every database holds as an id
MAX_BYTES = 512 * 1024 * 1024  # larger ones are better read where they are, by the command
may_import = permission_required(MAY_IMPORT, raise_exception=True)


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"), widget=forms.ClearableFileInput(attrs={"accept": ",".join(uploads.SUFFIXES)})
    )

    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(name, name) for name in uploads.ENCODINGS if name]
        cast("forms.ChoiceField", self.fields["encoding"]).choices = [("", _("found out")), *named]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if Path(file.name).suffix.lower() not in uploads.SUFFIXES:
            suffixes = ", ".join(uploads.SUFFIXES)
            raise forms.ValidationError(_("The name of the file must end in one of: %(known)s.") % {"known": suffixes})
        if file.size > MAX_BYTES:
            raise forms.ValidationError(
                _("The file is larger than 512 MiB. Split it, or use manage.py import_customers.")
            )
        return file


class HowForm(forms.Form):
    """What is to become of customers that are there already, and what an empty cell may look like."""

    match_on = forms.ChoiceField(label=gettext_lazy("Customers that are there already"), required=False)
    nulls = forms.CharField(
        label=gettext_lazy("Words for an empty cell"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("For example: NULL n/a"),
    )
    keep_when_blank = forms.BooleanField(label=gettext_lazy("An empty cell leaves the value as it is"), required=False)

    def __init__(self, data: Any, labels: dict[str, str]) -> None:
        super().__init__(data)
        matching = [(name, _("Change those with the same %s") % labels[name]) for name in MATCH_KEYS]
        cast("forms.ChoiceField", self.fields["match_on"]).choices = [("", _("All rows are new customers")), *matching]


def _page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    return TemplateResponse(request, f"crm/{template}.html", admin.site.each_context(request) | context)


@require_http_methods(["GET", "POST"])
@may_import
def upload(request: HttpRequest) -> HttpResponseBase:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        stored = uploads.store(file, file.name, actor_of(request))
        return redirect(_mapping_url(stored.pk, form.cleaned_data["encoding"]))
    recent = Job.objects.filter(kind=APPLY).exclude(state=State.CANCELLED)
    if not request.user.has_perm("overplane_jobs.view_job"):
        recent = recent.filter(actor=actor_of(request))
    return _page(request, "import_upload", title=_("Import customers"), form=form, recent=recent[:10])


def _mapping_url(file_id: str, encoding: str) -> str:
    url = reverse("import_mapping", args=[file_id])
    return f"{url}?{urlencode({'encoding': encoding})}" if encoding else url


def _own_file(request: HttpRequest, file_id: str) -> JobFile:
    """Others' files are theirs: they may hold more than this person may see."""
    return get_object_or_404(JobFile, pk=file_id, actor=actor_of(request))


@require_http_methods(["GET", "POST"])
@may_import
def mapping(request: HttpRequest, file_id: str) -> HttpResponseBase:
    stored = _own_file(request, file_id)
    encoding = _encoding(request)
    try:
        look = uploads.sample(stored, encoding)
        if look.readings and (chosen_reading := request.POST.get("encoding", "")) in uploads.ENCODINGS[1:]:
            # Confirmed. In it the headings may read in another way, but there are as many of them.
            encoding, look = chosen_reading, uploads.sample(stored, chosen_reading)
    except UnusableFile as error:
        messages.error(request, str(error))
        return redirect("import")
    labels = uploads.labels()
    how = HowForm(request.POST or None, labels)
    if request.method == "POST":
        chosen = {h: request.POST.get(f"column-{i}", "") for i, h in enumerate(look.headings)}
        # Left-out columns are named, too: else the engine would guess their fields.
        chosen = {heading: name if name in labels else "" for heading, name in chosen.items()}
        if problem := _problem_of_encoding(look) or _problem_of(chosen, labels, how):
            messages.error(request, problem)
        else:
            _save_preset(request, chosen)
            return _enqueue(request, CHECK, stored, {"mapping": chosen, "encoding": encoding} | how.cleaned_data)
    else:
        chosen = _preset(request) or without_foreign_ids(guess(look.headings), look.headings, look.rows)
    return _page(
        request,
        "import_mapping",
        title=_("Which column is what?"),
        stored=stored,
        encoding=encoding,
        readings=look.readings,
        columns=_columns(look, chosen),
        labels={name: capfirst(label) for name, label in labels.items()},
        presets=Preset.objects.filter(kind=uploads.PRESET),
        form=how,
    )


def _encoding(request: HttpRequest) -> str:
    """As it was chosen with the upload."""
    encoding = request.GET.get("encoding", "")
    return encoding if encoding in uploads.ENCODINGS else ""


def _problem_of_encoding(look: uploads.Look) -> str | None:
    return _("Choose the encoding in which the words read right.") if look.readings else None


def _columns(look: uploads.Look, chosen: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"i": i, "heading": h, "samples": [row[i] for row in look.rows if i < len(row)], "chosen": chosen.get(h, "")}
        for i, h in enumerate(look.headings)
    ]


def _preset(request: HttpRequest) -> dict[str, str] | None:
    text = request.GET.get("preset", "")
    number = int(text) if DIGITS.fullmatch(text) else 0
    preset = Preset.objects.filter(kind=uploads.PRESET, pk=number).first()
    return {heading: name.removesuffix(KEPT) for heading, name in preset.values.items()} if preset else None


def _problem_of(chosen: dict[str, str], labels: dict[str, str], how: HowForm) -> str | None:
    names = [name for name in chosen.values() if name]
    if not how.is_valid():
        return _("Choose how customers are found that are there already.")
    match_on = how.cleaned_data["match_on"]
    if not match_on and not {"customer_name", *NAME_PARTS} & set(names):
        return _("Choose the column that holds the customer's name; it is required.")
    if match_on and match_on not in names:
        return _("Choose the column that holds “%(label)s”: customers are to be found by it.") % {
            "label": labels[match_on]
        }
    twice = next((name for name in names if names.count(name) > 1), None)
    return _("More than one column goes to “%(label)s”.") % {"label": labels[twice]} if twice else None


def _save_preset(request: HttpRequest, chosen: dict[str, str]) -> None:
    if name := request.POST.get("preset_name", "").replace("\0", "").strip()[:100]:
        values = {"values": chosen, "actor": actor_of(request), "saved_at": timezone.now()}
        Preset.objects.update_or_create(kind=uploads.PRESET, name=name, defaults=values)


def _enqueue(
    request: HttpRequest, kind: str, stored: JobFile, options: dict[str, Any], *, key: str | None = None
) -> HttpResponse:
    payload = options | {"file": stored.pk, "name": stored.name}
    job = start_job(request, kind, payload, key=key)
    JobFile.objects.filter(pk=stored.pk).update(job=job)
    return redirect("import_job", job.pk)


@require_safe
@may_import
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Progress while it runs, the report when it has ended."""
    page_job = get_object_or_404(Job, pk=job_id, kind__in=(CHECK, APPLY, UNDO))
    is_own = page_job.actor == actor_of(request)
    if not is_own and not request.user.has_perm("overplane_jobs.view_job"):
        raise PermissionDenied
    run = ImportRun.objects.filter(pk=uploads.import_run_of(page_job)).first() if page_job.kind == APPLY else None
    return _page(
        request,
        "import_job",
        title={CHECK: _("Check of the file"), APPLY: _("Import customers"), UNDO: _("Take back an import")}[
            page_job.kind
        ],
        job=page_job,
        is_check=page_job.kind == CHECK,
        mapping_url=_mapping_url(page_job.payload.get("file") or "-", page_job.payload.get("encoding", "")),
        is_undo=page_job.kind == UNDO,
        is_own=is_own,
        columns=[item for item in page_job.payload.get("mapping", {}).items() if item[1]],
        behind=queue.behind(page_job) if page_job.state == State.QUEUED else 0,
        counts=_counts(page_job),
        may_go_on=is_own and run and run.state == RunState.WRITING and not page_job.is_open,
        has_written=run and run.state in HAS_WRITTEN,
        may_undo=run and run.state in HAS_WRITTEN and not page_job.is_open and _may_undo(request),
    )


def _counts(page_job: Job) -> list[tuple[str, int]]:
    """The numbers of the job's result, where there are any."""
    result, is_check = page_job.result or {}, page_job.kind == CHECK
    labels = {
        "created": _("to be created") if is_check else _("created"),
        "updated": _("to be changed") if is_check else _("changed"),
        "unchanged": _("as they are already"),
        "refused": _("refused"),
        "rows_created": _("%(kinds)s added") % {"kinds": kinds()},
        "rows_updated": _("%(kinds)s changed") % {"kinds": kinds()},
        "rows_deleted": _("%(kinds)s deleted") % {"kinds": kinds()},
    }
    return [(label, result[name]) for name, label in labels.items() if result.get(name)]


def _may_undo(request: HttpRequest) -> bool:
    return request.user.has_perm("crm.delete_customer")


@require_POST
@may_import
def apply(request: HttpRequest, job_id: str) -> HttpResponse:
    """What was checked: all of it if nothing is wrong, or, if that was chosen, the rows that are right."""
    checked = get_object_or_404(Job, pk=job_id, kind=CHECK, state=State.DONE, actor=actor_of(request))
    skips = "skip_errors" in request.POST
    result = checked.result or {}  # which a job that is done has
    if result["problem_count"] and not skips:
        messages.error(request, _("The file has problems: nothing is imported until they are mended."))
        return redirect("import_job", checked.pk)
    if result.get("before") and "again" not in request.POST:
        messages.error(request, _("This very file was imported already. Say that it is to be imported once more."))
        return redirect("import_job", checked.pk)
    stored = _own_file(request, checked.payload["file"])
    if "again" not in request.POST and (applied := _applied(stored)):
        return redirect("import_job", applied.pk)
    options = checked.payload | {"skip_errors": skips, "again": "again" in request.POST}
    return _enqueue(request, APPLY, stored, options, key=f"{APPLY} {stored.pk}")


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
    begun = get_object_or_404(Job, pk=job_id, kind=APPLY, actor=actor_of(request))
    if begun.is_open:
        return redirect("import_job", begun.pk)
    stored = _own_file(request, begun.payload["file"])
    options = begun.payload | {"run": uploads.import_run_of(begun)}
    return _enqueue(request, APPLY, stored, options, key=f"{APPLY} {stored.pk}")


@require_POST
@may_import
def undo(request: HttpRequest, job_id: str) -> HttpResponse:
    """Takes back what the import did."""
    if not _may_undo(request):
        raise PermissionDenied
    begun = get_object_or_404(Job, pk=job_id, kind=APPLY)
    payload = {"run": uploads.import_run_of(begun), "name": begun.payload["name"]}
    key = f"{UNDO} {payload['run']}"
    undo_job = start_job(request, UNDO, payload, key=key)
    return redirect("import_job", undo_job.pk)


@require_POST
@may_import
def cancel(request: HttpRequest, job_id: str) -> HttpResponse:
    page_job = get_object_or_404(Job, pk=job_id, kind__in=(CHECK, APPLY, EXPORT), actor=actor_of(request))
    if queue.cancel(page_job):
        messages.success(request, _("Cancelled. What an import had written by then stays until it is taken back."))
    return redirect("import_job", page_job.pk) if page_job.kind == APPLY else redirect("import")


@require_safe
def download(request: HttpRequest, file_id: str) -> FileResponse:
    stored = _own_file(request, file_id)
    needed = "crm.export_customer" if stored.job and stored.job.kind == EXPORT else "crm.add_customer"
    if not request.user.has_perm(needed):
        raise PermissionDenied
    response = FileResponse(stored.content.open("rb"), as_attachment=True, filename=stored.name)
    response["Cache-Control"] = "no-store"
    response["Content-Security-Policy"] = "sandbox"
    return response
