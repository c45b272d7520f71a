"""The site of the back office: its menu holds models and pages that are no model's, each at its place."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _

from overplane.backoffice import outcomes
from overplane.backoffice.menu import LAST, MENU_POSITIONS, WORK, MenuPosition, Page, blocks
from overplane.backoffice.origin import actor_of
from overplane.database import replicas
from overplane.people import posted_form
from overplane.people.posted_form import PostedForm

# Tells the browser's script that drafts of forms must go. An ended session sets none: then they are what must stay.
SIGNED_OUT_COOKIE = "signed_out"
LISTS = ("_changelist", "index")  # ends of addresses' names


class Finder(NamedTuple):
    """Who answers the dialog of `Ctrl K`: names of addresses, the list of the records that it finds, and who may find them."""

    find: str
    start: str
    records: str
    permission: str


def read_or_written(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """Lists and the overview may come from a replica; whoever posts sees in them what he has posted."""
    actor = actor_of(request)
    if request.method != "GET":
        with replicas.writing(actor):
            return answer()
    match = request.resolver_match
    if not match or not (match.url_name or "").endswith(LISTS):
        return answer()
    return replicas.read(lambda: rendered(answer()), reader=actor)


def rendered(response: HttpResponse) -> HttpResponse:
    """Templates read, too."""
    return response.render() if isinstance(response, SimpleTemplateResponse) else response


class Site(AdminSite):
    password_change_template = "people/password.html"  # noqa: S105 (a template)
    enable_nav_sidebar = False  # the rail stands for it
    finder: Finder | None = None  # without one the dialog knows the menu alone

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.pages = [Page(_("Overview"), "admin:index", (), MenuPosition(WORK, "house", 0))]
        self.menu_positions: dict[str, MenuPosition] = dict(MENU_POSITIONS)

    def add_page(self, page: Page) -> None:
        self.pages.append(page)

    def set_menu_position(self, model: type[Model], position: MenuPosition) -> None:
        """Where a model's list stands in the menu."""
        self.menu_positions[model._meta.label_lower] = position

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if context["has_permission"]:
            outcomes.tell(request)
            models = [
                (one, self.menu_positions.get(model._meta.label_lower, LAST)) for model, one in self._registry.items()
            ]
            context["menu"] = blocks(request, self.pages, models)
            if self.finder and request.user.has_perm(self.finder.permission):
                context["finder"] = self.finder
        return context

    # Whose session has ended while he typed

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = None if request.user.is_authenticated else posted_form.refusal(request, self.sign_in_page)
            return refusal or read_or_written(request, lambda: inner(request, *args, **kwargs))

        return update_wrapper(guarded, inner)

    def sign_in_page(self, request: HttpRequest, form: PostedForm) -> HttpResponse:
        context = {
            "title": _("Log in"),
            "app_path": f"{reverse('admin:login')}?{urlencode({REDIRECT_FIELD_NAME: form.path})}",
            REDIRECT_FIELD_NAME: form.path,
            "form": AdminAuthenticationForm(request),
            "posted_form": form,
        }
        context = self.each_context(request) | context
        response = TemplateResponse(request, self.login_template or "admin/login.html", context, status=403)
        add_never_cache_headers(response)
        return response

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().login(request, (extra_context or {}) | {"posted_form": posted_form.carried(request)})
        if request.method == "POST" and response.status_code == 302:
            return posted_form.after_signing_in(request) or response
        return response

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().logout(request, extra_context)
        if request.method == "POST":  # which has passed the check of its token: nobody else can drop a person's drafts
            response.set_cookie(SIGNED_OUT_COOKIE, "1", path="/admin/", samesite="Lax", secure=request.is_secure())
        return response
