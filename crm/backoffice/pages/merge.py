"""Duplicates: what the last search found, the comparison of two to four customers, and merging them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from crm import merging
from crm.backoffice.admin.merges import MAY_MERGE
from crm.backoffice.admin.undo import UndoAdmin
from crm.backoffice.starting import start_job
from crm.backoffice.wording import field_label
from crm.line_items import LINE_ITEMS, PARENT, POSITION, LineItem
from crm.models import Customer
from overplane.backoffice.origin import origin_of
from overplane.database.attributes import attributes
from overplane.database.fields import field_of
from overplane.jobs.models import OPEN, Job, State
from overplane.problems import ObjectMissing, VersionMismatch

KIND = "crm.find_duplicates"
PAGE_SIZE = 50  # groups, of two customers or some more
MAX_LINE_ITEMS = 1000  # of a kind, to compare by eye; a merge takes all of them
REASONS = {
    "tax_id": gettext_lazy("same tax ID"),
    "email_id": gettext_lazy("same e-mail"),
    "customer_name": gettext_lazy("same name"),
    "mobile_no": gettext_lazy("same phone"),
    "similar_name": gettext_lazy("similar name"),
}


@require_http_methods(["GET", "POST"])
@permission_required("crm.view_customer", raise_exception=True)
def duplicates(request: HttpRequest) -> HttpResponse:
    may_search = request.user.has_perm("crm.change_customer")
    if request.method == "POST":
        if not may_search:  # the search reads all customers: not for everybody
            raise PermissionDenied
        start_job(request, KIND, {}, key=KIND)
        return redirect("duplicates")
    last = Job.objects.filter(kind=KIND, state=State.DONE).first()
    page = Paginator(last.result["groups"] if last and last.result else [], PAGE_SIZE).get_page(request.GET.get("p"))
    context = admin.site.each_context(request) | {
        "title": _("Likely duplicates"),
        "last": last,
        "under_way": Job.objects.filter(kind=KIND, state__in=OPEN).first(),
        "page": page,
        "groups": _groups(list(page.object_list)),
        "may_search": may_search,
        "may_merge": request.user.has_perms(MAY_MERGE),
    }
    return TemplateResponse(request, "crm/duplicates.html", context)


def _groups(groups: Sequence[tuple[list[str], list[str]]]) -> list[dict[str, Any]]:
    """The groups of which two are still there."""
    stored = Customer.objects.in_bulk([i for _reasons, ids in groups for i in ids])
    rows = []
    for reasons, ids in groups:
        customers = [stored[i] for i in ids if i in stored]
        if len(customers) > 1:
            link = compare_url([customer.pk for customer in customers[: merging.MOST]])
            rows.append({"why": [REASONS[reason] for reason in reasons], "customers": customers, "link": link})
    return rows


def compare_url(ids: Sequence[str]) -> str:
    query = QueryDict(mutable=True)
    query.setlist("id", ids)
    return f"{reverse('merge')}?{query.urlencode()}"


@admin.action(description=gettext_lazy("Compare and merge …"), permissions=["merge"])
def merge_selected(model_admin: ModelAdmin, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
    ids = list(queryset.order_by("created_at", "id").values_list("pk", flat=True)[: merging.MOST + 1])
    if 2 <= len(ids) <= merging.MOST:
        return redirect(compare_url(ids))
    messages.error(request, _("Select two to %(most)d customers to merge.") % {"most": merging.MOST})
    return None


@dataclass(frozen=True, slots=True)
class Cell:
    customer_id: str
    value: Any
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One attribute of all compared customers."""

    name: str
    label: str
    cells: list[Cell]
    differs: bool


@require_http_methods(["GET", "POST"])
@permission_required(MAY_MERGE, raise_exception=True)
def merge(request: HttpRequest) -> HttpResponseBase:
    ids = (request.POST if request.method == "POST" else request.GET).getlist("id")
    customers = list(Customer.objects.filter(pk__in=ids[: merging.MOST]).order_by("created_at", "id"))
    if not 2 <= len(set(ids)) <= merging.MOST or len(customers) < len(set(ids)):
        messages.error(request, _("Choose two to %(most)d customers that are there.") % {"most": merging.MOST})
        return redirect("duplicates")
    if request.method == "POST":
        response = _merge(request, [customer.pk for customer in customers])
        if response:
            return response
    kept_id = request.POST.get("kept", customers[0].pk)
    context = admin.site.each_context(request) | {
        "title": _("Merge customers"),
        "customers": customers,
        "kept": kept_id,
        "undo_days": settings.MERGE_UNDO_DAYS,
        "lines": _lines(customers, kept_id, request.POST),
        "lists": [(kind.label_plural, _line_items(kind, customers)) for kind in LINE_ITEMS],
    }
    return TemplateResponse(request, "crm/merge.html", context)


def _lines(customers: Sequence[Customer], kept_id: str, chosen: QueryDict) -> list[Line]:
    """What differs comes first. Chosen is what was chosen already, else the kept customer's value, else the first there is."""
    lines = []
    ordered = sorted(customers, key=lambda customer: customer.pk != kept_id)
    for name in attributes(Customer):
        first = next((customer for customer in ordered if getattr(customer, name) is not None), ordered[0])
        choice = chosen.get(f"field-{name}", first.pk)
        cells = [Cell(customer.pk, getattr(customer, name), customer.pk == choice) for customer in customers]
        label = str(field_of(Customer, name).verbose_name)
        lines.append(Line(name, label, cells, len({cell.value for cell in cells}) > 1))
    return sorted(lines, key=lambda line: not line.differs)


def _line_items(kind: LineItem, customers: Sequence[Customer]) -> list[list[list[Any]]]:
    """For each customer the values of its line items, in order. A yes is shown as the field's label, a no is not shown."""
    labels = [field_label(kind, name) for name in kind.names]
    stored = kind.model._default_manager.filter(customer__in=customers).order_by(PARENT, POSITION)
    by_customer: dict[str, list[list[Any]]] = {customer.pk: [] for customer in customers}
    for customer_id, *values in stored.values_list(PARENT, *kind.names)[:MAX_LINE_ITEMS]:
        pairs = zip(labels, values, strict=True)
        by_customer[customer_id].append(
            [label if value is True else value for label, value in pairs if _is_said(value)]
        )
    return list(by_customer.values())


def _is_said(value: Any) -> bool:
    return value is not None and value is not False


def _merge(request: HttpRequest, ids: Sequence[str]) -> HttpResponse | None:
    """The redirect; None if the page is to be shown again, with a message that says why."""
    submitted = request.POST
    kept_id = submitted.get("kept")
    if kept_id is None or kept_id not in ids:
        messages.error(request, _("Choose which customer is kept."))
        return None
    choices = {name: submitted[f"field-{name}"] for name in attributes(Customer) if f"field-{name}" in submitted}
    try:
        expected = {i: frozenset({int(submitted.get(f"version-{i}", ""))}) for i in ids}
        others = [i for i in ids if i != kept_id]
        result = merging.merge_customers(kept_id, others, choices=choices, origin=origin_of(request), expected=expected)
    except (VersionMismatch, ValueError):
        messages.warning(request, _("A customer was changed in the meantime. Here are the values of now; look again."))
        return None
    except ObjectMissing:
        messages.error(request, _("A customer was deleted in the meantime."))
        return redirect("duplicates")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return None
    customers = cast("UndoAdmin", admin.site.get_model_admin(Customer))
    customers.message_with_undo(request, _("%(count)d customers merged.") % {"count": len(ids)})
    return redirect("admin:crm_customer_change", result.output["id"])
