"""Line items inside the customer form: for each kind a table, by the page. The services write and give the positions."""

from collections.abc import Mapping
from functools import cached_property, reduce
from operator import or_
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import Max, Q, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm import line_item_services
from crm.backoffice.admin.line_item_forms import LineItemForm, form_of
from crm.line_items import BY_NAME, LINE_ITEMS, PARENT, POSITION, LineItem
from overplane.backoffice.row_names import NUMBER, named
from overplane.origin import Origin

# A line item sends two fields for each attribute and five more: several kinds stay below DATA_UPLOAD_MAX_NUMBER_FIELDS.
PAGE_SIZE = 100
LONGEST_PAGE_NUMBER = 5
SEARCHED_FROM = 20  # with more rows than this a search stands above them: fewer are seen at a glance
LONGEST_SEARCH = 300  # characters; a usual text column holds 255
MOST_PASTED = 500  # rows at once; Django reads 1,000 new ones of a form and drops the others without a word
SEARCH = "-search"  # behind a kind's name: the parameter of what is looked for in its rows
OLD_PAGE = "rows"  # the parameter as it was when there was one kind; links of that time still work
PAGE_PARAMETERS = frozenset({OLD_PAGE, *BY_NAME})


class Page(NamedTuple):
    first: int
    last: int
    query: str
    is_current: bool


if TYPE_CHECKING:  # Django's own classes take no parameters
    FormSet = BaseInlineFormSet[models.Model, models.Model, LineItemForm]
else:
    FormSet = BaseInlineFormSet


class LineItemFormSet(FormSet):
    """One page of a customer's line items, in their order. `query`: the page's address has a parameter for each kind."""

    model: type[models.Model]
    queryset: QuerySet
    kind: LineItem
    page = 1
    search = ""
    query = QueryDict()
    searched_from, most_pasted = SEARCHED_FROM, MOST_PASTED

    def get_queryset(self) -> QuerySet | list[models.Model]:  # type: ignore[override]  # a list does, too
        if not hasattr(self, "_queryset"):
            self._queryset = (
                self._sent() if self.is_bound else self._page() if self.instance.pk else self.queryset.none()
            )
        return self._queryset

    def _page(self) -> QuerySet:
        if self.search:
            return self._search_results().order_by(POSITION)[:PAGE_SIZE]
        first = (self.page - 1) * PAGE_SIZE
        return self.queryset.filter(idx__gt=first, idx__lte=first + PAGE_SIZE).order_by(POSITION)

    def _search_results(self) -> QuerySet:
        """The rows of which a text holds what is looked for, whatever its case."""
        texts = [name for name, attribute in self.kind.attributes.items() if attribute.kind == "string"]
        holds = (Q(**{f"{name}__caseless_contains": self.search}) for name in texts)
        return self.queryset.filter(reduce(or_, holds, Q(pk__in=[])))

    @cached_property
    def found_count(self) -> int:
        return self._search_results().count() if self.search and self.instance.pk else 0

    def _sent(self) -> list[models.Model]:
        """Those that were sent, in the page's order, which Django shows them in; an empty one where one is gone."""
        names = (f"{self.add_prefix(i)}-id" for i in range(self.initial_form_count()))
        ids = [self.data.get(name, "").replace("\0", "") for name in names]
        stored = {one.pk: one for one in self.queryset.filter(pk__in=ids)}
        return [stored.get(item_id) or self.model() for item_id in ids]

    @cached_property
    def count(self) -> int:
        """Of all pages: positions have no gap."""
        return (self.instance.pk and self.queryset.aggregate(highest=Max(POSITION))["highest"]) or 0

    @cached_property
    def pages(self) -> list[Page]:
        """None if one is enough."""
        firsts = range(1, self.count + 1, PAGE_SIZE)
        if len(firsts) < 2 or self.search:
            return []
        return [
            Page(first, min(first + PAGE_SIZE - 1, self.count), self._query_of(number), number == self.page)
            for number, first in enumerate(firsts, 1)
        ]

    def _query_of(self, number: int) -> str:
        """The other kinds stay on their pages."""
        query = self.query.copy()
        query.pop(OLD_PAGE, None)
        query[self.kind.name] = str(number)
        return query.urlencode()

    @property
    def search_name(self) -> str:
        return self.kind.name + SEARCH

    @property
    def other_params(self) -> list[tuple[str, str]]:
        """What a search of the rows has to pass on."""
        own = {self.search_name, self.kind.name, OLD_PAGE}
        return [(name, value) for name, values in self.query.lists() if name not in own for value in values]

    @property
    def all_query(self) -> str:
        return urlencode(self.other_params)

    def _construct_form(self, i: int, **kwargs: Any) -> LineItemForm:
        form = super()._construct_form(i, **kwargs)  # type: ignore[misc]  # which the stubs do not know
        if self.is_bound and i < self.initial_form_count() and not form.instance.pk:
            form.is_gone = form.empty_permitted = True
            form.fields["id"].disabled, form.fields["id"].required = True, False
            for name in form.Meta.fields:  # so that the page can tell what this person has changed
                form.fields[name].show_hidden_initial = True
        return form

    def add_fields(self, form: LineItemForm, index: int | None) -> None:
        super().add_fields(form, index)
        # Django's own field would ask the database for each line item whether it is there.
        form.fields["id"] = forms.CharField(required=False, initial=form.instance.pk, widget=forms.HiddenInput)
        if "DELETE" in form.fields:
            number = form.instance.idx or _("new")
            form.fields["DELETE"].widget.attrs |= named(gettext("Delete row %s") % NUMBER, number)

    def validate_unique(self) -> None:
        """Two line items that both ask for a position get it one after the other: the services give the positions."""

    def save_through_services(self, customer_id: str, origin: Origin) -> None:
        """Deletes, changes and adds; then one reorder, if any is to stand elsewhere."""
        self.new_objects, self.changed_objects, self.deleted_objects = [], [], []
        for form in self.deleted_forms:
            if form.instance.pk:
                line_item_services.delete_line_item(self.kind, form.instance.pk, origin=origin)
                self.deleted_objects.append(form.instance)
        positions: dict[str, int] = {}
        for form in self.forms:
            if form.is_gone or form in self.deleted_forms or not form.has_changed():
                continue
            item_id = self._save_one(form, customer_id, origin)
            if form.requested_position is not None:
                positions[item_id] = form.requested_position
        if positions:
            self._reorder(customer_id, positions, origin)

    def _save_one(self, form: LineItemForm, customer_id: str, origin: Origin) -> str:
        values = form.changed_values()
        if not form.instance.pk:
            self.new_objects.append(form.instance)
            return line_item_services.add_line_item(self.kind, customer_id, values, origin=origin).output["id"]
        self.changed_objects.append((form.instance, form.changed_data))
        if values:
            line_item_services.update_line_item(self.kind, form.instance.pk, values, origin=origin)
        return form.instance.pk

    def _reorder(self, customer_id: str, positions: Mapping[str, int], origin: Origin) -> None:
        """In ascending order each goes to its position; the others close up around them. Beyond the end is last."""
        stored = (
            self.model._default_manager.filter(**{PARENT: customer_id}).order_by(POSITION).values_list("pk", flat=True)
        )
        order = [item_id for item_id in stored if item_id not in positions]
        for item_id, position in sorted(positions.items(), key=lambda item: item[1]):
            order.insert(position - 1, item_id)
        line_item_services.reorder_line_items(self.kind, customer_id, order, origin=origin)


