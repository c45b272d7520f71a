"""Export in the back office: a person chooses, a job writes the file, and the same person downloads it."""

from collections.abc import Sequence

from django import forms
from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from crm import search
from crm.backoffice.starting import start_job
from crm.backoffice.wording import kinds_lazy
from crm.representation import CUSTOMER_NAMES
from crm.transfer.long_cells import CHOICES
from crm.transfer.selection import LAYOUTS
from overplane.jobs.models import OPEN, Job
from overplane.jobs.owners import owned_by

KIND = "crm.export_customers"
FORMATS = {"csv": "CSV", "xlsx": "Excel (XLSX)", "ndjson": "NDJSON"}
LAYOUT_LABELS = {
    "lines": gettext_lazy("In lines of their own, below their customer"),
    "repeated": gettext_lazy("In lines of their own, the customer's cells repeated"),
    "none": gettext_lazy("Not at all"),
}


LONG_CELL_LABELS = {
    "refuse": gettext_lazy("Make no file, and say whose they are"),
    "cut": gettext_lazy("Cut them"),
    "omit": gettext_lazy("Leave them out"),
}


class ExportForm(forms.Form):
    format = forms.ChoiceField(label=gettext_lazy("Format"), choices=list(FORMATS.items()))
    layout = forms.ChoiceField(
        label=capfirst(kinds_lazy()),
        choices=[(name, LAYOUT_LABELS[name]) for name in LAYOUTS],
        required=False,
    )
    long_cells = forms.ChoiceField(
        label=gettext_lazy("Texts that no cell of Excel holds"),
        choices=[(name, LONG_CELL_LABELS[name]) for name in CHOICES],
        required=False,
        help_text=gettext_lazy("Those of more than 32,767 characters."),
    )
    q = forms.CharField(
        label=gettext_lazy("Only customers with these words"),
        required=False,
        max_length=search.MAX_LENGTH,
        help_text=gettext_lazy("As in the list's search. Empty: all customers."),
    )


def start(
    request: HttpRequest, *, format: str, layout: str = "", q: str = "", long_cells: str = "", ids: Sequence[str] = ()
) -> Job:
    """The job that exports these customers; the page of exports shows it and offers the file."""
    payload = {
        "format": format,
        "layout": layout or "lines",
        "q": q,
        "long_cells": long_cells or "refuse",
        "ids": list(ids),
    }
    return start_job(request, KIND, payload)


# What columns of the list stand for that are no attributes themselves.
BEHIND = {
    "status": ("disabled", "is_frozen", "is_internal_customer"),
    "created": ("created_at",),
    "updated": ("updated_at",),
}


@require_POST
@permission_required("crm.export_customer", raise_exception=True)
def export_list(request: HttpRequest) -> HttpResponse:
    """What a list shows: its customers by its address, its columns in their order; into a table, without line items."""
    columns = [name for column in request.POST.getlist("column") for name in BEHIND.get(column, (column,))]
    names = [name for name in dict.fromkeys(columns) if name in CUSTOMER_NAMES]
    table = request.POST.get("format")
    if not names or table not in ("csv", "xlsx"):
        raise SuspiciousOperation
    payload = {"format": table, "layout": "none", "names": names, "query": request.POST.get("query", "")}
    start_job(request, KIND, payload | {"until": timezone.now().isoformat(), "long_cells": "cut"})
    return redirect("export")


@require_http_methods(["GET", "POST"])
@permission_required("crm.export_customer", raise_exception=True)
def export(request: HttpRequest) -> HttpResponse:
    form = ExportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        start(request, **form.cleaned_data)
        return redirect("export")
    jobs = list(Job.objects.filter(owned_by(request.user), kind=KIND)[:20])
    context = admin.site.each_context(request) | {
        "title": _("Export customers"),
        "form": form,
        "jobs": jobs,
        "is_open": any(job.state in OPEN for job in jobs),
    }
    return TemplateResponse(request, "crm/export.html", context)
