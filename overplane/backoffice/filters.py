"""Filters of a big list: a closed table of fields, each with the operators of its kind, and what an address asks of it.

An address has one parameter for each filter: `city.contains=north`, `created_at.between=2024-01-01..2024-01-31`,
`kind.in=A&kind.in=B`. A field's name alone is its plain operator: `city=North`. All of them must hold. What a caller sends is only looked up here and never becomes the name of a lookup.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.periods import PERIODS
from overplane.database.text import has_forbidden_characters
from overplane.queries.filter_values import FIELDS
from overplane.queries.filters import OPERATORS as API_OPERATORS
from overplane.queries.filters import ExactFilter

LONGEST = 300  # characters; a usual text column holds 255
MOST_VALUES = 100  # of one filter: more than anybody types, and few enough for one condition on any column
RANGE = ".."
Text = str | Promise


class Operator(NamedTuple):
    """`takes`: how many values it needs: "none", "one", "two" or "many"."""

    label: Text
    takes: str = "one"


OPERATORS = {
    "contains": Operator(_("contains")),
    "begins": Operator(_("begins with")),
    "is": Operator(_("is")),
    "in": Operator(_("is one of"), "many"),
    "not": Operator(_("is not")),
    "between": Operator(_("is between"), "two"),
    "min": Operator(_("is at least")),
    "max": Operator(_("is at most")),
    "on": Operator(_("is on")),
    "within": Operator(_("is within")),
    "from": Operator(_("is from")),
    "until": Operator(_("is until")),
    "before": Operator(_("is before")),
    "after": Operator(_("is after")),
    "empty": Operator(_("is empty"), "none"),
    "filled": Operator(_("is not empty"), "none"),
}
NUMBERS = ("is", "between", "min", "max", "not")
DAYS = ("within", "on", "between", "from", "until", "before", "after")
# The operators of each kind of field; one that may have no value has two more.
KINDS: dict[str, tuple[str, ...]] = {
    "text": ("contains", "is", "in", "not", "begins"),
    "long": ("contains",),
    "key": ("is", "in"),
    "boolean": ("is",),
    "choice": ("is", "in", "not"),
    "number": NUMBERS,
    "integer": NUMBERS,
    "date": DAYS,
    "timestamp": DAYS,
}
WITHOUT_VALUE = ("empty", "filled")
# What an operator is called in the API, whose conditions these are.
IN_API = {
    "contains": "contains", "begins": "prefix", "is": "", "on": "", "in": "in", "not": "ne", "min": "gte", "from": "gte",
    "max": "lte", "until": "lte", "before": "lt", "after": "gt",
}  # fmt: skip


class Unreadable(Exception):
    """A value that this operator of this field cannot read."""


class Field:
    """What a list can be filtered by. A kind of its own says how it reads a value and which rows have it.

    `suggests`: values in use are offered while typing. `is_offered`: people choose it from the menu; others stand in
    links only.
    """

    suggests = False
    is_offered = True

    def __init__(self, name: str, label: Text, kind: str, operators: Sequence[str] = ()) -> None:
        self.name, self.label, self.kind = name, label, kind
        self.operators = tuple(operators) or KINDS[kind]

    @property
    def choices(self) -> Mapping[str, Text]:
        """The closed values by what stands in addresses, asked for when they are needed: apps register theirs later."""
        return {}

    @property
    def plain(self) -> str:
        """The operator of the field's bare name."""
        return next(one for one in ("is", "on", *self.operators) if one in self.operators)

    def read(self, operator: str, text: str) -> Any:
        """One value. Raises `Unreadable`."""
        if operator == "within":
            if text not in PERIODS:
                raise Unreadable
            return text
        if operator == "between":
            ends = text.split(RANGE)
            if len(ends) != 2:
                raise Unreadable
            return tuple(self.read_one(end) for end in ends)
        return self.read_one(text)

    def read_one(self, text: str) -> Any:
        if self.choices and text not in self.choices:
            raise Unreadable
        return text

    def filter_queryset(self, queryset: QuerySet, operator: str, values: Sequence[Any]) -> QuerySet:
        raise NotImplementedError


class ConditionField(Field):
    """A few named conditions that no single column has."""

    def __init__(self, name: str, label: Text, conditions: Mapping[str, tuple[Text, Q]]) -> None:
        super().__init__(name, label, "choice")
        self.conditions = conditions

    @property
    def choices(self) -> Mapping[str, Text]:
        return {value: label for value, (label, _condition) in self.conditions.items()}

    def filter_queryset(self, queryset: QuerySet, operator: str, values: Sequence[Any]) -> QuerySet:
        condition = Q(pk__in=[])
        for value in values:
            condition |= self.conditions[value][1]
        return queryset.exclude(condition) if operator == "not" else queryset.filter(condition)


