"""The page for a form that was saved over somebody else's change: both versions, field by field, to choose from.

What is chosen is sent to the form's own address, with the value that stands now as the new
original: so the page needs no way of saving of its own, and a third change is noticed again.
"""

from typing import Any, NamedTuple

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.merging import Conflict, MergingForm
from overplane.events.changes import people
from overplane.events.models import Event

READ_BACK = 100


class ToSettle(NamedTuple):
    conflict: Conflict
    event: Event | None  # which brought their value
    who: str
    row: int | None  # the place of the row, if it is one's


def to_settle(context: dict[str, Any]) -> list[tuple[MergingForm, Conflict]]:
    """The conflicts of a form and its rows, if there is nothing else wrong with it."""
    forms = [context["adminform"].form, *(f for s in context["inline_admin_formsets"] for f in s.formset.forms)]
    if any(form.is_bound and form.errors and not form.has_only_conflicts for form in forms):
        return []
    return [(form, conflict) for form in forms for conflict in form.conflicts]


def page(
    model_admin: admin.ModelAdmin, request: HttpRequest, context: dict[str, Any], found: list[tuple[MergingForm, Any]]
) -> HttpResponse:
    original = context["original"]
    events = list(Event.objects.filter(subject=original.pk).order_by("-seq")[:READ_BACK])
    brought = [_event(events, form, one) for form, one in found]
    who = people([event for event in brought if event])
    settled = {name for _form, one in found for name in (one.html_name, one.initial_html_name)}
    sent = [(n, v) for n, values in request.POST.lists() for v in values if n not in {*settled, "csrfmiddlewaretoken"}]
    return TemplateResponse(
        request,
        "backoffice/conflict.html",
        model_admin.admin_site.each_context(request)
        | {
            "title": _("Changed by somebody else"),
            "opts": model_admin.opts,
            "original": original,
            "found": [
                ToSettle(one, event, who[event.actor] if event else "", getattr(form.instance, "idx", None))
                for (form, one), event in zip(found, brought, strict=True)
            ],
            "sent": sent,
        },
    )


def _event(events: list[Event], form: MergingForm, conflict: Conflict) -> Event | None:
    mark = f" {conflict.name} "
    return next((e for e in events if e.object_id == form.instance.pk and mark in e.changed), None)
