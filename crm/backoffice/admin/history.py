"""Who changed what of one customer, and putting an old value back: a new change, never a rewrite of the log."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from crm import line_item_services, services
from crm.backoffice.admin.changes import FILTERS
from crm.backoffice.wording import all_labels, event_differences, event_title, labels_of
from crm.line_items import LINE_ITEMS
from crm.locking import locked_customer
from crm.models import Customer
from overplane.backoffice.filter_texts import problem
from overplane.backoffice.origin import origin_of
from overplane.database.attributes import Attribute, attributes
from overplane.events.changes import Difference, old_values, people
from overplane.events.models import Event
from overplane.origin import Origin
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

    @property
    def is_restorable_whole(self) -> bool:
        """One value alone has its own button."""
        return sum(one.name in self.restorable for one in self.differences) > 1


def page(model_admin: admin.ModelAdmin, request: HttpRequest, customer: Customer) -> HttpResponse:
    chosen = {name: request.GET[name].strip() for name in PARAMETERS if request.GET.get(name, "").strip()}
    parsed = FILTERS.read({name: [value] for name, value in chosen.items()})
    for one in parsed.unread:
        model_admin.message_user(request, problem(one, FILTERS.fields), messages.ERROR)
    events = _from_page(request, parsed.filter_queryset(Event.objects.filter(subject=customer.pk)))
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
            [] if event.type in REORDERINGS else event_differences(event),
            frozenset(RESTORABLE[event.type].attributes) if may_change and event.type in RESTORABLE else frozenset(),
        )
        for event in events
    ]


class RestoreForm(forms.Form):
    """One attribute of an event, or all of them where none is named."""

    event = forms.IntegerField(min_value=0, max_value=2**63 - 1)
    field = forms.CharField(max_length=100, required=False)


def restore(model_admin: admin.ModelAdmin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """Writes the values that this event replaced, as a change of now.

    One value that was named comes back in any case: it was seen. Of a whole change, what was changed since stays and is
    named, as when a change is undone.
    """
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
    known = RESTORABLE[event.type].attributes
    values = {one: known[one].from_json(old[one]) for one in ([name] if name else old) if one in known}
    if not values:
        raise Http404
    try:
        since = _write_back(event, values, origin_of(request), is_whole=not name)
    except ValidationError as error:
        model_admin.message_user(request, " ".join(error.messages), messages.ERROR)
    except ObjectMissing:
        model_admin.message_user(request, gettext("This row is not there any more."), messages.ERROR)
    else:
        _tell(model_admin, request, event, since, written=len(values) - len(since))
    page = "change" if number else "history"
    url = reverse(f"admin:crm_customer_{page}", args=[customer.pk])
    return redirect(f"{url}?{request.GET.urlencode()}" if request.GET else url)


def _write_back(event: Event, values: dict[str, Any], origin: Origin, *, is_whole: bool) -> dict[str, str]:
    """The actors of what was changed since, by attribute: with `is_whole` these values are left out."""
    with transaction.atomic():
        locked_customer(event.subject)  # nobody changes it, or a row of it, between the look at the log and the write
        since = _changed_since(event, values) if is_whole else {}
        if left := {name: value for name, value in values.items() if name not in since}:
            RESTORABLE[event.type].update(event.object_id, left, origin=origin)
    return since


def _changed_since(event: Event, names: Iterable[str]) -> dict[str, str]:
    later = Event.objects.filter(subject=event.subject, object_id=event.object_id, type=event.type, seq__gt=event.seq)
    by = {name: one for one in later.defer("object", "previous").order_by("seq") for name in one.changed.split()}
    who = people([by[name] for name in names if name in by])
    return {name: who[by[name].actor] for name in names if name in by}


def _tell(
    model_admin: admin.ModelAdmin, request: HttpRequest, event: Event, since: dict[str, str], *, written: int
) -> None:
    if written:
        text = ngettext("The old value is back.", "The old values are back.", written)
        model_admin.message_user(request, text, messages.SUCCESS)
    if since:
        labels = labels_of(event.type)
        names = ", ".join(f"{capfirst(labels.get(name, name))} ({who})" for name, who in since.items())
        text = gettext("Changed since, and left as it is: %(names)s.") % {"names": names}
        model_admin.message_user(request, text, messages.WARNING)
