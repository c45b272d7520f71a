"""The first page of an import in the back office: upload a file, or go back to one."""

from pathlib import Path
from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from crm.backoffice import uploads
from crm.backoffice.pages.import_steps import APPLY, CHECK, mapping_url, may_import, page, steps
from crm.transfer import runs
from overplane.backoffice.origin import actor_of
from overplane.backoffice.uploads import largest
from overplane.jobs import files
from overplane.jobs.models import Job, State
from overplane.jobs.owners import owned_by, visible_to

RECENT = 10  # imports and checks on the page


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"), widget=forms.ClearableFileInput(attrs={"accept": ",".join(uploads.SUFFIXES)})
    )

    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"label_suffix": ""})
        named = [(name, name) for name in uploads.ENCODINGS if name]
        cast("forms.ChoiceField", self.fields["encoding"]).choices = [("", _("found out")), *named]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if Path(file.name).suffix.lower() not in uploads.SUFFIXES:
            suffixes = ", ".join(uploads.SUFFIXES)
            raise forms.ValidationError(_("The name of the file must end in one of: %(known)s.") % {"known": suffixes})
        if file.size > largest():
            text = _("The file is larger than %(most)s MiB. Split it, or ask whoever runs this service to import it.")
            raise forms.ValidationError(text % {"most": settings.UPLOAD_MAX_MIB})
        return file


@require_http_methods(["GET", "POST"])
@may_import
def upload(request: HttpRequest) -> HttpResponseBase:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        stored = files.store(file, file.name, actor_of(request), owner=request.user.pk)
        return redirect(mapping_url(stored.pk, encoding=form.cleaned_data["encoding"]))
    return page(
        request, "import_upload", title=_("Import customers"), steps=steps(1), form=form, recent=_recent(request)
    )


def _recent(request: HttpRequest) -> list[Job]:
    """The last imports, and the person's own checks from which no import was begun."""
    jobs = Job.objects.filter(kind__in=(APPLY, runs.IMPORT)).exclude(state=State.CANCELLED)
    imports = list(jobs.filter(visible_to(request.user))[:RECENT])
    checks = Job.objects.filter(owned_by(request.user), kind=CHECK).exclude(state=State.CANCELLED)[:RECENT]
    checked = {job.payload.get("file") for job in imports}
    for check in checks:  # the newest of each file
        if check.payload.get("file") not in checked:
            checked.add(check.payload.get("file"))
            imports.append(check)
    return sorted(imports, key=lambda job: (job.created_at, job.pk), reverse=True)[:RECENT]
