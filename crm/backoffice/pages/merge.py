"""The comparison of two to four customers, with what is proposed to be kept of them, and merging them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from crm import merging
from crm.backoffice import survivorship
from crm.backoffice.admin.merges import MAY_MERGE
from crm.backoffice.admin.undo import UndoAdmin
from crm.backoffice.wording import field_label
from crm.line_items import LINE_ITEMS, PARENT, POSITION, LineItem
from crm.models import Customer
from overplane.backoffice.origin import origin_of
from overplane.database.attributes import attributes
from overplane.database.fields import field_of
from overplane.problems import ObjectMissing, VersionMismatch

MAX_LINE_ITEMS = 1000  # of a kind, to compare by eye; a merge takes all of them


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
class ComparedAttribute:
    """One attribute of all compared customers."""

    name: str
    label: str
    cells: list[Cell]
    differs: bool
    why: str  # it is proposed so


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
    survivor_id = request.POST.get("kept", customers[0].pk)
    context = admin.site.each_context(request) | {
        "title": _("Merge customers"),
        "customers": customers,
        "kept": survivor_id,
        "undo_days": settings.MERGE_UNDO_DAYS,
        "lines": _lines(customers, survivor_id, request.POST),
        "lists": [(kind.label_plural, _line_items(kind, customers)) for kind in LINE_ITEMS],
    }
    return TemplateResponse(request, "crm/merge.html", context)


def proposed_choices(customers: Sequence[Customer], survivor_id: str) -> dict[str, survivorship.Proposal]:
    return survivorship.proposals(customers, survivor_id)


def _lines(customers: Sequence[Customer], survivor_id: str, chosen: QueryDict) -> list[ComparedAttribute]:
    """What differs comes first. Chosen is what was chosen already, else what is proposed."""
    lines = []
    for name, proposal in proposed_choices(customers, survivor_id).items():
        choice = chosen.get(f"field-{name}", proposal.customer_id)
        cells = [Cell(customer.pk, getattr(customer, name), customer.pk == choice) for customer in customers]
        label = str(field_of(Customer, name).verbose_name)
        why = proposal.why if choice == proposal.customer_id else ""
        lines.append(ComparedAttribute(name, label, cells, len({cell.value for cell in cells}) > 1, why))
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
    survivor_id = submitted.get("kept")
    if survivor_id is None or survivor_id not in ids:
        messages.error(request, _("Choose which customer is kept."))
        return None
    choices = {name: submitted[f"field-{name}"] for name in attributes(Customer) if f"field-{name}" in submitted}
    try:
        expected = {i: frozenset({int(submitted.get(f"version-{i}", ""))}) for i in ids}
        others = [i for i in ids if i != survivor_id]
        result = merging.merge_customers(
            survivor_id, others, choices=choices, origin=origin_of(request), expected=expected
        )
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
