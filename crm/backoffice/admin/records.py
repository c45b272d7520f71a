"""What the page of one customer shows beside its form."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from crm.backoffice.admin import history, merges
from crm.backoffice.admin.links import safe_links
from crm.models import Customer
from overplane.events.models import Event

NEWEST = 6  # changes beside the form: what fits beside it; the history has all


def status_marks(customer: Customer) -> list[SafeString]:
    marks = [
        ("disabled", gettext("disabled"), customer.disabled),
        ("frozen", gettext("frozen"), customer.is_frozen),
        ("internal", gettext("internal"), customer.is_internal_customer),
    ]
    visible = [(kind, label) for kind, label, is_so in marks if is_so] or [("active", gettext("active"))]
    return [format_html('<span class="status bo-{}">{}</span>', kind, label) for kind, label in visible]


def badges(customer: Customer) -> list[SafeString]:
    tags = [format_html('<span class="tag">{}</span>', customer.customer_group)] if customer.customer_group else []
    return [
        *status_marks(customer),
        *tags,
        *([format_html("<bdi>{}</bdi>", customer.territory)] if customer.territory else []),
    ]


def context_of(model_admin: admin.ModelAdmin, request: HttpRequest, customer: Customer) -> dict[str, Any]:
    context: dict[str, Any] = {"links": safe_links(customer), "badges": badges(customer), "empties": (None, "")}
    if request.user.has_perm("overplane_events.view_event"):
        newest = list(Event.objects.filter(subject=customer.pk).order_by("-seq")[:NEWEST])
        may_change = model_admin.has_change_permission(request, customer)
        context["activity"] = history.entries(newest, may_change=may_change)
    context["merged"] = merges.entries(customer, may_merge=request.user.has_perms(merges.MAY_MERGE))
    # Who came from a list goes on in it, as it was filtered and sorted there.
    if filters := request.GET.get("_changelist_filters"):
        for step in ("next", "previous"):
            address = reverse(f"admin:crm_customer_{step}", args=[customer.pk])
            context[f"{step}_url"] = f"{address}?{urlencode({'_changelist_filters': filters})}"
    return context
