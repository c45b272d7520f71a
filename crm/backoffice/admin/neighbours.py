"""The next and the previous customer of the list that somebody came from, in its order."""

from urllib.parse import urlencode

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from crm.backoffice.admin import listing
from crm.models import Customer
from overplane.backoffice import sorting
from overplane.backoffice.lists import BigTableAdmin

FILTERS = "_changelist_filters"  # Django's own parameter: the address of the list


def step(model_admin: BigTableAdmin, request: HttpRequest, customer: Customer, *, backwards: bool) -> HttpResponse:
    """Leads there; at the end of the list back to where one is, with a word about it."""
    filters = request.GET.get(FILTERS, "")
    chosen = sorting.requested(QueryDict(filters).get("o", ""), model_admin.sortable)
    # A list that no index orders is gone through in the usual order: one step must not sort ten thousand customers.
    order = sorting.indexed(chosen, model_admin.order_fields) or model_admin.default_order
    beyond = order.beyond(getattr(customer, order.field), customer.pk, backwards=backwards)
    neighbours = listing.filtered(filters, timezone.now()).filter(beyond).order_by(*order.by(backwards=backwards))
    other = neighbours.values_list("pk", flat=True).first()
    if other is None:
        text = gettext("This is the first of the list.") if backwards else gettext("This is the last of the list.")
        admin.ModelAdmin.message_user(model_admin, request, text, messages.INFO)
    address = reverse("admin:crm_customer_change", args=[other or customer.pk])
    return redirect(f"{address}?{urlencode({FILTERS: filters})}")
