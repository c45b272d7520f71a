"""Import in the back office: upload a file, map its columns, see every problem, then apply. All the work is done by jobs."""

import re
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm import transfers
from crm.imports import UnusableFile
from crm.models import Customer
from overplane.backoffice.origin import actor_of
from overplane.database.attributes import attributes
from overplane.jobs import queue
from overplane.jobs.models import Job, JobFile, Preset, State

CHECK, APPLY, EXPORT = "crm.check_import", "crm.import_customers", "crm.export_customers"
MAY_IMPORT = ("crm.add_customer", "crm.change_customer")
DIGITS = re.compile("[0-9]{1,9}")
LARGEST = 512 * 1024 * 1024
SUFFIXES = (".csv",)
may_import = permission_required(MAY_IMPORT, raise_exception=True)


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"), widget=forms.ClearableFileInput(attrs={"accept": ",".join(SUFFIXES)})
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if Path(file.name).suffix.lower() not in SUFFIXES:
            known = ", ".join(SUFFIXES)
            raise forms.ValidationError(_("The name of the file must end in one of: %(known)s.") % {"known": known})
        if file.size > LARGEST:
            raise forms.ValidationError(
                _("The file is larger than 512 MiB. Split it, or use manage.py import_customers.")
            )
        return file


def _page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    return TemplateResponse(request, f"crm/{template}.html", admin.site.each_context(request) | context)


@require_http_methods(["GET", "POST"])
@may_import
def upload(request: HttpRequest) -> HttpResponseBase:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        kept = transfers.keep(file, file.name, actor_of(request))
        return redirect("import_mapping", kept.pk)
    recent = Job.objects.filter(kind=APPLY).exclude(state=State.CANCELLED)
    if not request.user.has_perm("overplane_jobs.view_job"):
        recent = recent.filter(actor=actor_of(request))
    return _page(request, "import_upload", title=_("Import customers"), form=form, recent=recent[:10])


def _own_file(request: HttpRequest, file_id: str) -> JobFile:
    """Others' files are theirs: they may hold more than this person may see."""
    return get_object_or_404(JobFile, pk=file_id, actor=actor_of(request))


@require_http_methods(["GET", "POST"])
@may_import
def mapping(request: HttpRequest, file_id: str) -> HttpResponseBase:
    kept = _own_file(request, file_id)
    try:
        headings, rows = transfers.sample(kept)
    except UnusableFile as error:
        messages.error(request, str(error))
        return redirect("import")
    known = attributes(Customer)
    if request.method == "POST":
        chosen = {h: request.POST.get(f"column-{i}", "") for i, h in enumerate(headings)}
        chosen = {heading: name for heading, name in chosen.items() if name in known}
        if problem := _problem_of(chosen):
            messages.error(request, problem)
        else:
            _save_preset(request, chosen)
            return _enqueue(request, CHECK, kept, chosen)
    else:
        asked = request.GET.get("preset", "")
        preset = Preset.objects.filter(kind=transfers.PRESET, pk=int(asked) if DIGITS.fullmatch(asked) else 0).first()
        chosen = preset.values if preset else transfers.guess(headings)
    columns = [
        {"i": i, "heading": h, "samples": [row[i] for row in rows if i < len(row)], "chosen": chosen.get(h, "")}
        for i, h in enumerate(headings)
    ]
    labels = {name: capfirst(str(Customer._meta.get_field(name).verbose_name)) for name in known}
    presets = Preset.objects.filter(kind=transfers.PRESET)
    title = _("Which column is what?")
    return _page(request, "import_mapping", title=title, kept=kept, columns=columns, labels=labels, presets=presets)


def _problem_of(chosen: dict[str, str]) -> str | None:
    names = list(chosen.values())
    if "customer_name" not in names:
        return _("Choose the column that holds the customer's name; it is required.")
    twice = next((name for name in names if names.count(name) > 1), None)
    label = twice and Customer._meta.get_field(twice).verbose_name
    return _("More than one column goes to “%(label)s”.") % {"label": label} if twice else None


def _save_preset(request: HttpRequest, chosen: dict[str, str]) -> None:
    if name := request.POST.get("preset_name", "").replace("\0", "").strip()[:100]:
        values = {"values": chosen, "actor": actor_of(request), "saved_at": timezone.now()}
        Preset.objects.update_or_create(kind=transfers.PRESET, name=name, defaults=values)


def _enqueue(request: HttpRequest, kind: str, kept: JobFile, chosen: dict[str, str]) -> HttpResponse:
    payload = {"file": kept.pk, "name": kept.name, "mapping": chosen}
    job = queue.enqueue(kind, payload, actor_of(request), request_id=request.request_id)
    JobFile.objects.filter(pk=kept.pk).update(job=job)
    return redirect("import_job", job.pk)


@require_safe
@may_import
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Progress while it runs, the report when it has ended."""
    shown = get_object_or_404(Job, pk=job_id, kind__in=(CHECK, APPLY))
    is_own = shown.actor == actor_of(request)
    if not is_own and not request.user.has_perm("overplane_jobs.view_job"):
        raise PermissionDenied
    return _page(
        request,
        "import_job",
        title=_("Import customers") if shown.kind == APPLY else _("Check of the file"),
        job=shown,
        is_check=shown.kind == CHECK,
        is_own=is_own,
        columns=list(shown.payload["mapping"].items()),
        behind=queue.behind(shown) if shown.state == State.QUEUED else 0,
    )


@require_POST
@may_import
def apply(request: HttpRequest, job_id: str) -> HttpResponse:
    """Only what was checked and found right is imported."""
    checked = get_object_or_404(Job, pk=job_id, kind=CHECK, state=State.DONE, actor=actor_of(request))
    if checked.result["problem_count"]:
        messages.error(request, _("The file has problems: nothing is imported until they are mended."))
        return redirect("import_job", checked.pk)
    kept = _own_file(request, checked.payload["file"])
    # One click or two, it is imported once.
    applied = (
        Job.objects.filter(kind=APPLY, payload__file=kept.pk).exclude(state__in=(State.FAILED, State.CANCELLED)).first()
    )
    if applied:
        return redirect("import_job", applied.pk)
    return _enqueue(request, APPLY, kept, checked.payload["mapping"])


@require_POST
@may_import
def cancel(request: HttpRequest, job_id: str) -> HttpResponse:
    shown = get_object_or_404(Job, pk=job_id, kind__in=(CHECK, APPLY, EXPORT), actor=actor_of(request))
    if queue.cancel(shown):
        messages.success(request, _("Cancelled. Nothing of it stays."))
    return redirect("import")


@require_safe
def download(request: HttpRequest, file_id: str) -> FileResponse:
    kept = _own_file(request, file_id)
    needed = "crm.export_customer" if kept.job and kept.job.kind == EXPORT else "crm.add_customer"
    if not request.user.has_perm(needed):
        raise PermissionDenied
    answer = FileResponse(kept.content.open("rb"), as_attachment=True, filename=kept.name)
    answer["Cache-Control"] = "no-store"
    answer["Content-Security-Policy"] = "sandbox"
    return answer
