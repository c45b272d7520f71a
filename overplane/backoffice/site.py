"""The site of the back office: its menu holds models and pages that are no model's, each at its place."""

from typing import Any, NamedTuple

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.menu import LAST, PLACES, WORK, Page, Place, blocks


class Finder(NamedTuple):
    """Who answers the dialog of `Ctrl K`: names of addresses, the list of the records that it finds, and who may find them."""

    find: str
    start: str
    records: str
    permission: str


class Site(AdminSite):
    enable_nav_sidebar = False  # the rail stands for it
    finder: Finder | None = None  # without one the dialog knows the menu alone

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.pages = [Page(_("Overview"), "admin:index", (), Place(WORK, "house", 0))]
        self.places: dict[str, Place] = dict(PLACES)

    def add_page(self, page: Page) -> None:
        self.pages.append(page)

    def place(self, model: type[Model], place: Place) -> None:
        """Where a model's list stands in the menu."""
        self.places[model._meta.label_lower] = place

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if context["has_permission"]:
            models = [(one, self.places.get(model._meta.label_lower, LAST)) for model, one in self._registry.items()]
            context["menu"] = blocks(request, self.pages, models)
            if self.finder and request.user.has_perm(self.finder.permission):
                context["finder"] = self.finder
        return context
