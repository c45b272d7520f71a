"""The site of the back office: its menu holds models and pages that are no model's, each at its place."""

from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.menu import LAST, PLACES, WORK, Page, Place, blocks


class Site(AdminSite):
    enable_nav_sidebar = False  # the rail stands for it

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
        return context
