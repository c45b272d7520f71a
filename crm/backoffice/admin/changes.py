"""All changes of all customers: the platform's log, with customers by name and in people's words."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.backoffice.wording import (
    EVENT_TYPES,
    all_labels,
    changed_labels,
    event_differences,
    event_title,
    event_title_lazy,
    labels_of,
)
from crm.models import Customer
from overplane.backoffice.admin.events import ChangedField, EventAdmin, event_filters
from overplane.backoffice.filters import ConditionField
from overplane.events.models import Event

CUSTOMER_NAME = "customer_name"  # annotated: the log knows customers by their ids
admin.site.unregister(Event)


class NamedField(ChangedField):
    """The field by its label, in the reader's language."""

    @property
    def choices(self) -> dict[str, str]:
        return all_labels()


EVENT_CONDITIONS = {name: (event_title_lazy(name), Q(type=name)) for name in EVENT_TYPES}
FILTERS = event_filters(
    NamedField("field", _("field"), "choice", ("is", "in")),
    ConditionField("type", _("kind of change"), EVENT_CONDITIONS),
)


@admin.register(Event)
class ChangeAdmin(EventAdmin):
    columns = list_display = ("when", "title", "customer", "who", "what")
    filters = FILTERS

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
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:crm_customer_change", args=[quote(event.subject)]), name
        )

    def subject_links(self, event: Event) -> list[tuple[str, str]]:
        customer = Customer.objects.filter(pk=event.subject).only("customer_name").first()
        if customer is None:
            return []  # deleted, with its name
        return [
            (str(customer), reverse("admin:crm_customer_change", args=[quote(customer.pk)])),
            (gettext("History"), reverse("admin:crm_customer_history", args=[quote(customer.pk)])),
        ]

    def words_of(self, event: Event) -> dict[str, Any]:
        return {
            "title": event_title(event.type),
            "labels": labels_of(event.type),
            "differences": event_differences(event),
        }

    @admin.display(description=_("changed"))
    def what(self, event: Event) -> str:
        return ", ".join(changed_labels(event))
