"""Filters in words: what stands in a chip, and what is said of a filter that cannot be read."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import formats, translation
from django.utils.text import capfirst
from django.utils.translation import gettext

from overplane.backoffice.filters import (
    KINDS,
    LONGEST,
    MOST_VALUES,
    OPERATORS,
    WITHOUT_VALUE,
    ActiveFilter,
    Field,
    Text,
    Unread,
)
from overplane.backoffice.list_pages import VIEW
from overplane.backoffice.periods import PERIODS
from overplane.queries.filter_values import DAY, Span


class Chip(NamedTuple):
    """A filter in use. `remove`: the address of the list without it; `parameter` and `texts` as they stand in the address."""

    label: str
    operator: str
    value: str
    remove: str
    parameter: str = ""
    texts: Sequence[str] = ()
    field: str = ""
    operator_name: str = ""
    is_wrong: bool = False

    @property
    def words(self) -> str:
        return " ".join(part for part in (self.label, self.operator, self.value) if part)


def active_chip(active: ActiveFilter, remove: str) -> Chip:
    name = active.field.name
    words = [_value_text(active.field, active.operator, value) for value in active.values]
    label, operator = capfirst(str(active.field.label)), str(OPERATORS[active.operator].label)
    return Chip(label, operator, ", ".join(words), remove, active.parameter, active.texts, name, active.operator)


def unread_chip(unread: Unread, remove: str) -> Chip:
    name = unread.field.name if unread.field else ""
    return Chip(
        _name(unread), "", unread.text, remove, unread.parameter, (unread.text,), name, unread.operator, is_wrong=True
    )


def _name(unread: Unread) -> str:
    if unread.parameter == VIEW:
        return gettext("View")
    return capfirst(str(unread.field.label)) if unread.field else unread.parameter


def _value_text(field: Field, operator: str, value: Any) -> str:
    if operator == "within":
        return str(PERIODS[value].label)
    if operator == "between":
        return gettext("%(first)s and %(last)s") % {"first": _one(field, value[0]), "last": _one(field, value[1])}
    return _one(field, value)


def _one(field: Field, value: Any) -> str:
    if field.choices:
        return str(field.choices[value])
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, Span):
        is_day = value.end is None or value.end - value.start == DAY
        if not is_day:
            return formats.date_format(value.start, "SHORT_DATETIME_FORMAT")
        return formats.date_format(value.start.date(), "SHORT_DATE_FORMAT")
    if isinstance(value, date):
        return formats.date_format(value, "SHORT_DATE_FORMAT")
    return formats.localize(value) if isinstance(value, int | Decimal) else str(value)


def problem(unread: Unread, known: Iterable[str]) -> str:
    """What is wrong with a filter, and what it would take."""
    if unread.parameter == VIEW:
        return gettext("This view is not there any more, or is not shared with you any more.")
    if unread.field is None:
        text = gettext("This list has no filter “%(name)s”. Its filters are: %(known)s.")
        return text % {"name": unread.parameter, "known": ", ".join(known)}
    if unread.operator not in unread.field.operators:
        text = gettext("The filter “%(name)s” has no comparison “%(operator)s”. It has: %(known)s.")
        known = ", ".join(unread.field.operators)
        return text % {"name": _name(unread), "operator": unread.operator, "known": known}
    expected = expectation(unread.field, unread.operator)
    values = {"name": _name(unread), "value": unread.text, "expected": expected}
    if not unread.text:
        return gettext("The filter “%(name)s” has no value. It expects %(expected)s.") % values
    return gettext("The filter “%(name)s” cannot be read: it expects %(expected)s, not “%(value)s”.") % values


def expectation(field: Field, operator: str) -> str:
    if operator == "within":
        return gettext("one of these: %s") % ", ".join(PERIODS)
    if operator == "in" and not field.choices:
        return gettext("at most %s values") % MOST_VALUES
    if operator == "between":
        texts = {
            "number": gettext("two numbers, as in 1..2.5"),
            "integer": gettext("two whole numbers, as in 1..5"),
        }
        return texts.get(field.kind) or gettext("two dates, as in 2024-01-15..2024-01-31")
    return _expected_one(field)


def _expected_one(field: Field) -> str:
    if field.choices:
        return gettext("one of these: %s") % ", ".join(field.choices)
    texts = {
        "boolean": gettext("true or false"),
        "number": gettext("a number, as in 12.5"),
        "integer": gettext("a whole number, as in 12"),
        "date": gettext("a date, as in 2024-01-15"),
        "timestamp": gettext("a date, as in 2024-01-15"),
    }
    return texts.get(field.kind) or gettext("a text of at most %s characters") % LONGEST


# For the panel in which a filter is made


class Choosable(NamedTuple):
    """A field as the panel offers it. `words`: what it may be searched by, in every language of the service.

    `operators` of a field that has others than its kind; `is_nullable` adds two.
    """

    name: str
    label: str
    kind: str
    operators: str
    is_nullable: bool
    words: str
    choices: dict[str, str]
    suggests: bool


def choosable(fields: Iterable[Field]) -> list[Choosable]:
    """All that people choose, by their label."""
    chosen = [
        Choosable(
            one.name,
            capfirst(str(one.label)),
            one.kind,
            "" if _usual(one) == KINDS[one.kind] else " ".join(one.operators),
            "empty" in one.operators,
            _in_every_language(one),
            _choices(one),
            one.suggests,
        )
        for one in fields
        if one.is_offered
    ]
    return sorted(chosen, key=lambda one: one.label.casefold())


def _usual(field: Field) -> tuple[str, ...]:
    return tuple(name for name in field.operators if name not in WITHOUT_VALUE)


def operators_of_kinds() -> dict[str, str]:
    return {kind: " ".join(names) for kind, names in KINDS.items()}


def _choices(field: Field) -> dict[str, str]:
    if field.kind == "boolean":
        return {"true": gettext("yes"), "false": gettext("no")}
    return {value: str(label) for value, label in field.choices.items()}


def _in_every_language(field: Field) -> str:
    here, words = translation.get_language(), set()
    for language, _label in settings.LANGUAGES:
        if language != here:
            with translation.override(language):
                words.add(str(field.label))
    return " ".join(sorted(words - {str(field.label)}))


class Offered(NamedTuple):
    name: str
    label: Text
    takes: str


def operators() -> list[Offered]:
    return [Offered(name, one.label, one.takes) for name, one in OPERATORS.items()]


def periods() -> dict[str, str]:
    return {name: str(period.label) for name, period in PERIODS.items()}
