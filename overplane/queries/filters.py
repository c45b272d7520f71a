"""Filters as a closed table of `field` and `field[operator]`, made from a model's attributes once.

A table has some two hundred filters: a request looks up those that it names. What a caller sends is only ever looked
up, and never becomes the name of a lookup.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q, QuerySet

from overplane.database.attributes import Attribute, attributes
from overplane.queries.filter_values import FIELDS, ChoiceField, ListField, PartField, Span, ValueField, too_many
from overplane.queries.parameters import Query

# Values that the lists of one request hold together. SQLite binds 32,766 to a statement where it is built as it comes.
MOST_VALUES = 10_000
# Each is a condition: SQLite nests 1,000 at most, and plans two lists of 500 for eight seconds, of 100 for a tenth of one.
MOST_MOMENTS = 100


class ExactFilter:
    """One parameter: how its value is read, and the condition that this makes. `operator` is what stands in its brackets."""

    read_by: type[ValueField] | None = None  # instead of what its kind is read by

    def __init__(
        self, name: str, lookup: str, *, kind: str, operator: str, choices: Sequence[str] = (), negated: bool = False
    ) -> None:
        self.name, self.lookup, self.negated = name, lookup, negated
        self.kind, self.operator, self.choices = kind, operator, choices
        self.field: ValueField | ListField = ChoiceField(choices) if choices else (self.read_by or FIELDS[kind])()

    def filter(self, queryset: QuerySet, value: Any) -> QuerySet:
        condition = self.condition(value)
        return queryset.exclude(condition) if self.negated else queryset.filter(condition)

    def condition(self, value: Any) -> Q:
        if isinstance(value, Span):
            return span_condition(self.name, self.lookup, value)
        return Q(**{f"{self.name}__{self.lookup}": value})


def span_condition(name: str, operator: str, span: Span) -> Q:
    from_start = Q(**{f"{name}__gte": span.start})
    before_end = Q(**{f"{name}__isnull": False} if span.end is None else {f"{name}__lt": span.end})
    return {
        "exact": from_start & before_end,
        "gt": Q(pk__in=[]) if span.end is None else Q(**{f"{name}__gte": span.end}),
        "gte": from_start,
        "lt": Q(**{f"{name}__lt": span.start}),
        "lte": before_end,
    }[operator]


class PartFilter(ExactFilter):
    """A text that has this part."""

    read_by = PartField


class InFilter(ExactFilter):
    """One of several values."""

    def __init__(self, name: str, lookup: str, **more: Any) -> None:
        super().__init__(name, lookup, **more)
        self.most = MOST_MOMENTS if self.kind == "timestamp" else MOST_VALUES
        self.field = ListField(self.field, self.most)

    def condition(self, value: list[Any]) -> Q:
        if self.kind != "timestamp":
            return Q(**{f"{self.name}__in": value})
        condition = Q(pk__in=[])
        for one in value:
            condition |= super().condition(one)
        return condition


Operator = tuple[type[ExactFilter], str, bool]  # filter class, lookup, negated
COMPARISONS: dict[str, Operator] = {
    "gt": (ExactFilter, "gt", False),
    "gte": (ExactFilter, "gte", False),
    "lt": (ExactFilter, "lt", False),
    "lte": (ExactFilter, "lte", False),
}
EXTRA: dict[str, dict[str, Operator]] = {
    "string": {
        "contains": (PartFilter, "caseless_contains", False),
        "prefix": (PartFilter, "caseless_prefix", False),
    },
    "boolean": {},
    **dict.fromkeys(("number", "integer", "timestamp", "date"), COMPARISONS),
}
OPERATORS: dict[str, dict[str, Operator]] = {
    kind: {
        "": (ExactFilter, "exact", False),
        "ne": (ExactFilter, "exact", True),
        "in": (InFilter, "exact", False),
        **extra,
    }
    for kind, extra in EXTRA.items()
}
NULLABLE_KINDS = ("string", "number")


def _filters(name: str, kind: str, choices: Sequence[str], *, is_nullable: bool) -> Iterable[tuple[str, ExactFilter]]:
    for operator, (class_, lookup, negated) in OPERATORS[kind].items():
        # A part of a choice is no choice.
        of = choices if lookup == "exact" else ()
        parameter = f"{name}[{operator}]" if operator else name
        yield parameter, class_(name, lookup, kind=kind, operator=operator, choices=of, negated=negated)
    if kind in NULLABLE_KINDS or is_nullable:
        yield f"{name}[is_null]", ExactFilter(name, "isnull", kind="boolean", operator="is_null")


def filter_table(
    model: type[models.Model], *, timestamps: Iterable[str] = (), choices: Mapping[str, Sequence[str]] | None = None
) -> dict[str, ExactFilter]:
    """Every filter of a model, by parameter name: `id`, its timestamps and its attributes, some with a closed choice."""
    known: dict[str, Attribute] = attributes(model)
    kinds = {"id": "string", **dict.fromkeys(timestamps, "timestamp"), **{n: a.kind for n, a in known.items()}}
    closed = choices or {}
    return {
        name: one
        for field, kind in kinds.items()
        for name, one in _filters(field, kind, closed.get(field, ()), is_nullable=model._meta.get_field(field).null)
    }


def apply(table: dict[str, ExactFilter], queryset: QuerySet, query: Query) -> QuerySet:
    """Applies the filters that the query names."""
    listed = 0
    for name in [name for name in query.values if name in table]:
        sent = query.raw(name)
        try:
            value = table[name].field.clean(sent)
            listed += len(value) if type(value) is list else 0
            if listed > MOST_VALUES:
                raise too_many(MOST_VALUES)
            queryset = table[name].filter(queryset, value)
        except ValidationError as error:
            query.note(name, error)
    return queryset
