"""The page for a form that was saved over somebody else's change: both versions, field by field, to choose from.

The choice is sent to the form's own address, with the current value as the new original value. So the page needs
no save of its own, and a third change is noticed too.
"""

from typing import Any, NamedTuple

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from crm.backoffice.admin.line_item_forms import LineItemForm
from overplane.backoffice.merging import Conflict, MergingForm
from overplane.backoffice.typed import AGAIN
from overplane.events.changes import people
from overplane.events.models import Event

# Who made a change is looked up among this many of the customer's newest events: a form is not open for longer.
NEWEST_EVENTS = 100


class Choice(NamedTuple):
    conflict: Conflict
    event: Event | None  # the change that wrote their value
    who: str
    position: int | None = None  # of the line item, if it is one's
    line_items: Any = ""  # in which list that is


def conflicts_of(context: dict[str, Any]) -> list[tuple[MergingForm, Conflict]]:
    """The conflicts of a form and its line items, if there is nothing else wrong with it."""
    forms = [context["adminform"].form, *(f for s in context["inline_admin_formsets"] for f in s.formset.forms)]
    if any(form.is_bound and form.errors and not form.has_only_conflicts for form in forms):
        return []
    return [(form, conflict) for form in forms for conflict in form.conflicts]


def page(
    model_admin: admin.ModelAdmin,
    request: HttpRequest,
    context: dict[str, Any],
    conflicts: list[tuple[MergingForm, Conflict]],
) -> HttpResponse:
    original = context["original"]
    settled = {name for _form, one in conflicts for name in (one.html_name, one.initial_html_name)}
    typed = [(n, v) for n, values in request.POST.lists() for v in values if n != "csrfmiddlewaretoken"]
    return TemplateResponse(
        request,
        "backoffice/conflict.html",
        model_admin.admin_site.each_context(request)
        | {
            "title": _("Changed by somebody else"),
            "opts": model_admin.opts,
            "original": original,
            "choices": _choices(original.pk, conflicts),
            "sent": [(name, value) for name, value in typed if name not in settled],
            "typed": typed,
            "again": AGAIN,
        },
    )


def _choices(customer_id: str, conflicts: list[tuple[MergingForm, Conflict]]) -> list[Choice]:
    newest = list(Event.objects.filter(subject=customer_id).order_by("-seq")[:NEWEST_EVENTS])
    events = [_event(newest, form, one) for form, one in conflicts]
    who = people([event for event in events if event])
    choices = []
    for (form, one), event in zip(conflicts, events, strict=True):
        choice = Choice(one, event, who[event.actor] if event else "")
        if isinstance(form, LineItemForm):
            choice = choice._replace(position=form.current["idx"], line_items=form.kind.label_plural)
        choices.append(choice)
    return choices


def _event(events: list[Event], form: MergingForm, conflict: Conflict) -> Event | None:
    mark = f" {conflict.name} "
    return next((e for e in events if e.object_id == form.instance.pk and mark in e.changed), None)
