"""What the pages of an import share: who may do it, whose file it is, and the way from one page to the next."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.backoffice.starting import start_job
from overplane.jobs.models import JobFile
from overplane.jobs.owners import owned_by

CHECK, APPLY, UNDO = "crm.check_import", "crm.import_customers", "crm.undo_import"
MAY_IMPORT = ("crm.add_customer", "crm.change_customer")
may_import = permission_required(MAY_IMPORT, raise_exception=True)


def page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    return TemplateResponse(request, f"crm/{template}.html", admin.site.each_context(request) | context)


def steps(now: int) -> dict[str, Any]:
    """Where of the whole way a page stands. Behind the last step everything is done."""
    labels = [_("Choose a file"), _("Say what its columns are"), _("Check and mend"), _("Import")]
    return {"labels": labels, "now": now}


def mapping_url(file_id: str, **choice: str | int | None) -> str:
    """`choice`: encoding, sheet and heading row, as far as somebody chose them."""
    url = reverse("import_mapping", args=[file_id])
    chosen = {name: value for name, value in choice.items() if value}
    return f"{url}?{urlencode(chosen)}" if chosen else url


def own_file(request: HttpRequest, file_id: str) -> JobFile:
    """Others' files are theirs: they may hold more than this person may see."""
    return get_object_or_404(JobFile, owned_by(request.user), pk=file_id)


def enqueue(
    request: HttpRequest, kind: str, stored: JobFile, options: dict[str, Any], *, key: str | None = None
) -> HttpResponse:
    payload = options | {"file": stored.pk, "name": stored.name}
    job = start_job(request, kind, payload, key=key)
    JobFile.objects.filter(pk=stored.pk).update(job=job)
    return redirect("import_job", job.pk)
