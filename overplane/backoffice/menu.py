"""The menu of the back office: two blocks, the work and its administration, with what this person may see."""

from collections.abc import Iterable
from typing import NamedTuple

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.filters import Text

WORK, ADMINISTRATION = "work", "administration"
TITLES: dict[str, Text] = {WORK: "", ADMINISTRATION: _("Administration")}


class Place(NamedTuple):
    """Where an entry stands: its block, its icon of `icons.svg`, and its rank among the others (small ones first)."""

    block: str
    icon: str
    rank: int


# The platform's own models. The domain adds its own, see `Site.place`.
PLACES = {
    "overplane_events.event": Place(WORK, "activity", 50),
    "overplane_api.apikey": Place(ADMINISTRATION, "key-round", 110),
    "overplane_webhooks.endpoint": Place(ADMINISTRATION, "webhook", 120),
    "overplane_jobs.job": Place(WORK, "list-checks", 45),
    "auth.user": Place(ADMINISTRATION, "user-round", 140),
    "auth.group": Place(ADMINISTRATION, "users-round", 150),
    "axes.accesslog": Place(ADMINISTRATION, "log-in", 160),
    "axes.accessattempt": Place(ADMINISTRATION, "lock", 170),
    "axes.accessfailurelog": Place(ADMINISTRATION, "triangle-alert", 180),
}
LAST = Place(ADMINISTRATION, "file-spreadsheet", 1000)  # of a model that nobody gave a place


class Page(NamedTuple):
    """An entry that is no model's, for those who have all these permissions."""

    title: Text
    url_name: str
    permissions: tuple[str, ...]
    place: Place


class Entry(NamedTuple):
    title: Text
    url: str
    icon: str
    is_current: bool


class Block(NamedTuple):
    title: Text
    entries: list[Entry]


def blocks(request: HttpRequest, pages: Iterable[Page], models: Iterable[tuple[ModelAdmin, Place]]) -> list[Block]:
    """Blocks that have an entry; the one that the address lies below is the current one."""
    known = [
        (page.place, page.title, reverse(page.url_name)) for page in pages if request.user.has_perms(page.permissions)
    ]
    known += [
        (
            place,
            model_admin.opts.verbose_name_plural or "",
            reverse(f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_changelist"),
        )
        for model_admin, place in models
        if model_admin.has_view_permission(request)
    ]
    known.sort(key=lambda one: one[0].rank)
    home = reverse("admin:index")  # every address begins with it
    above = [url for _place, _title, url in known if request.path.startswith(url) and url != home]
    current = max(above, key=len, default=request.path)
    entries = {
        block: [Entry(title, url, place.icon, url == current) for place, title, url in known if place.block == block]
        for block in TITLES
    }
    return [Block(TITLES[block], entries[block]) for block in TITLES if entries[block]]
