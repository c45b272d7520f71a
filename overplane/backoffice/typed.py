"""Forms from which nothing typed gets lost, for any model: shown again as they were sent, or kept of what is deleted.

The browser keeps a draft beside (`drafts.js`); a cookie of the answer tells it what was saved.
"""

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from overplane.people import posted_form

AGAIN = posted_form.AGAIN
CONFIRMED = "post"  # Django's field of a page that asks before a deletion
DRAFT = "_draft"  # the number that the browser has given to its draft
DRAFT_NUMBER = re.compile(r"[0-9a-z]{1,20}")
DAY_S = 24 * 3600  # a browser that is closed before the next page is opened finds out later
ROW_ID = re.compile(r"-\d+-id$")
FIELD_OF_ROW = re.compile(r"(?P<rows>.+)-(?P<number>\d+)-(?P<own>\w+)")
STORED_ROWS = re.compile(r"-INITIAL_FORMS$")


def show_again(request: HttpRequest) -> None:
    """This post saves nothing: the form comes back with what was sent."""
    sent = request.POST.copy()
    sent[AGAIN] = "1"
    request.POST = sent  # type: ignore[assignment]  # Django itself assigns it, too


class TypedAdmin(admin.ModelAdmin):
    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form_class = super().get_form(request, obj, change=change, **kwargs)
        return _unsaved(form_class) if AGAIN in request.POST else form_class

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["draft_number"] = _draft_number(request)
        if AGAIN in request.POST:
            context["shown_again"] = True
            if context.get("original"):
                context["original"].refresh_from_db()  # the form has put into it what is not saved
            if len(context["errors"]) == 1:  # which is only that nothing is saved yet
                context["errors"] = []
        return super().render_change_form(request, context, *args, **kwargs)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        response = super().changeform_view(request, object_id, form_url, extra_context)
        number = _draft_number(request)
        if response.status_code == 302 and number:
            response.set_cookie(
                f"saved_{number}", "1", max_age=DAY_S, path="/admin/", samesite="Lax", secure=request.is_secure()
            )
        return response

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        form = posted_form.posted(request) if request.method == "POST" else None
        if not form or CONFIRMED in request.POST:  # nothing was typed
            return super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # type: ignore[misc]  # not in the stubs
        add_url = reverse(f"admin:{opts.app_label}_{opts.model_name}_add")
        can_add = self.has_add_permission(request)
        context = {
            "title": _("Deleted by somebody else"),
            "opts": opts,
            "typed": [(self._label_of(request, name), value) for name, value in form.typed],
            "as_new": posted_form.PostedForm(add_url, new_fields(form, object_id)) if can_add else None,
            "again": AGAIN,
        }
        return TemplateResponse(request, "backoffice/gone.html", self.admin_site.each_context(request) | context)

    def _label_of(self, request: HttpRequest, name: str) -> str:
        """Of a field of the form or of its rows, in the reader's language."""
        if match := FIELD_OF_ROW.fullmatch(name):
            for inline in self.get_inline_instances(request):
                formset = inline.get_formset(request)
                if formset.get_default_prefix() == match["rows"] and match["own"] in formset.form.base_fields:
                    label = formset.form.base_fields[match["own"]].label
                    return f"{inline.verbose_name} {int(match['number']) + 1}: {label}"
        fields = self.get_form(request, change=True).base_fields
        return str(fields[name].label) if name in fields else name


def _draft_number(request: HttpRequest) -> str:
    number = request.POST.get(DRAFT, "")
    return number if DRAFT_NUMBER.fullmatch(number) else ""


def _unsaved(form_class: Any) -> type[forms.ModelForm]:
    class Unsaved(form_class):
        def clean(self) -> Any:
            super().clean()
            raise ValidationError(_("Nothing is saved yet."), code=AGAIN)

    return Unsaved


def new_fields(form: posted_form.PostedForm, object_id: str) -> list[tuple[str, str]]:
    """The fields of a form for a new record, from those of a form for a stored one. Its rows are new ones as well."""
    return [
        (name, "0" if STORED_ROWS.search(name) else value)
        for name, value in form.fields
        if not name.startswith("initial-") and not ROW_ID.search(name) and name != AGAIN
        if not (posted_form.OF_ROW.search(name) and value == object_id)  # the row's reference to its record
    ]
