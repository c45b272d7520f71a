"""The menu of the back office: two blocks, the work and its administration, with what this person may see."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.filters import Text

WORK, ADMINISTRATION = "work", "administration"
TITLES: dict[str, Text] = {WORK: "", ADMINISTRATION: _("Administration")}


class MenuPosition(NamedTuple):
    """Where an entry stands: its block, its icon of `icons.svg`, and its rank among the others (small ones first)."""

    block: str
    icon: str
    rank: int


# The platform's own models. The domain adds its own, see `Site.set_menu_position`.
MENU_POSITIONS = {
    "overplane_events.event": MenuPosition(WORK, "activity", 50),
    "overplane_api.apikey": MenuPosition(ADMINISTRATION, "key-round", 110),
    "overplane_webhooks.endpoint": MenuPosition(ADMINISTRATION, "webhook", 120),
    "overplane_jobs.job": MenuPosition(WORK, "list-checks", 45),
    "auth.user": MenuPosition(ADMINISTRATION, "user-round", 140),
    "auth.group": MenuPosition(ADMINISTRATION, "users-round", 150),
    "axes.accesslog": MenuPosition(ADMINISTRATION, "log-in", 160),
    "axes.accessattempt": MenuPosition(ADMINISTRATION, "lock", 170),
    "axes.accessfailurelog": MenuPosition(ADMINISTRATION, "triangle-alert", 180),
}
LAST = MenuPosition(ADMINISTRATION, "file-spreadsheet", 1000)  # of a model that nobody gave a place


class Page(NamedTuple):
    """An entry that is no model's, for those who have all these permissions."""

    title: Text
    url_name: str
    permissions: tuple[str, ...]
    position: MenuPosition
    waiting: Callable[[], int] | None = None  # how many things wait there


class Entry(NamedTuple):
    title: Text
    url: str
    icon: str
    is_current: bool
    waiting: int = 0


class Block(NamedTuple):
    title: Text
    entries: list[Entry]


def blocks(
    request: HttpRequest, pages: Iterable[Page], models: Iterable[tuple[ModelAdmin, MenuPosition]]
) -> list[Block]:
    """Blocks that have an entry; the one that the address lies below is the current one."""
    known = [
        (page.position, page.title, reverse(page.url_name), page.waiting() if page.waiting else 0)
        for page in pages
        if request.user.has_perms(page.permissions)
    ]
    known += [
        (
            position,
            model_admin.opts.verbose_name_plural or "",
            reverse(f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_changelist"),
            0,
        )
        for model_admin, position in models
        if model_admin.has_view_permission(request)
    ]
    known.sort(key=lambda one: one[0].rank)
    home = reverse("admin:index")  # every address begins with it
    above = [url for _position, _title, url, _waiting in known if request.path.startswith(url) and url != home]
    current = max(above, key=len, default=request.path)
    entries = {
        block: [
            Entry(title, url, position.icon, url == current, waiting)
            for position, title, url, waiting in known
            if position.block == block
        ]
        for block in TITLES
    }
    return [Block(TITLES[block], entries[block]) for block in TITLES if entries[block]]
