"""The log for people: who changed what, when, through which door; across all objects. Nothing here can be edited."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.changelist import BigChangeList
from overplane.backoffice.filters import ColumnField, ConditionField, Field, Filters
from overplane.backoffice.lists import BigTableAdmin
from overplane.backoffice.moments import moment
from overplane.database.ordering import Order
from overplane.events.changes import actors_named, differences, people
from overplane.events.models import Event


class BySequence(Order):
    """The log's own order."""

    def by(self, *, backwards: bool = False) -> list[str]:
        return ["-seq" if self.descending != backwards else "seq"]

    def beyond(self, value: Any, object_id: str, *, backwards: bool = False) -> Q:
        return Q(**{f"seq__{'lt' if self.descending != backwards else 'gt'}": value})


class PersonField(Field):
    """By the actor as the log writes it, or by a name alone."""

    def filter_queryset(self, queryset: QuerySet, operator: str, values: Sequence[str]) -> QuerySet:
        actors = [actor for name in values for actor in ([name] if ":" in name else actors_named(name))]
        return queryset.filter(actor__in=actors)


class ChangedField(Field):
    """By the name of an attribute that was changed."""

    def filter_queryset(self, queryset: QuerySet, operator: str, values: Sequence[str]) -> QuerySet:
        condition = Q()
        for name in values:
            condition |= Q(changed__contains=f" {name} ")
        return queryset.filter(condition)


DOOR_CONDITIONS = {
    "api": (_("API"), Q(actor__startswith="api_key:")),
    "staff": (_("back office"), Q(actor__startswith="user:")),
    "import": (_("import"), Q(actor__startswith="import:")),
}


PERSON = PersonField("actor", _("person"), "text", ("is", "in"))
ALIASES = {"created_from": "created_at.from", "created_to": "created_at.until"}  # names of before


def event_filters(*more: Field) -> Filters:
    return Filters.of(
        [
            PERSON,
            ChangedField("field", _("field"), "text", ("is", "in")),
            ColumnField("subject", _("object's ID"), "key"),
            ConditionField("door", _("door"), DOOR_CONDITIONS),
            ColumnField("created_at", _("time"), "timestamp"),
            *more,
        ],
        ALIASES,
    )


class EventList(BigChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """With the names of those who acted, so that a page need not ask for each."""
        super().get_results(request)
        names = people(self.result_list)
        for event in self.result_list:
            event.person = names[event.actor]


@admin.register(Event)
class EventAdmin(BigTableAdmin):
    columns = list_display = ("when", "type", "subject", "who", "what")
    filters = event_filters()
    list_deferred = ("object", "previous")
    order_fields = ()
    default_order = BySequence("seq", descending=True)
    search_fields = ("subject",)
    search_placeholder = _("The ID of an object")
    has_stored_count = False
    actions = None

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        words = search_term.strip().replace("\0", "")
        return (queryset.filter(Q(subject=words)) if words else queryset), False

    @admin.display(description=_("time"))
    def when(self, event: Event) -> str:
        return moment(event.created_at)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BigChangeList]:
        return EventList

    @admin.display(description=_("person"))
    def who(self, event: Any) -> str:  # an Event of `EventList`
        return event.person

    @admin.display(description=_("changed"))
    def what(self, event: Event) -> str:
        return ", ".join(event.changed.split())

    def subject_links(self, event: Event) -> list[tuple[str, str]]:
        """Label and address of the pages of what the event is about. The domain knows them."""
        return []

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False

    def words_of(self, event: Event) -> dict[str, Any]:
        """What the page of one event says better than the log does."""
        return {}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        number = forms.IntegerField(min_value=0, max_value=2**63 - 1)
        try:
            event = Event.objects.get(pk=number.clean(object_id))
        except (forms.ValidationError, Event.DoesNotExist):
            raise Http404 from None
        context = self.admin_site.each_context(request) | {
            "title": event.type,
            "opts": self.opts,
            "event": event,
            "who": people([event])[event.actor],
            "differences": differences(event),
            "subject_links": self.subject_links(event),
        }
        context |= self.words_of(event)
        return TemplateResponse(request, "backoffice/event.html", context)
