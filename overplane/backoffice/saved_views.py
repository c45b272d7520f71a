"""The views of a list that a person saves: columns, filters, and with which one the list opens."""

import json
from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.changelist import VIEW
from overplane.backoffice.models import SavedView

MOST_VIEWS = 50  # of one person and list: the page shows all of them as tabs
LONGEST_QUERY = 4000  # characters: what servers take as an address


NARROWEST, WIDEST = 60, 900  # pixels of a column: a word, and most of a screen


def posted_layout(sent: QueryDict, columns: Sequence[str]) -> dict[str, Any]:
    """What is no layout counts as none."""
    try:
        widths = json.loads(sent.get("widths") or "{}")
    except ValueError:
        widths = {}
    known = widths.items() if isinstance(widths, dict) else ()
    accepted = {n: min(max(w, NARROWEST), WIDEST) for n, w in known if n in columns and type(w) is int}
    return {"widths": accepted, "dense": sent.get("density") == "dense"}


class ListRequest(HttpRequest):
    """A request with the views of its list, once they are read. For types only: nothing makes one."""

    list_views: list[SavedView]


class ViewForm(forms.ModelForm):
    name = forms.CharField(label=_("Name"), max_length=80)
    is_default = forms.BooleanField(label=_("Open with it"), required=False)

    class Meta:
        model = SavedView
        fields = ("name", "is_shared")


class SavedViewsAdmin(admin.ModelAdmin):
    """Stores views and reads them. `columns` may be chosen, the first always stands."""

    columns: tuple[str, ...] = ()
    list_display: tuple[str, ...]

    @property
    def page(self) -> str:
        return self.opts.label_lower

    def _reverse(self, name: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    @staticmethod
    def _person(request: HttpRequest) -> int:
        """The primary key of whoever calls: the site lets in nobody who has none."""
        assert request.user.pk is not None
        return request.user.pk

    def saved_views(self, request: HttpRequest) -> list[SavedView]:
        """This person's views of the list and those that others share: one query a request."""
        request = cast("ListRequest", request)
        if not hasattr(request, "list_views"):
            mine = Q(user_id=self._person(request))
            views = SavedView.objects.filter(mine | Q(is_shared=True), page=self.page).select_related("user")
            request.list_views = list(views)
        return request.list_views

    def own(self, request: HttpRequest) -> SavedView | None:
        """How the list opens for this person."""
        return next((v for v in self.saved_views(request) if v.user_id == request.user.pk and not v.name), None)

    def save_columns(self, request: HttpRequest) -> HttpResponse:
        """Columns in their order, widths and density: of the view that is open if it is this person's, else of the list."""
        self._must_view(request)
        values: dict[str, Any] = {"columns": [], "layout": {}}
        if "reset" not in request.POST:
            values = {"columns": self._posted_columns(request), "layout": posted_layout(request.POST, self.columns)}
        opened = QueryDict(request.POST.get("back", "").partition("?")[2]).get(VIEW, "")
        mine = next(
            (v for v in self.saved_views(request) if v.user_id == request.user.pk and str(v.pk) == opened), None
        )
        if mine and mine.name:
            SavedView.objects.filter(pk=mine.pk).update(**values)
        else:
            self.arrange(request, **values)
        return self._back(request)

    def save_view(self, request: HttpRequest) -> HttpResponse:
        """Keeps the list under a name that is new: what has a name already is changed where it is open, never from here."""
        self._must_view(request)
        form = ViewForm(request.POST)
        keys: dict[str, Any] = {"user_id": self._person(request), "page": self.page}
        if not form.is_valid():
            return self._refuse(request, gettext("Give the view a name of at most 80 characters."))
        name, is_shared = form.cleaned_data["name"], form.cleaned_data["is_shared"]
        if is_shared and not self.may_share(request):
            raise PermissionDenied
        if SavedView.objects.filter(**keys).count() > MOST_VIEWS:
            return self._refuse(request, gettext("There are many views already; remove one first."))
        values = {
            "query": self._posted_query(request),
            "columns": self._posted_columns(request),
            "layout": posted_layout(request.POST, self.columns),
            "is_shared": is_shared,
        }
        with transaction.atomic():
            view, is_new = SavedView.objects.get_or_create(**keys, name=name, defaults=values)
            if is_new and form.cleaned_data["is_default"]:
                self.arrange(request, opens=view)
        if not is_new:
            text = gettext(
                "You have a view “%s” already. Take another name, or open that view and save the changes there."
            )
            return self._refuse(request, text % name)
        self.message_user(request, gettext("The view “%s” is saved.") % view.name, messages.SUCCESS)
        return self._to(view)

    def _refuse(self, request: HttpRequest, text: str) -> HttpResponse:
        self.message_user(request, text, messages.ERROR)
        return self._back(request)

    def _to(self, view: SavedView) -> HttpResponse:
        return redirect(f"{self._reverse('changelist')}?{self.query_of(view)}")

    @staticmethod
    def _posted_query(request: HttpRequest) -> str:
        return QueryDict(request.POST.get("query", "")[:LONGEST_QUERY]).urlencode()

    def may_share(self, request: HttpRequest) -> bool:
        return request.user.has_perm("overplane_backoffice.share_savedview")

    def arrange(self, request: HttpRequest, **values: Any) -> None:
        """How this person's list opens, and the order of the tabs."""
        keys: dict[str, Any] = {"user_id": self._person(request), "page": self.page, "name": ""}
        SavedView.objects.update_or_create(**keys, defaults=values)

    def _posted_columns(self, request: HttpRequest) -> list[str]:
        return [name for name in dict.fromkeys(request.POST.getlist("column")) if name in self.columns]

    @staticmethod
    def query_of(view: SavedView) -> str:
        query = QueryDict(view.query, mutable=True)
        query[VIEW] = str(view.pk)
        return query.urlencode()

    def _must_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _back(self, request: HttpRequest) -> HttpResponse:
        target = request.POST.get("back", "")
        start = self._reverse("changelist")
        is_ours = target.startswith(start) and url_has_allowed_host_and_scheme(target, allowed_hosts=None)
        return redirect(target if is_ours else start)
