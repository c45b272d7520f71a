"""Who changed what of one customer, and putting an old value back: a new change, never a rewrite of the log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm import line_item_services, services
from crm.backoffice.admin.changes import FILTERS
from crm.backoffice.wording import all_labels, event_title, labels_of, shown_differences
from crm.line_items import LINE_ITEMS
from crm.models import Customer
from overplane.backoffice.filter_texts import problem
from overplane.backoffice.origin import origin_of
from overplane.database.attributes import Attribute, attributes
from overplane.events.changes import Difference, old_values, people
from overplane.events.models import Event
from overplane.problems import ObjectMissing

PAGE_SIZE = 30  # events, each with a table of its own
PARAMETERS = ("actor", "field", "created_from", "created_to")
MAX_DIGITS = 18  # of an event's number: it always fits into 64 bits
REORDERINGS = frozenset(kind.reordered for kind in LINE_ITEMS)


class Restorable(NamedTuple):
    """What an event's old values can be written back to, and by which service."""

    attributes: Mapping[str, Attribute]
    update: Callable[..., Any]


RESTORABLE = {"customer.updated": Restorable(attributes(Customer), services.update_customer)} | {
    kind.updated: Restorable(attributes(kind.model), partial(line_item_services.update_line_item, kind))
    for kind in LINE_ITEMS
}


@dataclass(frozen=True, slots=True)
class Entry:
    event: Event
    title: str
    who: str
    labels: Mapping[str, str]
    differences: list[Difference]
    restorable: frozenset[str]  # names of attributes


def page(model_admin: admin.ModelAdmin, request: HttpRequest, customer: Customer) -> HttpResponse:
    chosen = {name: request.GET[name].strip() for name in PARAMETERS if request.GET.get(name, "").strip()}
    reading = FILTERS.read({name: [value] for name, value in chosen.items()})
    for one in reading.unread:
        model_admin.message_user(request, problem(one, FILTERS.fields), messages.ERROR)
    events = _from_page(request, reading.narrow(Event.objects.filter(subject=customer.pk)))
    newest = list(events.order_by("-seq")[: PAGE_SIZE + 1])
    older = ""
    if len(newest) > PAGE_SIZE:
        query = request.GET.copy()
        query["before"] = str(newest[PAGE_SIZE - 1].seq)
        older = query.urlencode()
    context = model_admin.admin_site.each_context(request) | {
        "title": _("History"),
        "subtitle": str(customer),
        "opts": model_admin.opts,
        "original": customer,
        "entries": entries(newest[:PAGE_SIZE], may_change=model_admin.has_change_permission(request, customer)),
        "older": older,
        "chosen": chosen,
        "labels": all_labels(),
        "restore_url": reverse("admin:crm_customer_restore", args=[customer.pk]),
    }
    return TemplateResponse(request, "backoffice/history.html", context)


def _from_page(request: HttpRequest, events: QuerySet) -> QuerySet:
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) <= MAX_DIGITS:
        events = events.filter(seq__lt=int(before))
    return events


def entries(events: list[Event], *, may_change: bool) -> list[Entry]:
    who = people(events)
    return [
        Entry(
            event,
            event_title(event.type),
            who[event.actor],
            labels_of(event.type),
            [] if event.type in REORDERINGS else shown_differences(event),
            frozenset(RESTORABLE[event.type].attributes) if may_change and event.type in RESTORABLE else frozenset(),
        )
        for event in events
    ]


class RestoreForm(forms.Form):
    """One attribute of an event, or all of them where none is named."""

    event = forms.IntegerField(min_value=0, max_value=2**63 - 1)
    field = forms.CharField(max_length=100, required=False)


def restore(model_admin: admin.ModelAdmin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """Writes the values that this event replaced, as a change of now."""
    if not model_admin.has_change_permission(request, customer):
        raise PermissionDenied
    number, _separator, name = request.POST.get("restore", "").partition(":")  # of a button, which has one value
    form = RestoreForm({"event": number, "field": name} if number else request.POST)
    if not form.is_valid():
        raise Http404
    event = Event.objects.filter(pk=form.cleaned_data["event"], subject=customer.pk, type__in=RESTORABLE).first()
    name = form.cleaned_data["field"]
    old = old_values(event) if event else {}
    if event is None or (name and name not in old):
        raise Http404
    known, update = RESTORABLE[event.type]
    values = {one: known[one].from_json(old[one]) for one in ([name] if name else old) if one in known}
    if not values:
        raise Http404
    try:
        update(event.object_id, values, origin=origin_of(request))
    except ValidationError as error:
        model_admin.message_user(request, " ".join(error.messages), messages.ERROR)
    except ObjectMissing:
        model_admin.message_user(request, gettext("This row is not there any more."), messages.ERROR)
    else:
        text = gettext("The old value is back.") if len(values) == 1 else gettext("The old values are back.")
        model_admin.message_user(request, text, messages.SUCCESS)
    page = "change" if number else "history"
    url = reverse(f"admin:crm_customer_{page}", args=[customer.pk])
    return redirect(f"{url}?{request.GET.urlencode()}" if request.GET else url)
