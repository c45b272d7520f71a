"""The list page of a big table, for any model: columns and views that a person keeps, suggestions, search, filters."""

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME as SELECTED
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.functional import cached_property
from django.views.decorators.http import require_GET, require_POST

from overplane.backoffice import filter_form, filter_texts
from overplane.backoffice.changelist import VIEW, BigChangeList
from overplane.backoffice.filters import Filters, Text
from overplane.backoffice.grid import CellEditing
from overplane.backoffice.scripts import OwnScriptsAdmin, deferred
from overplane.backoffice.values import used_values
from overplane.backoffice.view_tabs import ViewTabsAdmin
from overplane.database.fields import field_of, has_field
from overplane.database.ordering import Order


class BigTableAdmin(CellEditing, ViewTabsAdmin, OwnScriptsAdmin):
    """`columns` may be chosen, the first always stands; `order_fields` have an index to sort by; by `filters` a list is narrowed."""

    change_list_template = "backoffice/list.html"
    order_fields: tuple[str, ...] = ("created_at",)
    default_order = Order("created_at", descending=True)
    has_stored_count = True  # see overplane.database.counters
    filters = Filters.of(())
    suggested: tuple[str, ...] = ()
    list_deferred: tuple[str, ...] = ()  # columns that no list reads
    list_per_page = 50
    show_full_result_count = False
    search_placeholder: Text = ""
    primary_actions: tuple[str, ...] = ()  # those that the bar of a selection shows; the others are in its menu

    class Media:
        css = {"all": ["backoffice/list.css", "backoffice/filters.css"]}
        js = deferred("backoffice/suggest.js")

    list_scripts = (
        "backoffice/selection.js", "backoffice/grid.js", "backoffice/columns.js", "backoffice/filters.js", "backoffice/views.js",
    )  # fmt: skip

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BigChangeList]:
        return BigChangeList

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("columns/", view(require_POST(self.save_columns)), name=f"{prefix}_columns"),
            path("views/", view(require_POST(self.save_view)), name=f"{prefix}_views"),
            path("views/<int:number>/", view(require_POST(self.change_view_of_list)), name=f"{prefix}_view"),
            path("values/<str:field>/", view(require_GET(self.values)), name=f"{prefix}_values"),
            path("<path:object_id>/cell/", view(require_POST(self.edit_cell)), name=f"{prefix}_cell"),
            *super().get_urls(),
        ]

    def chosen_columns(self, request: HttpRequest) -> list[str]:
        view = self.opened(request) or self.own(request)
        return [n for n in (view.columns if view else ()) if n in self.columns] or list(self.list_display)

    def layout(self, request: HttpRequest) -> dict[str, Any]:
        view = self.opened(request) or self.own(request)
        return view.layout if view else {}

    def column_choices(self, request: HttpRequest) -> list[tuple[str, str, bool]]:
        """Those shown in their order, then the others."""
        visible = [str(name) for name in self.get_list_display(request)]
        others = [name for name in self.columns if name not in visible]
        return [(name, self.column_label(name), name in visible) for name in (*visible, *others)]

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
        if address := self._better_address(request):
            return redirect(f"{request.path}?{address}")
        context = {
            "title": self.opts.verbose_name_plural,
            "media": self.list_media,
            "primary_actions": self.primary_actions,
            "search_placeholder": self.search_placeholder,
            "column_choices": self.column_choices(request),
            "layout": self.layout(request),
            "columns_url": self._reverse("columns"),
            "views_url": self._reverse("views"),
            "may_share": self.may_share(request),
            "hidden_views": self.arranged(request)[1],
            "values_url": self._reverse("values", "FIELD").replace("FIELD/", ""),
            "filter_operators": filter_texts.operators(),
            "filter_kinds": filter_texts.operators_of_kinds(),
            "filter_periods": filter_texts.periods(),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    def response_action(
        self, request: HttpRequest, queryset: QuerySet, *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Without selected keys that no row can have: the database would take them for a fault of ours."""
        sent = request.POST.copy()
        sent.setlist(SELECTED, [one for one in sent.getlist(SELECTED) if self._can_be_key(one)])
        request.POST = sent  # type: ignore[assignment]  # Django's own actions replace it so, too
        return super().response_action(request, queryset, *args, **kwargs)

    def _can_be_key(self, text: str) -> bool:
        try:
            self.opts.pk.clean(text, None)
        except ValidationError:
            return False
        return True

    def _better_address(self, request: HttpRequest) -> str:
        """Where the list is as this address means it: with a filter that was made, with what a view has saved."""
        added = filter_form.address(self.filters, request.GET)
        if added is not None:
            return added.urlencode() or "all="
        is_view_alone = list(request.GET) == [VIEW]
        view = self.opened(request) if is_view_alone else None if request.GET else self.default_view(request)
        if view is None or (is_view_alone and not view.query):
            return ""
        if request.method != "POST":
            return self.query_of(view)
        if is_view_alone:  # an action on all that match: on those of the view
            request.GET = QueryDict(self.query_of(view))
        return ""

    def values(self, request: HttpRequest, field: str) -> HttpResponse:
        """Values already used in a column, for whoever types one."""
        self._must_view(request)
        if field not in self.suggested:
            raise Http404
        typed = request.GET.get("q", "")[:100].replace("\0", "")
        return JsonResponse({"values": used_values(self.model, field, typed)})
