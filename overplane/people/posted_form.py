"""What somebody posted whom the server cannot serve just now: his session has ended, or the form's token is stale.

Nothing of it is stored. The answer carries it in a hidden field, through the login and the second factor, back to the
same browser; then the person sends it again by a click. So a forged form is never sent by itself.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple, Self

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from overplane.people import second_factor
from overplane.people.forms import SignInCodeForm

HIDDEN_FIELD = "kept"  # the hidden field; the settings keep it out of the log of logins
AGAIN = "_again"  # asks a form to show what was sent, and to save nothing
FORM = "bo_opened"  # a field that each form has which can do that
SIGNED_OUT = "signed_out"  # how a script is told
# Sent in percent-encoding a character takes up to three times its bytes: this stays below DATA_UPLOAD_MAX_MEMORY_SIZE.
LARGEST = 5 * 1024 * 1024
MOST_LISTED = 40  # values that the page lists; the form shows all of them
SECRET = re.compile(r"password|secret|^code$")
OF_ROW = re.compile(r"-\d+-")
NOT_TYPED = re.compile(r"__prefix__|^_|^initial-|^bo_|_FORMS$|-(id|idx)$")


class PostedForm(NamedTuple):
    path: str
    fields: list[tuple[str, str]]
    has_files: bool = False

    @classmethod
    def read(cls, text: str) -> Self | None:
        """None for what no page of ours can have written."""
        try:
            path, fields, has_files = json.loads(text)
            form = cls(str(path), [(str(name), str(value)) for name, value in fields], bool(has_files))
        except (ValueError, TypeError):
            return None
        return form if form.path.startswith("/admin/") and "\\" not in form.path else None

    @property
    def text(self) -> str:
        return json.dumps(self, ensure_ascii=False)

    @property
    def is_form(self) -> bool:
        return any(name == FORM for name, _value in self.fields)

    @property
    def typed(self) -> list[tuple[str, str]]:
        """What the person has written, as far as that can be told from the fields alone."""
        all_fields, parts = dict(self.fields), self.path.split("/")
        changed = [
            (name, value)
            for name, value in self.fields
            if not NOT_TYPED.search(name) and value.strip() and not (OF_ROW.search(name) and value in parts)
            if all_fields.get(f"initial-{name}") != value
        ]
        return changed[:MOST_LISTED]


def posted(request: HttpRequest) -> PostedForm | None:
    """None if there is nothing to keep, or what must not be kept: secrets, and more than a form can carry."""
    if HIDDEN_FIELD in request.POST:
        return carried(request)
    fields = [(n, v) for n, values in request.POST.lists() for v in values if n != "csrfmiddlewaretoken"]
    if not fields or any(SECRET.search(name) for name, _value in fields):
        return None
    form = PostedForm(request.get_full_path(), fields, bool(request.FILES))
    return form if len(form.text.encode()) <= LARGEST else None


def carried(request: HttpRequest) -> PostedForm | None:
    return PostedForm.read(request.POST.get(HIDDEN_FIELD, ""))


def refusal(request: HttpRequest, page: Callable[[HttpRequest, PostedForm], HttpResponse]) -> HttpResponse | None:
    """To a post by somebody who must sign in first. None if a redirect is as good."""
    if request.method != "POST":
        return None
    if "application/json" in request.headers.get("accept", ""):
        return JsonResponse({"refused": SIGNED_OUT})
    form = posted(request)
    return page(request, form) if form else None


def code_page(request: HttpRequest, posted_form: PostedForm) -> HttpResponse:
    device = second_factor.confirmed(request.user)
    assert device is not None
    return show_code_form(request, SignInCodeForm(request.user, device), posted_form, status=403)


def show_code_form(
    request: HttpRequest, form: SignInCodeForm, posted_form: PostedForm | None, *, status: int = 200
) -> HttpResponse:
    """In the frame of the login: without a menu, and without the dialog that would ask for the code a second time."""
    context: dict[str, Any] = {
        "title": _("Second factor"),
        "form": form,
        "posted_form": posted_form,
        "has_permission": False,
    }
    return TemplateResponse(request, "people/code.html", admin.site.each_context(request) | context, status=status)


def after_signing_in(request: HttpRequest) -> HttpResponse | None:
    """The page that leads back to the form, or to the code that is still owed. None if no form was kept."""
    form = carried(request)
    if form is None:
        return None
    if second_factor.is_owed(request.user):
        return code_page(request, form)
    return page(request, form, title=_("You are logged in again"))


def page(request: HttpRequest, form: PostedForm, *, title: Any, status: int = 200) -> TemplateResponse:
    context = {"title": title, "posted_form": form, "again": AGAIN, "login_url": reverse("admin:login")}
    return TemplateResponse(
        request, "people/posted_form.html", admin.site.each_context(request) | context, status=status
    )
