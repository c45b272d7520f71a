"""Customers in the back office: the list, the form, and what leads from them to the services."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import lazy
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from crm import search, services
from crm.backoffice.admin import conflicts, hints, history, listing, matched, neighbours, records, sections
from crm.backoffice.admin.adding import AddedOnce, saved_text
from crm.backoffice.admin.bulk import BulkActions
from crm.backoffice.admin.forms import LONG, CustomerForm
from crm.backoffice.admin.line_items import LineItemFormSet, inline_of
from crm.backoffice.admin.merges import MergesAdmin
from crm.backoffice.wording import field_label
from crm.line_items import LINE_ITEMS
from crm.locking import locked_customer
from crm.models import Customer
from crm.representation import CUSTOMER_NAMES
from overplane.backoffice.grid import Note
from overplane.backoffice.lists import BigTableAdmin
from overplane.backoffice.moments import moment
from overplane.backoffice.origin import origin_of
from overplane.backoffice.scripts import media_of
from overplane.backoffice.typed import TypedAdmin
from overplane.database.attributes import attributes
from overplane.problems import ObjectMissing

LONG_TEXTS = tuple(f.name for f in Customer._meta.concrete_fields if (f.max_length or 0) > LONG)
NOT_COLUMNS = ("disabled", "is_frozen", "created_at", "updated_at")
USUAL_COLUMNS = (
    "customer_name", "customer_type", "customer_group", "territory", "email_id", "mobile_no", "status", "updated",
)  # fmt: skip


def search_placeholder() -> str:
    of_line_items = [field_label(kind, name) for kind in LINE_ITEMS for name in kind.searched]
    return ", ".join([gettext("Name, e-mail, phone, tax ID, POS ID"), *of_line_items])


@admin.register(Customer)
class CustomerAdmin(MergesAdmin, TypedAdmin, AddedOnce, BulkActions, BigTableAdmin):
    form = CustomerForm
    inlines = [inline_of(kind) for kind in LINE_ITEMS]
    change_list_template = "crm/customer_list.html"
    change_form_template = "backoffice/record.html"
    list_display = USUAL_COLUMNS
    columns = (
        *USUAL_COLUMNS,
        "created",
        *(n for n in CUSTOMER_NAMES if n not in (*USUAL_COLUMNS, *LONG_TEXTS, *NOT_COLUMNS)),
    )
    order_fields = ("customer_name", "created_at", "updated_at")
    filters = listing.FILTERS
    list_deferred = ("search_text", *LONG_TEXTS)
    search_fields = search.SEARCHED
    search_placeholder = lazy(search_placeholder, str)()
    suggested = sections.SUGGESTED
    editable = tuple(attributes(Customer))
    cell_looks = {"customer_name": "avatar", "customer_group": "tag"}
    primary_actions = ("set_customer_group", "set_territory", "disable", "export_selected", "merge_selected")
    readonly_fields = sections.GENERATED
    save_on_top = False

    record_scripts = ("backoffice/form.js", "backoffice/rows.js", "backoffice/drafts.js")

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, customer: Customer) -> str:
        return moment(customer.created_at)

    @admin.display(description=_("updated"), ordering="updated_at")
    def updated(self, customer: Customer) -> str:
        return moment(customer.updated_at)

    @admin.display(description=_("status"))
    def status(self, customer: Customer) -> SafeString:
        return format_html_join(" ", "{}", ((mark,) for mark in records.status_marks(customer)))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return listing.searched(queryset, search_term), False

    def notes(self, rows: Sequence[Customer], words: str) -> Mapping[str, Sequence[Note]]:
        return matched.of_page(rows, words) if words else {}

    def get_fieldsets(self, request: HttpRequest, obj: Customer | None = None) -> list[Any]:
        return sections.fieldsets(adding=obj is None)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Customer | None:
        """For a change the customer is locked first, so that what is compared is what will be overwritten."""
        if request.method == "POST" and connection.in_atomic_block:
            try:
                locked_customer(object_id)
            except (ObjectMissing, ValueError):
                return None
        return super().get_object(request, object_id, from_field)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if conflicting := conflicts.conflicts_of(context):
            return conflicts.page(self, request, context, conflicting)
        obj = context.get("original")
        query = "" if obj is None else f"?self={obj.pk}"
        context["duplicates_url"] = reverse("admin:crm_customer_duplicates_of") + query
        context["wide"] = LONG_TEXTS
        context["media"] = self.media + media_of(*self.record_scripts)
        if obj is not None:
            context |= records.context_of(self, request, obj)
        return super().render_change_form(request, context, *args, **kwargs)

    def response_change(self, request: HttpRequest, obj: Customer) -> HttpResponse:
        """Whoever goes on does so where he was: in the same page of line items. Both can take back what was saved."""
        if "_addanother" in request.POST:
            return super().response_change(request, obj)
        self.message_with_undo(request, saved_text(obj))
        if "_continue" in request.POST:
            return redirect(request.get_full_path())
        return self.response_post_save_change(request, obj)

    # Pages beside the form

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/next/", view(require_GET(self.next)), name="crm_customer_next"),
            path("<path:object_id>/previous/", view(require_GET(self.previous)), name="crm_customer_previous"),
            path("<path:object_id>/restore/", view(require_POST(self.restore)), name="crm_customer_restore"),
            path("duplicates-of/", view(require_GET(self.duplicates)), name="crm_customer_duplicates_of"),
            *super().get_urls(),
        ]

    def _viewable(self, request: HttpRequest, object_id: str) -> Customer:
        customer = self.get_object(request, unquote(object_id))
        if customer is None:
            raise Http404
        if not self.has_view_permission(request, customer):
            raise PermissionDenied
        return customer

    def history_of(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return history.page(self, request, self._viewable(request, object_id))

    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return history.restore(self, request, self._viewable(request, object_id))

    def next(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return neighbours.step(self, request, self._viewable(request, object_id), backwards=False)

    def previous(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return neighbours.step(self, request, self._viewable(request, object_id), backwards=True)

    def duplicates(self, request: HttpRequest) -> HttpResponse:
        """Customers that look like the one being typed in: a hint, never a refusal."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return JsonResponse(hints.hints(request.GET))

    # Writing

    def save_model(self, request: HttpRequest, obj: Customer, form: forms.ModelForm, change: bool) -> None:
        # From the instance: full_clean has made Python values there. The form holds texts.
        known = attributes(Customer)
        values = {name: getattr(obj, name) for name in form.changed_data if name in known}
        values = {name: known[name].default if value is None else value for name, value in values.items()}
        if change:
            services.update_customer(obj.pk, values, origin=origin_of(request))
        else:
            obj.pk = self.create_once(request, values)
        obj.refresh_from_db()

    def save_formset(
        self, request: HttpRequest, form: forms.ModelForm, formset: BaseInlineFormSet, change: bool
    ) -> None:
        cast("LineItemFormSet", formset).save_through_services(form.instance.pk, origin_of(request))

    def delete_model(self, request: HttpRequest, obj: Customer) -> None:
        services.delete_customer(obj.pk, origin=origin_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        services.delete_customers(list(queryset.values_list("pk", flat=True)), origin=origin_of(request))

    # Django's own log would keep names of customers that are deleted for good; ours is the log of events.

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]  # nobody reads it
        pass

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]  # nobody reads it
        pass

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]  # nobody reads it
        pass