class LineItemInline(admin.TabularInline):
    """Rows are part of their customer: whoever may change it may add, change and take away rows."""

    formset = LineItemFormSet  # type: ignore[assignment]  # one of forms of ours
    template = "backoffice/line_items.html"
    extra = 0
    kind: LineItem
    media = forms.Media()  # Django's own script for such rows, with jQuery, is not needed

    def _may(self, verb: str, request: HttpRequest) -> bool:
        return request.user.has_perm(f"crm.{verb}_customer")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may("view", request) or self.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may("change" if obj else "add", request)

    has_delete_permission = has_change_permission

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def get_formset(  # type: ignore[override]  # as above
        self, request: HttpRequest, obj: Any = None, **kwargs: Any
    ) -> type[LineItemFormSet]:
        formset = cast("type[LineItemFormSet]", super().get_formset(request, obj, **kwargs))
        formset.kind, formset.page, formset.query = self.kind, _page_number(request.GET, self.kind), request.GET
        formset.search = request.GET.get(self.kind.name + SEARCH, "")[:LONGEST_SEARCH].replace("\0", "").strip()
        return formset


def _page_number(query: QueryDict, kind: LineItem) -> int:
    text = query.get(kind.name, query.get(OLD_PAGE, "") if kind is LINE_ITEMS[0] else "")
    is_number = text.isascii() and text.isdigit() and len(text) <= LONGEST_PAGE_NUMBER
    return max(int(text), 1) if is_number else 1


def inline_of(kind: LineItem) -> type[LineItemInline]:
    return type(
        f"{kind.schema}Inline",
        (LineItemInline,),
        {
            "kind": kind,
            "model": kind.model,
            "form": form_of(kind),
            "verbose_name": kind.label,
            "verbose_name_plural": kind.label_plural,
        },
    )
