"""The views of a list that a person saves: columns, filters, and with which one the list opens."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.changelist import VIEW
from overplane.backoffice.models import SavedView

MOST_VIEWS = 50  # of one person and list: the page shows all of them in a menu


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
        self._must_view(request)
        chosen = request.POST.getlist("column")
        columns = [] if "reset" in request.POST else [n for n in self.columns if n in chosen]
        SavedView.objects.update_or_create(
            user_id=self._person(request), page=self.page, name="", defaults={"columns": columns}
        )
        return self._back(request)

    def save_view(self, request: HttpRequest) -> HttpResponse:
        self._must_view(request)
        form = ViewForm(request.POST)
        if not form.is_valid():
            self.message_user(request, gettext("Give the view a name of at most 80 characters."), messages.ERROR)
            return self._back(request)
        keys: dict[str, Any] = {"user_id": self._person(request), "page": self.page}
        if SavedView.objects.filter(**keys).count() > MOST_VIEWS:
            self.message_user(request, gettext("There are many views already; remove one first."), messages.ERROR)
            return self._back(request)
        query = QueryDict(request.POST.get("query", "")[:4000]).urlencode()
        values = {"query": query, "columns": self._posted_columns(request), "is_shared": form.cleaned_data["is_shared"]}
        with transaction.atomic():
            view, _created = SavedView.objects.update_or_create(**keys, name=form.cleaned_data["name"], defaults=values)
            if form.cleaned_data["is_default"]:
                SavedView.objects.update_or_create(**keys, name="", defaults={"opens": view})
            else:
                SavedView.objects.filter(**keys, name="", opens=view).update(opens=None)
        self.message_user(request, gettext("The view “%s” is saved.") % view.name, messages.SUCCESS)
        return redirect(f"{self._reverse('changelist')}?{self.query_of(view)}")

    def _posted_columns(self, request: HttpRequest) -> list[str]:
        chosen = request.POST.getlist("column")
        return [n for n in self.columns if n in chosen]

    def remove_view(self, request: HttpRequest, number: int) -> HttpResponse:
        self._must_view(request)
        if (
            not SavedView.objects.filter(pk=number, user_id=self._person(request), page=self.page)
            .exclude(name="")
            .delete()[0]
        ):
            raise Http404
        return redirect(f"{self._reverse('changelist')}?all=")

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
