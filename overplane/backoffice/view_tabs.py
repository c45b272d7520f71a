"""The saved views of a list as its tabs: in which order a person sees them, and what is done with the one that is open."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext

from overplane.backoffice.changelist import VIEW
from overplane.backoffice.models import SavedView
from overplane.backoffice.saved_views import SavedViewsAdmin

LEFT, RIGHT = -1, 1


@dataclass(frozen=True, slots=True)
class Tab:
    """`is_changed`: the list on the page is not what the view has saved."""

    view: SavedView
    is_current: bool
    is_mine: bool
    opens: bool
    is_changed: bool
    is_first: bool
    is_last: bool


class ViewTabsAdmin(SavedViewsAdmin):
    """`do` of a posted form names one of `ACTS`. What a person shares can be used and hidden by others, never changed."""

    def arranged(self, request: HttpRequest) -> tuple[list[SavedView], list[SavedView]]:
        """The views in this person's order, and those of others that this person has hidden."""
        own = self.own(request)
        order, hidden = (self._numbers(own, part) for part in ("order", "hidden"))
        named = [view for view in self.saved_views(request) if view.name]
        named.sort(key=lambda view: order.index(view.pk) if view.pk in order else len(order))
        gone = [view for view in named if view.pk in hidden and view.user_id != request.user.pk]
        return [view for view in named if view not in gone], gone

    @staticmethod
    def _numbers(own: SavedView | None, part: str) -> list[int]:
        return list(own.arrangement.get(part, [])) if own else []

    def opened(self, request: HttpRequest) -> SavedView | None:
        """The view that the address names, if this person has it."""
        number = request.GET.get(VIEW, "")
        return next((view for view in self.saved_views(request) if view.name and str(view.pk) == number), None)

    def default_view(self, request: HttpRequest) -> SavedView | None:
        """With which the list opens for this person."""
        own = self.own(request)
        return next((view for view in self.saved_views(request) if own and view.pk == own.opens_id), None)

    def tabs(self, request: HttpRequest, view_query: str) -> list[Tab]:
        own, current = self.own(request), self.opened(request)
        views, _hidden = self.arranged(request)
        if current and current not in views:  # hidden, yet opened by a link
            views.append(current)
        return [
            Tab(
                view,
                is_current=view == current,
                is_mine=view.user_id == request.user.pk,
                opens=bool(own and own.opens_id == view.pk),
                is_changed=view == current and _parameters(view.query) != _parameters(view_query),
                is_first=i == 0,
                is_last=i == len(views) - 1,
            )
            for i, view in enumerate(views)
        ]

    def change_view_of_list(self, request: HttpRequest, number: int) -> HttpResponse:
        self._must_view(request)
        view = next((one for one in self.saved_views(request) if one.name and one.pk == number), None)
        act = ACTS.get(request.POST.get("do", ""))
        if view is None or act is None or (view.user_id != request.user.pk and act in OWNERS_ONLY):
            raise Http404
        return act(self, request, view)

    # What is done with a view

    def update(self, request: HttpRequest, view: SavedView) -> HttpResponse:
        view.query, view.columns = self._posted_query(request), self._posted_columns(request)
        view.save(update_fields=["query", "columns"])
        self.message_user(request, gettext("The view “%s” is saved.") % view.name, messages.SUCCESS)
        return self._to(view)

    def rename(self, request: HttpRequest, view: SavedView) -> HttpResponse:
        view.name = request.POST.get("name", "").strip()
        if not 0 < len(view.name) <= 80:
            return self._refuse(request, gettext("Give the view a name of at most 80 characters."))
        try:
            with transaction.atomic():
                view.save(update_fields=["name"])
        except IntegrityError:
            return self._refuse(request, gettext("You have a view “%s” already. Take another name.") % view.name)
        return self._back(request)

    def share(self, request: HttpRequest, view: SavedView) -> HttpResponse:
        if not self.may_share(request):
            raise PermissionDenied
        return self._set_shared(request, view, is_shared=True)

    def unshare(self, request: HttpRequest, view: SavedView) -> HttpResponse:
        return self._set_shared(request, view, is_shared=False)

    def _set_shared(self, request: HttpRequest, view: SavedView, *, is_shared: bool) -> HttpResponse:
        view.is_shared = is_shared
        view.save(update_fields=["is_shared"])
        texts = gettext("Everybody has the view “%s” now."), gettext("The view “%s” is yours alone again.")
        self.message_user(request, texts[not is_shared] % view.name, messages.SUCCESS)
        return self._back(request)

    def open_with(self, request: HttpRequest, view: SavedView) -> HttpResponse:
        self.arrange(request, opens=view)
        self.message_user(request, gettext("The list opens with “%s” now.") % view.name, messages.SUCCESS)
        return self._back(request)

    def open_without(self, request: HttpRequest, view: SavedView) -> HttpResponse:
        self.arrange(request, opens=None)
        return self._back(request)

    def to_the_left(self, request: HttpRequest, view: SavedView) -> HttpResponse:
        return self._move(request, view, LEFT)

    def to_the_right(self, request: HttpRequest, view: SavedView) -> HttpResponse:
        return self._move(request, view, RIGHT)

    def _move(self, request: HttpRequest, view: SavedView, step: int) -> HttpResponse:
        order = [one.pk for one in self.arranged(request)[0]]
        if view.pk in order:
            index = order.index(view.pk)
            order.insert(max(index + step, 0), order.pop(index))
            self._store(request, order=order)
        return self._back(request)

    def hide(self, request: HttpRequest, view: SavedView) -> HttpResponse:
        hidden = {*self._numbers(self.own(request), "hidden"), view.pk}
        self._store(request, hidden=sorted(hidden))
        own = self.own(request)
        if own and own.opens_id == view.pk:
            self.arrange(request, opens=None)
        return redirect(f"{self._reverse('changelist')}?all=")

    def show(self, request: HttpRequest, view: SavedView) -> HttpResponse:
        self._store(request, hidden=[pk for pk in self._numbers(self.own(request), "hidden") if pk != view.pk])
        return self._to(view)

    def _store(self, request: HttpRequest, **parts: list[int]) -> None:
        own = self.own(request)
        self.arrange(request, arrangement=(own.arrangement if own else {}) | parts)

    def remove(self, request: HttpRequest, view: SavedView) -> HttpResponse:
        view.delete()
        self.message_user(request, gettext("The view “%s” is removed.") % view.name, messages.SUCCESS)
        return redirect(f"{self._reverse('changelist')}?all=")


def _parameters(query: str) -> list[tuple[str, list[str]]]:
    """Of an address, in any order; what is empty says nothing."""
    return sorted((name, values) for name, values in QueryDict(query).lists() if any(values) or "." in name)


Act = Callable[[Any, HttpRequest, SavedView], HttpResponse]
ACTS: dict[str, Act] = {
    "update": ViewTabsAdmin.update,
    "rename": ViewTabsAdmin.rename,
    "share": ViewTabsAdmin.share,
    "unshare": ViewTabsAdmin.unshare,
    "open": ViewTabsAdmin.open_with,
    "open_without": ViewTabsAdmin.open_without,
    "left": ViewTabsAdmin.to_the_left,
    "right": ViewTabsAdmin.to_the_right,
    "hide": ViewTabsAdmin.hide,
    "show": ViewTabsAdmin.show,
    "remove": ViewTabsAdmin.remove,
}
OWNERS_ONLY = [ACTS[name] for name in ("update", "rename", "share", "unshare", "remove")]
