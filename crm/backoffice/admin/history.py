"""Who changed what of one customer, and putting an old value back: a new change, never a rewrite of the log."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm import services
from crm.models import Customer, SupplierNumberAtCustomer
from overplane.backoffice.admin import FieldFilter, PersonFilter
from overplane.backoffice.filters import date_filter
from overplane.backoffice.origin import origin_of
from overplane.database.attributes import attributes
from overplane.events.changes import Difference, differences, old_values, people
from overplane.events.models import Event
from overplane.problems import ObjectMissing

PAGE = 30
PARAMETERS = ("actor", "field", "created_from", "created_to")
TITLES = {
    "customer.created": _("Created"),
    "customer.updated": _("Changed"),
    "customer.deleted": _("Deleted"),
    "supplier_number_at_customer.created": _("Supplier number added"),
    "supplier_number_at_customer.updated": _("Supplier number changed"),
    "supplier_number_at_customer.deleted": _("Supplier number removed"),
    "supplier_number_at_customer.reordered": _("Supplier numbers put in another order"),
}
UPDATES = {
    "customer.updated": (Customer, services.update_customer),
    "supplier_number_at_customer.updated": (SupplierNumberAtCustomer, services.update_supplier_number),
}


@dataclass(frozen=True, slots=True)
class Entry:
    event: Event
    title: Any
    who: str
    differences: list[Difference]
    may_restore: bool


def labels() -> dict[str, str]:
    fields = (*SupplierNumberAtCustomer._meta.concrete_fields, *Customer._meta.concrete_fields)
    known = {**attributes(SupplierNumberAtCustomer), **attributes(Customer)}
    return {field.name: str(field.verbose_name) for field in fields if field.name in known}


def page(model_admin: admin.ModelAdmin, request: HttpRequest, customer: Customer) -> HttpResponse:
    chosen = {name: request.GET[name].strip() for name in PARAMETERS if request.GET.get(name, "").strip()}
    events = Event.objects.filter(subject=customer.pk)
    given = {name: [value] for name, value in chosen.items()}
    try:
        for made in (PersonFilter, FieldFilter, date_filter("created_at", _("time"))):
            events = made(request, given, Event, model_admin).queryset(request, events)
    except IncorrectLookupParameters:
        return redirect(request.path)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        events = events.filter(seq__lt=int(before))
    found = list(events.order_by("-seq")[: PAGE + 1])
    older = ""
    if len(found) > PAGE:
        query = request.GET.copy()
        query["before"] = str(found[PAGE - 1].seq)
        older = query.urlencode()
    who = people(found[:PAGE])
    may_change = model_admin.has_change_permission(request, customer)
    entries = [
        Entry(
            event,
            TITLES.get(event.type, event.type),
            who[event.actor],
            [] if event.type.endswith(".reordered") else differences(event),
            may_change and event.type in UPDATES,
        )
        for event in found[:PAGE]
    ]
    context = model_admin.admin_site.each_context(request) | {
        "title": _("History"),
        "subtitle": str(customer),
        "opts": model_admin.opts,
        "original": customer,
        "entries": entries,
        "older": older,
        "chosen": chosen,
        "labels": labels(),
        "restore_url": reverse("admin:crm_customer_restore", args=[customer.pk]),
    }
    return TemplateResponse(request, "backoffice/history.html", context)


class RestoreForm(forms.Form):
    event = forms.IntegerField(min_value=0, max_value=2**63 - 1)
    field = forms.CharField(max_length=100)


def restore(model_admin: admin.ModelAdmin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """Writes the value that this event replaced, as a change of now."""
    if not model_admin.has_change_permission(request, customer):
        raise PermissionDenied
    form = RestoreForm(request.POST)
    if not form.is_valid():
        raise Http404
    event = Event.objects.filter(pk=form.cleaned_data["event"], subject=customer.pk, type__in=UPDATES).first()
    name = form.cleaned_data["field"]
    old = old_values(event) if event else {}
    if event is None or name not in old:
        raise Http404
    model, update = UPDATES[event.type]
    try:
        value = attributes(model)[name].from_json(old[name])
        update(event.object_id, {name: value}, origin=origin_of(request))
    except ValidationError as error:
        model_admin.message_user(request, " ".join(error.messages), messages.ERROR)
    except ObjectMissing:
        model_admin.message_user(request, gettext("This row is not there any more."), messages.ERROR)
    else:
        model_admin.message_user(request, gettext("The old value is back."), messages.SUCCESS)
    return redirect("admin:crm_customer_history", customer.pk)
