"""Filters as a closed table of `field` and `field[operator]`, made from a model's attributes with django-filter.

A filter set of all fields and operators has some two hundred filters: only those that a request
names are built and applied, and what a caller sends never becomes the name of a lookup.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_date, parse_datetime

from overplane.api.query import Query
from overplane.database.attributes import Attribute, attributes
from overplane.database.numbers import read_decimal
from overplane.problems import Code, invalid

SECOND = timedelta(seconds=1)
LAST_SECOND = datetime.max.replace(microsecond=0, tzinfo=UTC)  # nothing can be added to it


class TextField(forms.Field):
    def clean(self, value: str) -> str:
        if not value:
            raise invalid(Code.PARAMETER_INVALID_EMPTY, "Must not be empty. To find what has no value use [is_null].")
        return value


class TruthField(forms.Field):
    def clean(self, value: str) -> bool:
        if value not in ("true", "false"):
            raise invalid(Code.PARAMETER_INVALID_TYPE, "Must be true or false.")
        return value == "true"


class NumberField(forms.Field):
    def clean(self, value: str) -> Decimal:
        try:
            number = read_decimal(value.strip())
        except ValueError:
            raise invalid(Code.PARAMETER_INVALID_TYPE, "Must be a number, written like 12.5.") from None
        if len(value) > 40 or abs(number.adjusted()) > 20:
            raise invalid(Code.PARAMETER_INVALID_RANGE, "Must be a number of at most twenty digits.")
        return number


class MomentField(forms.Field):
    def clean(self, value: str) -> datetime:
        text = value.strip().replace(" ", "+") if "T" in value else value.strip()
        try:
            moment = parse_datetime(text)
            if moment is None and (day := parse_date(text)):
                moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 (made UTC below)
            if moment is None:
                raise ValueError
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            message = "Must be a timestamp such as 2024-01-15T09:30:00Z, or a date."
            raise invalid(Code.PARAMETER_INVALID, message) from None


class WholeNumberField(forms.Field):
    def clean(self, value: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,9}", value):
            raise invalid(Code.PARAMETER_INVALID_INTEGER, "Must be a whole number of at most nine digits.")
        return int(value)


FORM_FIELDS = {
    "string": TextField,
    "boolean": TruthField,
    "number": NumberField,
    "integer": WholeNumberField,
    "timestamp": MomentField,
}


class ExactFilter(django_filters.Filter):
    def __init__(self, *, kind: str, label: str, **kwargs: Any) -> None:
        self.field_class = FORM_FIELDS[kind]
        self.kind = kind
        super().__init__(label=label, required=False, **kwargs)

    def filter(self, queryset: QuerySet, value: Any) -> QuerySet:
        condition = self.condition(value)
        return queryset.exclude(condition) if self.exclude else queryset.filter(condition)

    def condition(self, value: Any) -> Q:
        if self.kind == "timestamp":
            return moment_condition(self.field_name, self.lookup_expr, value)
        return Q(**{f"{self.field_name}__{self.lookup_expr}": value})


def moment_condition(name: str, operator: str, value: datetime) -> Q:
    """Timestamps are shown in whole seconds; compared with one, a moment counts as the second that it falls in."""
    if value.microsecond or value >= LAST_SECOND:
        return Q(**{f"{name}__{operator}": value})
    after = value + SECOND
    return {
        "exact": Q(**{f"{name}__gte": value, f"{name}__lt": after}),
        "gt": Q(**{f"{name}__gte": after}),
        "gte": Q(**{f"{name}__gte": value}),
        "lt": Q(**{f"{name}__lt": value}),
        "lte": Q(**{f"{name}__lt": after}),
    }[operator]


class InFilter(ExactFilter):
    """A comma-separated list."""

    def condition(self, value: list[Any]) -> Q:
        condition = Q(pk__in=[])
        for one in value:
            condition |= super().condition(one)
        return condition if self.kind == "timestamp" else Q(**{f"{self.field_name}__in": value})

    @property
    def field(self) -> forms.Field:
        return ListField(super().field)


class ListField(forms.Field):
    def __init__(self, inner: forms.Field) -> None:
        super().__init__()
        self.inner = inner

    def clean(self, value: str) -> list[Any]:
        return [self.inner.clean(part) for part in value.split(",")]


COMPARISONS = {
    "gt": (ExactFilter, "gt", False, "is greater than"),
    "gte": (ExactFilter, "gte", False, "is greater than or equal to"),
    "lt": (ExactFilter, "lt", False, "is less than"),
    "lte": (ExactFilter, "lte", False, "is less than or equal to"),
}
OPERATORS: dict[str, dict[str, tuple[type[ExactFilter], str, bool, str]]] = {
    # operator: filter class, lookup, negated, what it means
    kind: {
        "": (ExactFilter, "exact", False, "equals"),
        "ne": (ExactFilter, "exact", True, "differs from (or has no value)"),
        "in": (InFilter, "exact", False, "is one of a comma-separated list"),
        **extra,
    }
    for kind, extra in {
        "string": {
            "contains": (ExactFilter, "caseless_contains", False, "contains, whatever the case"),
            "prefix": (ExactFilter, "caseless_prefix", False, "begins with, whatever the case"),
        },
        "boolean": {},
        **dict.fromkeys(("number", "integer", "timestamp"), COMPARISONS),
    }.items()
}
NULLABLE_KINDS = ("string", "number")


def _filters(name: str, kind: str) -> Iterable[tuple[str, ExactFilter]]:
    for operator, (class_, lookup, negated, words) in OPERATORS[kind].items():
        label = f"`{name}` {words}."
        made = class_(kind=kind, label=label, field_name=name, lookup_expr=lookup, exclude=negated)
        yield (f"{name}[{operator}]" if operator else name), made
    if kind in NULLABLE_KINDS:
        yield (
            f"{name}[is_null]",
            ExactFilter(kind="boolean", label=f"`{name}` has no value.", field_name=name, lookup_expr="isnull"),
        )


def filter_table(model: type[models.Model], *, timestamps: Iterable[str] = ()) -> dict[str, ExactFilter]:
    """Every filter of a model, by parameter name: `id`, its timestamps and its attributes."""
    known: dict[str, Attribute] = attributes(model)
    kinds = {"id": "string", **dict.fromkeys(timestamps, "timestamp"), **{n: a.kind for n, a in known.items()}}
    return {name: made for field, kind in kinds.items() for name, made in _filters(field, kind)}


def narrow(table: dict[str, ExactFilter], queryset: QuerySet, query: Query) -> QuerySet:
    """Applies the filters that the query names; the others are not even built."""
    for name in [name for name in query.values if name in table]:
        text = query.take(name)
        try:
            queryset = table[name].filter(queryset, table[name].field.clean(text))
        except ValidationError as error:
            query.errors.setdefault(name, []).append(error)
    return queryset