class ColumnField(Field):
    """A column, with the conditions of the API's filters."""

    api_kind = "string"

    def __init__(
        self, name: str, label: Text, kind: str, *, choices: Mapping[str, Text] | None = None, is_nullable: bool = False
    ) -> None:
        super().__init__(name, label, kind, (*KINDS[kind], *(WITHOUT_VALUE if is_nullable else ())))
        self.api_kind = kind if kind in FIELDS else "string"
        self.closed = choices or {}

    @property
    def choices(self) -> Mapping[str, Text]:
        return self.closed

    def read_one(self, text: str) -> Any:
        text = super().read_one(text)
        try:
            return FIELDS[self.api_kind]().clean(text)
        except ValidationError:
            raise Unreadable from None

    def filter_queryset(self, queryset: QuerySet, operator: str, values: Sequence[Any]) -> QuerySet:
        if operator in WITHOUT_VALUE:
            return queryset.filter(**{f"{self.name}__isnull": operator == "empty"})
        if operator == "between":
            return self.filter_queryset(self.filter_queryset(queryset, "min", [values[0][0]]), "max", [values[0][1]])
        if operator == "within":
            first, last = (self.read_one(day.isoformat()) for day in PERIODS[values[0]].days(timezone.localdate()))
            return self.filter_queryset(self.filter_queryset(queryset, "from", [first]), "until", [last])
        filter_class, lookup, negated = API_OPERATORS[self.api_kind][IN_API[operator]]
        one = filter_class(self.name, lookup, kind=self.api_kind, operator=IN_API[operator], negated=negated)
        return self.with_condition(one, queryset, list(values) if operator == "in" else values[0])

    def with_condition(self, one: ExactFilter, queryset: QuerySet, value: Any) -> QuerySet:
        return one.filter(queryset, value)


@dataclass(frozen=True, slots=True)
class ActiveFilter:
    """A filter of an address: `texts` as they stand there, `values` as they were read."""

    parameter: str
    field: Field
    operator: str
    texts: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A filter of an address that says nothing that could be asked. `field` and `operator` as far as they are known."""

    parameter: str
    text: str
    field: Field | None = None
    operator: str = ""


@dataclass(frozen=True, slots=True)
class ParsedFilters:
    """What an address asks for. With anything unread in it no row is shown: nobody should take the rest for the answer."""

    active: list[ActiveFilter] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.active or self.unread)

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        if self.unread:
            return queryset.none()
        for one in self.active:
            queryset = one.field.filter_queryset(queryset, one.operator, one.values)
        return queryset


@dataclass(frozen=True)
class Filters:
    """The table of one list. `aliases`: other names of filters, for addresses that are kept somewhere.

    `passed`: parameters of the page that are no filters.
    """

    fields: Mapping[str, Field]
    aliases: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Iterable[Field], aliases: Mapping[str, str] | None = None) -> "Filters":
        return cls({one.name: one for one in fields}, aliases or {})

    def read(self, sent: Mapping[str, Sequence[str]], passed: Iterable[str] = ()) -> ParsedFilters:
        """`sent` has a list of values for each parameter."""
        parsed = ParsedFilters()
        known = set(passed)
        for parameter, texts in sent.items():
            if parameter not in known and not parameter.startswith("_"):
                self._read_parameter(parsed, parameter, [text.strip() for text in texts])
        return parsed

    def split(self, parameter: str) -> tuple[Field | None, str]:
        name, _dot, operator = self.aliases.get(parameter, parameter).partition(".")
        known = self.fields.get(name)
        return known, operator or (known.plain if known else "")

    def _read_parameter(self, parsed: ParsedFilters, parameter: str, texts: list[str]) -> None:
        known, operator = self.split(parameter)
        if "." not in parameter:  # an empty field of a form asks nothing
            texts = [text for text in texts if text]
        if known is None or operator not in known.operators:
            if texts or known is None:
                parsed.unread.append(Unread(parameter, " ".join(texts), known, operator))
            return
        takes = OPERATORS[operator].takes
        if takes == "none":
            parsed.active.append(ActiveFilter(parameter, known, operator))
            return
        values = [_value(known, operator, text) for text in texts]
        wrong = [Unread(parameter, t, known, operator) for t, v in zip(texts, values, strict=True) if v is WRONG]
        if takes == "many" and (wrong or len(texts) > MOST_VALUES):
            parsed.unread.extend(wrong or [Unread(parameter, f"{len(texts)}", known, operator)])
        elif takes == "many" and texts:
            parsed.active.append(ActiveFilter(parameter, known, operator, tuple(texts), tuple(values)))
        else:
            parsed.unread.extend(wrong)
            for text, value in zip(texts, values, strict=True):
                if value is not WRONG:
                    parsed.active.append(ActiveFilter(parameter, known, operator, (text,), (value,)))


WRONG = object()


def _value(known: Field, operator: str, text: str) -> Any:
    if not text or len(text) > LONGEST or has_forbidden_characters(text):
        return WRONG
    try:
        return known.read(operator, text)
    except Unreadable:
        return WRONG
