"""All changes of all customers: the platform's log, with customers by name and in people's words."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from crm.backoffice.wording import (
    EVENT_TYPES,
    all_labels,
    changed_labels,
    event_title,
    event_title_lazy,
    labels_of,
    shown_differences,
)
from crm.models import Customer
from overplane.backoffice.admin import EventAdmin, FieldFilter
from overplane.backoffice.filters import ChoiceFilter, choice_filter
from overplane.events.models import Event

CUSTOMER_NAME = "customer_name"  # annotated: the log knows customers by their ids
admin.site.unregister(Event)


class NamedFieldFilter(ChoiceFilter):
    """The field by its label. The labels are looked up when they are shown, in the reader's language."""

    names = FieldFilter.names
    title = FieldFilter.title

    @property
    def conditions(self) -> dict[str, tuple[str, Q]]:  # type: ignore[override]
        return {name: (label, Q(changed__contains=f" {name} ")) for name, label in all_labels().items()}


@admin.register(Event)
class ChangeAdmin(EventAdmin):
    columns = list_display = ("when", "title", "customer", "who", "what")
    list_filter = (  # type: ignore[assignment]  # a filter more, and one with labels
        EventAdmin.list_filter[0],
        NamedFieldFilter,
        choice_filter(
            "type", _("kind of change"), {name: (event_title_lazy(name), Q(type=name)) for name in EVENT_TYPES}
        ),
        *EventAdmin.list_filter[2:],
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        name = Customer.objects.filter(pk=OuterRef("subject")).values("customer_name")[:1]
        return super().get_queryset(request).annotate(**{CUSTOMER_NAME: Subquery(name)})

    @admin.display(description=_("what"))
    def title(self, event: Event) -> str:
        return event_title(event.type)

    @admin.display(description=_("customer"))
    def customer(self, event: Event) -> SafeString | str:
        name = getattr(event, CUSTOMER_NAME)
        if name is None:
            return event.subject  # deleted, with its name
        url = reverse("admin:crm_customer_change", args=[event.subject])
        return format_html('<a href="{}">{}</a>', url, name)

    def words_of(self, event: Event) -> dict[str, Any]:
        link = self.customer(self.get_queryset(HttpRequest()).get(pk=event.pk))
        return {
            "title": event_title(event.type),
            "labels": labels_of(event.type),
            "differences": shown_differences(event),
            "subject_link": link,
        }

    @admin.display(description=_("changed"))
    def what(self, event: Event) -> str:
        return ", ".join(changed_labels(event))
