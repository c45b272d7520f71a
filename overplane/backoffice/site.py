"""The site of the back office: its menu begins with the domain, and holds pages that are no model's."""

from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import reverse

from overplane.backoffice.filters import Text


class Page(NamedTuple):
    """An entry of the menu for those who have all these permissions."""

    title: Text
    url_name: str
    permissions: tuple[str, ...]


class Site(AdminSite):
    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.pages: dict[str, list[Page]] = {}

    def add_page(self, app_label: str, page: Page) -> None:
        self.pages.setdefault(app_label, []).append(page)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """What is installed last stands first: the domain, then what it stands on."""
        app_list = super().get_app_list(request, app_label)
        for app in app_list:
            app["models"] += [_entry(p) for p in self.pages.get(app["app_label"], []) if _may(request, p)]
        installed = [config.label for config in apps.get_app_configs()]
        return sorted(app_list, key=lambda app: -installed.index(app["app_label"]))


def _may(request: HttpRequest, page: Page) -> bool:
    return request.user.has_perms(page.permissions)


def _entry(page: Page) -> dict[str, Any]:
    """As Django's templates read the entry of a model that can only be viewed."""
    return {
        "name": page.title,
        "object_name": page.url_name,
        "admin_url": reverse(page.url_name),
        "add_url": None,
        "view_only": True,
        "perms": {"view": True},
    }
