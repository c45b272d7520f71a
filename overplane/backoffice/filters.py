"""Filters of a big list: typed or chosen in one form, and shown as chips that remove them.

A filter reads its own parameters and filters a queryset. Nothing that a caller sends becomes the name of a lookup.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.contrib.admin.filters import ListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

LONGEST = 300  # characters; a usual text column holds 255
Text = str | Promise


class Chip(NamedTuple):
    label: str
    remove: str


class BigListFilter(ListFilter):
    """One line of the filter form. `names` are its parameters."""

    names: tuple[str, ...] = ()
    used_parameters: dict[str, str]  # type: ignore[assignment]  # ours are texts only; Django's may be anything

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.names:
            value = params.pop(name, [""])[-1].strip()
            if len(value) > LONGEST or "\0" in value:
                raise IncorrectLookupParameters
            if value:
                self.used_parameters[name] = value
        self.prepare()

    def prepare(self) -> None:
        """Reads the parameters; raises IncorrectLookupParameters."""

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.names)

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        yield from ()

    def described(self) -> str:
        """What is chosen, in words."""
        return " ".join(self.used_parameters.values())

    def chips(self, changelist: Any) -> Iterator[Chip]:
        if self.used_parameters:
            remove = changelist.get_query_string(dict.fromkeys(self.names))
            yield Chip(f"{capfirst(self.title)}: {self.described()}", remove)


class ValueFilter(BigListFilter):
    """One value of a text column, typed with suggestions."""

    template = "backoffice/filters/value.html"
    field_name = ""

    @property
    def value(self) -> str:
        return self.used_parameters.get(self.field_name, "")

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(**{self.field_name: self.value}) if self.value else queryset


class ChoiceFilter(BigListFilter):
    """One of a few named conditions."""

    template = "backoffice/filters/choice.html"
    conditions: Mapping[str, tuple[Text, Q]] = {}

    def prepare(self) -> None:
        if self.value and self.value not in self.conditions:
            raise IncorrectLookupParameters

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def value(self) -> str:
        return self.used_parameters.get(self.name, "")

    @property
    def options(self) -> list[tuple[str, Text]]:
        return [(key, label) for key, (label, _condition) in self.conditions.items()]

    def described(self) -> str:
        return str(self.conditions[self.value][0])

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(self.conditions[self.value][1]) if self.value else queryset


def presets(today: date) -> list[tuple[Text, date, date]]:
    """Ranges that people ask for, with their first and last day."""
    month = today.replace(day=1)
    return [
        (_("Today"), today, today),
        (_("Last 7 days"), today - timedelta(days=6), today),
        (_("Last 30 days"), today - timedelta(days=29), today),
        (_("This month"), month, today),
        (_("Last month"), (month - timedelta(days=1)).replace(day=1), month - timedelta(days=1)),
        (_("This year"), today.replace(month=1, day=1), today),
    ]


class DateFilter(BigListFilter):
    """From one day to another, both included."""

    template = "backoffice/filters/dates.html"
    field_name = ""

    def prepare(self) -> None:
        self.first, self.last = (self._day(name) for name in self.names)

    def _day(self, name: str) -> date | None:
        try:
            return date.fromisoformat(self.used_parameters[name]) if name in self.used_parameters else None
        except ValueError:
            raise IncorrectLookupParameters from None

    def described(self) -> str:
        first, last = (formats.date_format(d, "SHORT_DATE_FORMAT") if d else "" for d in (self.first, self.last))
        if first and last:
            return first if first == last else f"{first} – {last}"
        return gettext("from %s") % first if first else gettext("until %s") % last

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        for label, first, last in presets(timezone.localdate()):
            days = dict(zip(self.names, (first.isoformat(), last.isoformat()), strict=True))
            is_chosen = (self.first, self.last) == (first, last)
            yield {"label": label, "query": changelist.get_query_string(days), "selected": is_chosen}

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.first:
            queryset = queryset.filter(**{f"{self.field_name}__gte": _midnight(self.first)})
        if self.last and self.last < date.max:
            queryset = queryset.filter(**{f"{self.field_name}__lt": _midnight(self.last + timedelta(days=1))})
        return queryset


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def value_filter(name: str, title: Text) -> type[ValueFilter]:
    return type("ValueFilter", (ValueFilter,), {"field_name": name, "names": (name,), "title": title})


def choice_filter(name: str, title: Text, conditions: Mapping[str, tuple[Text, Q]]) -> type[ChoiceFilter]:
    return type("ChoiceFilter", (ChoiceFilter,), {"names": (name,), "title": title, "conditions": conditions})


def date_filter(name: str, title: Text) -> type[DateFilter]:
    short = name.removesuffix("_at")
    names = (f"{short}_from", f"{short}_to")
    return type("DateFilter", (DateFilter,), {"field_name": name, "names": names, "title": title})
