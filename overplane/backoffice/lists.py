"""The list page of a big table, for any model: columns and views that a person keeps, suggestions, search, filters."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.functional import cached_property
from django.views.decorators.http import require_GET, require_POST

from overplane.backoffice.changelist import VIEW, BigChangeList
from overplane.backoffice.filters import Text
from overplane.backoffice.grid import CellEditing
from overplane.backoffice.saved_views import SavedViewsAdmin
from overplane.backoffice.scripts import OwnScriptsAdmin, deferred
from overplane.backoffice.values import used_values
from overplane.database.fields import field_of, has_field
from overplane.database.ordering import Order


class BigTableAdmin(CellEditing, SavedViewsAdmin, OwnScriptsAdmin):
    """`columns` may be chosen, the first always stands; `order_fields` have an index to sort by."""

    change_list_template = "backoffice/list.html"
    order_fields: tuple[str, ...] = ("created_at",)
    default_order = Order("created_at", descending=True)
    has_stored_count = True  # see overplane.database.counters
    suggested: tuple[str, ...] = ()
    list_deferred: tuple[str, ...] = ()  # columns that no list reads
    list_per_page = 50
    show_full_result_count = False
    search_placeholder: Text = ""
    primary_actions: tuple[str, ...] = ()  # those that the bar of a selection shows; the others are in its menu

    class Media:
        css = {"all": ["backoffice/list.css"]}
        js = deferred("backoffice/suggest.js")

    list_scripts = ("backoffice/selection.js", "backoffice/grid.js", "backoffice/columns.js")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BigChangeList]:
        return BigChangeList

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("columns/", view(require_POST(self.save_columns)), name=f"{prefix}_columns"),
            path("views/", view(require_POST(self.save_view)), name=f"{prefix}_views"),
            path("views/<int:number>/remove/", view(require_POST(self.remove_view)), name=f"{prefix}_view_remove"),
            path("values/<str:field>/", view(require_GET(self.values)), name=f"{prefix}_values"),
            path("<path:object_id>/cell/", view(require_POST(self.edit_cell)), name=f"{prefix}_cell"),
            *super().get_urls(),
        ]

    def chosen_columns(self, request: HttpRequest) -> list[str]:
        number = request.GET.get(VIEW, "")
        view = next((v for v in self.saved_views(request) if v.name and str(v.pk) == number), None) or self.own(request)
        return [n for n in self.columns if view and n in view.columns] or list(self.list_display)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        chosen = self.chosen_columns(request)
        return [self.columns[0], *(name for name in chosen if name != self.columns[0])]

    @cached_property
    def sortable(self) -> tuple[str, ...]:
        """Fields that a list may be ordered by: with an index always, others where it is small."""
        names = (getattr(getattr(self, name, None), "admin_order_field", name) for name in self.columns)
        return tuple(name for name in names if has_field(self.model, name))

    def column_label(self, name: str) -> str:
        column = getattr(self, name, None)
        label = getattr(column, "short_description", None) or field_of(self.model, name).verbose_name
        return str(label)

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
            "media": self.list_media,
            "primary_actions": self.primary_actions,
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
