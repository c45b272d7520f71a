"""The list of endpoints: how each is doing, at a glance."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from overplane.backoffice.admin.webhooks import words
from overplane.backoffice.admin.webhooks.acts import EndpointPages
from overplane.backoffice.changelist import BigChangeList
from overplane.backoffice.event_words import words as event_words
from overplane.backoffice.filters import ColumnField, ConditionField, Field, Filters, Text
from overplane.backoffice.lists import BigTableAdmin
from overplane.backoffice.moments import moment
from overplane.events import types
from overplane.events.webhooks import lag, services
from overplane.events.webhooks.models import Delivery, DeliveryStatus, Endpoint, EndpointStatus, Payload

IS_ENABLED = Q(status=EndpointStatus.ENABLED)
STATES: dict[str, tuple[Text, Q]] = {
    "delivering": (words.STATES["delivering"], IS_ENABLED & Q(failing_since=None)),
    "failing": (words.STATES["failing"], IS_ENABLED & Q(failing_since__isnull=False)),
    "disabled": (words.STATES["disabled"], ~IS_ENABLED),
}


class GetsField(Field):
    """By a type of event that an endpoint gets. One that chose none gets all."""

    @property
    def choices(self) -> Mapping[str, Text]:
        return {one: event_words(one).alone for one in types.known}

    def filter_queryset(self, queryset: QuerySet, operator: str, values: Sequence[str]) -> QuerySet:
        chosen = Q(event_types=[])
        for value in values:
            chosen |= Q(event_types__icontains=f'"{value}"')
        return queryset.filter(chosen)


class EndpointList(BigChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        lags = lag.seconds_of(self.result_list)
        for one in self.result_list:
            one.lag_seconds = lags[one.pk]


@admin.register(Endpoint)
class EndpointAdmin(EndpointPages, BigTableAdmin):
    list_display = ("url", "state", "lag", "failing_since", "last_success", "kinds", "description")
    columns = (*list_display, "payload", "created_at")
    search_fields = ("url", "description")
    search_placeholder = _("URL, description")
    filters = Filters.of(
        [
            ConditionField("state", _("state"), STATES),
            ColumnField("url", _("URL"), "text"),
            ColumnField("description", _("description"), "text", is_nullable=True),
            GetsField("event", _("type of event"), "choice", ("is", "in")),
            ColumnField("payload", _("payload"), "choice", choices=dict(Payload.choices)),
            ColumnField("failing_since", _("failing since"), "timestamp", is_nullable=True),
            ColumnField("created_at", _("created"), "timestamp"),
        ]
    )
    order_fields = ()
    has_stored_count = False
    actions = primary_actions = ("enable_selected", "disable_selected")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BigChangeList]:
        return EndpointList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        """With the attempt of the newest delivery that arrived."""
        arrived = Delivery.objects.filter(endpoint=OuterRef("pk"), status=DeliveryStatus.SUCCEEDED).order_by("-id")
        return super().get_queryset(request).annotate(succeeded_at=Subquery(arrived.values("last_at")[:1]))

    @admin.display(description=_("state"))
    def state(self, endpoint: Endpoint) -> SafeString:
        return words.state_mark(endpoint)

    @admin.display(description=_("lag"))
    def lag(self, endpoint: Any) -> str:  # an Endpoint of an `EndpointList`
        return words.lag_text(endpoint.lag_seconds)

    @admin.display(description=_("last success"))
    def last_success(self, endpoint: Any) -> str:  # an Endpoint with `succeeded_at`
        return moment(endpoint.succeeded_at)

    @admin.display(description=_("types of events"))
    def kinds(self, endpoint: Endpoint) -> str:
        return words.kinds_text(endpoint)

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        for endpoint in queryset.filter(~IS_ENABLED):
            services.enable(endpoint.pk)
            self.log_change(request, endpoint, "Enabled")
        self.message_user(request, _("Enabled. They go on where they stopped."), messages.SUCCESS)

    @admin.action(description=_("Disable"), permissions=["change"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        for endpoint in queryset.filter(IS_ENABLED):
            services.disable(endpoint.pk)
            self.log_change(request, endpoint, "Disabled")
        self.message_user(request, _("Disabled. Nothing is sent until you enable them again."), messages.SUCCESS)

    # Deleting, by Django's pages

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[Any], dict[str, int], set, list]:
        """Without their deliveries, of which there may be a million."""
        deleted = [str(one) for one in objs]
        label = ngettext("webhook endpoint", "webhook endpoints", len(deleted))
        return deleted, {label: len(deleted)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Endpoint) -> None:
        services.delete_endpoint(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Endpoint]) -> None:
        for endpoint in queryset:
            services.delete_endpoint(endpoint.pk)
