"""The list page of a big table, for any model: columns and views that a person keeps, suggestions, search, filters."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from overplane.backoffice.changelist import VIEW, BigChangeList
from overplane.backoffice.filters import Text
from overplane.backoffice.models import SavedView
from overplane.backoffice.values import used_values
from overplane.database.fields import field_of
from overplane.database.ordering import Order

MOST_VIEWS = 50  # of one person and list: the page shows all of them in a menu


def deferred(*paths: str) -> list[Script]:
    """Scripts that run once the page is there."""
    return [Script(name, defer=True) for name in paths]


class ListRequest(HttpRequest):
    """A request with the views of its list, once they are read. For types only: nothing makes one."""

    list_views: list[SavedView]


class ViewForm(forms.ModelForm):
    name = forms.CharField(label=_("Name"), max_length=80)
    is_default = forms.BooleanField(label=_("Open with it"), required=False)

    class Meta:
        model = SavedView
        fields = ("name", "is_shared")


class BigTableAdmin(admin.ModelAdmin):
    """`columns` may be chosen, the first always stands; `order_fields` have an index to sort by."""

    change_list_template = "backoffice/list.html"
    columns: tuple[str, ...] = ()
    list_display: tuple[str, ...]
    order_fields: tuple[str, ...] = ("created_at",)
    default_order = Order("created_at", descending=True)
    has_stored_count = True  # see overplane.database.counters
    suggested: tuple[str, ...] = ()
    list_deferred: tuple[str, ...] = ()  # columns that no list reads
    list_per_page = 50
    show_full_result_count = False
    search_placeholder: Text = ""

    class Media:
        js = deferred("backoffice/suggest.js", "backoffice/list.js")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BigChangeList]:
        return BigChangeList

    @property
    def page(self) -> str:
        return self.opts.label_lower

    def _reverse(self, name: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("columns/", view(require_POST(self.save_columns)), name=f"{prefix}_columns"),
            path("views/", view(require_POST(self.save_view)), name=f"{prefix}_views"),
            path("views/<int:number>/remove/", view(require_POST(self.remove_view)), name=f"{prefix}_view_remove"),
            path("values/<str:field>/", view(require_GET(self.values)), name=f"{prefix}_values"),
            *super().get_urls(),
        ]

    # What a person keeps

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

    def chosen_columns(self, request: HttpRequest) -> list[str]:
        number = request.GET.get(VIEW, "")
        view = next((v for v in self.saved_views(request) if v.name and str(v.pk) == number), None) or self.own(request)
        return [n for n in self.columns if view and n in view.columns] or list(self.list_display)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        chosen = self.chosen_columns(request)
        return [self.columns[0], *(name for name in chosen if name != self.columns[0])]

    def get_sortable_by(self, request: HttpRequest) -> list[Any]:
        output = self.get_list_display(request)
        return [n for n in output if getattr(getattr(self, n, None), "admin_order_field", n) in self.order_fields]

    def column_label(self, name: str) -> str:
        column = getattr(self, name, None)
        label = getattr(column, "short_description", None) or field_of(self.model, name).verbose_name
        return str(label)

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

    # The page

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self._must_view(request)
        own = self.own(request)
        if request.method == "GET" and not request.GET and own and own.opens_id:
            opened = next((v for v in self.saved_views(request) if v.pk == own.opens_id), None)
            if opened:
                return redirect(f"{request.path}?{self.query_of(opened)}")
        current = request.GET.get(VIEW, "")
        context = {
            "title": self.opts.verbose_name_plural,
            "search_placeholder": self.search_placeholder,
            "views": [
                {
                    "view": view,
                    "query": self.query_of(view),
                    "is_current": str(view.pk) == current,
                    "is_mine": view.user_id == request.user.pk,
                    "opens": bool(own and own.opens_id == view.pk),
                }
                for view in self.saved_views(request)
                if view.name
            ],
            "column_choices": [(n, self.column_label(n), n in self.get_list_display(request)) for n in self.columns],
            "columns_url": self._reverse("columns"),
            "views_url": self._reverse("views"),
            "values_url": self._reverse("values", "FIELD").replace("FIELD/", ""),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    def values(self, request: HttpRequest, field: str) -> HttpResponse:
        """Values already used in a column, for whoever types one."""
        self._must_view(request)
        if field not in self.suggested:
            raise Http404
        typed = request.GET.get("q", "")[:100].replace("\0", "")
        return JsonResponse({"values": used_values(self.model, field, typed)})
