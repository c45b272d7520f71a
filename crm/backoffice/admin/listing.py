"""How the list of customers is filtered: by the page, and by a job that somebody started on it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from crm import matching, search
from crm.backoffice.admin.sections import SUGGESTED
from crm.backoffice.wording import TYPES
from crm.models import Customer, ImportRun
from overplane.backoffice.changelist import PASSED
from overplane.backoffice.filters import ConditionField, Field, Filters, Text, Unreadable
from overplane.backoffice.text_fields import TextField, fields_of
from overplane.events.models import Event

SIDES = (("from", "from"), ("to", "until"))
CONDITIONS = {
    "active": (_("active"), Q(disabled=False, is_frozen=False)),
    "disabled": (_("disabled"), Q(disabled=True)),
    "frozen": (_("frozen"), Q(is_frozen=True)),
    "internal": (_("internal customer"), Q(is_internal_customer=True)),
}


class KeyedField(TextField):
    """A natural key, equal by the index that knows it as imports do: blanks in a tax number do not count."""

    def filter_queryset(self, queryset: QuerySet, operator: str, values: Sequence[str]) -> QuerySet:
        # Not by the search's text, which has the blanks.
        if operator in ("is", "in"):
            return queryset.filter(self.equal(queryset.model, values))
        return super().filter_queryset(queryset, operator, values)

    def equal(self, model: type[models.Model], values: Sequence[str]) -> Q:
        keys = [matching.stored_key(self.name, value) for value in values]
        if not all(key and key.isascii() for key in keys):
            return super().equal(model, values)
        condition = Q(pk__in=[])
        for key in keys:
            condition |= Q(**{f"{self.name}__match_key": key})
        # The index has nobody without a value, and SQLite takes it only if the condition says so.
        return condition & Q(**{f"{self.name}__isnull": False})


class ImportField(Field):
    """What one import made of customers, by the run's id. Links of its report have it."""

    is_offered = False

    def __init__(self, name: str, label: Text, event_type: str) -> None:
        super().__init__(name, label, "key", ("is",))
        self.event_type = event_type

    def read_one(self, text: str) -> ImportRun:
        run = ImportRun.objects.filter(pk=text).first()
        if run is None:
            raise Unreadable
        return run

    def filter_queryset(self, queryset: QuerySet, operator: str, values: Sequence[Any]) -> QuerySet:
        events = Event.objects.filter(actor=f"import:{values[0].pk}", type=self.event_type)
        return queryset.filter(pk__in=events.values("subject"))


FIELDS = fields_of(
    Customer, timestamps=["created_at", "updated_at"], choices={"customer_type": TYPES}, suggested=SUGGESTED
)
FIELDS |= {name: KeyedField(name, FIELDS[name].label) for name in matching.KEYED}
for name in search.SEARCHED:
    field = FIELDS[name]
    assert isinstance(field, TextField)
    field.by_part = search.filter_by_part
FILTERS = Filters.of(
    [
        ConditionField("status", _("status"), CONDITIONS),
        *FIELDS.values(),
        ImportField("created_by_import", _("created by the import"), "customer.created"),
        ImportField("changed_by_import", _("changed by the import"), "customer.updated"),
    ],
    # Names of before, which stand in saved views and bookmarks.
    aliases={
        f"{short}_{side}": f"{short}_at.{operator}" for short in ("created", "updated") for side, operator in SIDES
    },
)


def searched(queryset: QuerySet, words: str) -> QuerySet:
    """The search of the API."""
    words = words.replace("\0", "")[: search.MAX_LENGTH].strip()
    return search.filter_by_words(queryset, words) if words else queryset


def filtered(query: str, until: datetime) -> QuerySet:
    """The customers of a list's address, as it was then: none that came later, and none at all if a filter cannot be read."""
    sent = QueryDict(query)
    queryset = searched(Customer.objects.filter(created_at__lte=until), sent.get("q", ""))
    return FILTERS.read(dict(sent.lists()), PASSED).filter_queryset(queryset)
