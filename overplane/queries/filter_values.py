"""What the value of a filter may be: read from an address, where all values are texts, or with its JSON type."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_date, parse_datetime

from overplane.database.attributes import json_type
from overplane.database.moments import read_day
from overplane.database.numbers import read_decimal
from overplane.problems import MOST_REPORTED, Code, Errors, invalid, not_one_of

SECOND, MICROSECOND, DAY = timedelta(seconds=1), timedelta(microseconds=1), timedelta(days=1)
# Of a whole number: 64 bits hold all of these, and SQLite cannot be asked for more.
MOST_DIGITS = 18


class ValueField:
    """Reads a filter's value; `accepted` are the JSON types that it may have."""

    accepted: tuple[type, ...] = (str,)
    expected = "a string"
    takes_blanks = False

    def clean(self, value: Any) -> Any:
        if type(value) is str and not value.strip() and not self.takes_blanks:
            raise _blank()
        if type(value) not in self.accepted:
            hint = " To find what has no value use [is_null]." if value is None else ""
            raise invalid(Code.PARAMETER_INVALID_TYPE, f"Must be {self.expected}, not {json_type(value)}.{hint}")
        return self.read(value)

    def read(self, value: Any) -> Any:
        raise NotImplementedError


def _blank() -> ValidationError:
    return invalid(Code.PARAMETER_INVALID_EMPTY, "Must not be empty. To find what has no value use [is_null].")


class PartField(ValueField):
    """A part of a text, blanks and all."""

    takes_blanks = True

    def read(self, value: str) -> str:
        if not value:
            raise _blank()
        return value


class TextField(PartField):
    """A whole text, trimmed as every text is that is kept."""

    def read(self, value: str) -> str:
        return super().read(value.strip())


class ChoiceField(TextField):
    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = choices

    def read(self, value: str) -> str:
        text = super().read(value)
        if text not in self.choices:
            raise not_one_of(text, self.choices)
        return text


class TruthField(ValueField):
    accepted, expected = (str, bool), "true or false"

    def read(self, value: str | bool) -> bool:
        if value not in ("true", "false", True, False):
            raise invalid(Code.PARAMETER_INVALID_TYPE, "Must be true or false.")
        return value in ("true", True)


class NumberField(ValueField):
    accepted, expected = (str, int, Decimal), "a number"

    def read(self, value: str | int | Decimal) -> Decimal:
        try:
            number = read_decimal(value.strip()) if isinstance(value, str) else Decimal(value)
        except ValueError:
            raise invalid(Code.PARAMETER_INVALID_TYPE, "Must be a number, written like 12.5.") from None
        if len(number.as_tuple().digits) > 40 or abs(number.adjusted()) > 20:
            raise invalid(Code.PARAMETER_INVALID_RANGE, "Must be a number of at most twenty digits.")
        return number


class WholeNumberField(ValueField):
    accepted, expected = (str, int, Decimal), "a whole number"

    def read(self, value: str | int | Decimal) -> int:
        if isinstance(value, Decimal) and value.adjusted() < MOST_DIGITS and value == int(value):
            value = int(value)  # 5.0
        text = str(value)
        if not re.fullmatch(r"-?[0-9]+", text):
            raise invalid(Code.PARAMETER_INVALID_INTEGER, "Must be a whole number.")
        if len(text.lstrip("-")) > MOST_DIGITS:
            message = f"Must be a whole number of at most {MOST_DIGITS} digits."
            raise invalid(Code.PARAMETER_INVALID_RANGE, message)
        return int(text)


@dataclass(frozen=True, slots=True)
class Span:
    """The time that is meant: from `start` to before `end`; None if time ends first."""

    start: datetime
    end: datetime | None

    @classmethod
    def of(cls, start: datetime, length: timedelta) -> "Span":
        try:
            return cls(start, start + length)
        except OverflowError:
            return cls(start, None)


class MomentField(ValueField):
    """A day means all of it. A moment means its whole second, as timestamps are shown, unless it has a fraction."""

    def read(self, value: str) -> Span:
        text = value.strip()
        # In an address a plus that is not written %2B comes as a blank.
        text = text[:11] + text[11:].replace(" +", "+").replace(" ", "+")
        try:
            if day := parse_date(text):
                return Span.of(datetime.combine(day, time.min, UTC), DAY)
            moment = parse_datetime(text)
            if moment is None:
                raise ValueError
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            return Span.of(moment, MICROSECOND if moment.microsecond else SECOND)
        except (ValueError, OverflowError):
            message = "Must be a timestamp such as 2024-01-15T09:30:00Z, or a date."
            raise invalid(Code.PARAMETER_INVALID, message) from None


class DayField(ValueField):
    """A day of the calendar."""

    def read(self, value: str) -> date:
        try:
            return read_day(value.strip())
        except ValueError:
            raise invalid(Code.PARAMETER_INVALID, "Must be a date such as 2024-01-15.") from None


FIELDS: dict[str, type[ValueField]] = {
    "string": TextField,
    "boolean": TruthField,
    "number": NumberField,
    "integer": WholeNumberField,
    "timestamp": MomentField,
    "date": DayField,
}


class ListField:
    """Values separated by commas, in JSON also a list of values."""

    def __init__(self, inner: "ValueField | ListField", most: int) -> None:
        self.inner, self.most = inner, most

    def clean(self, value: Any) -> list[Any]:
        if type(value) not in (str, list):
            raise invalid(Code.PARAMETER_INVALID_TYPE, f"Must be a list, not {json_type(value)}.")
        elements = value if type(value) is list else split_list(value)
        if len(elements) > self.most:
            raise too_many(self.most)
        cleaned: list[Any] = []
        errors: Errors = {}
        for i, element in enumerate(elements):
            try:
                cleaned.append(self.inner.clean(element))
            except ValidationError as error:
                if len(errors) < MOST_REPORTED:
                    errors[f"[{i}]"] = [error]
        if not errors:
            return cleaned
        if type(value) is list:
            raise ValidationError(errors)
        path, (first,) = next(iter(errors.items()))
        raise invalid(Code(str(first.code)), f"Value {int(path[1:-1]) + 1} of the list: {first.message}")


def too_many(most: int) -> ValidationError:
    return invalid(Code.PARAMETER_INVALID_RANGE, f"At most {most:,} values are read. Ask in several requests.")


QUOTED = re.compile(r'[ \t]*"((?:[^"]|"")*+)"[ \t]*')


def split_list(text: str) -> list[str]:
    """The values of a comma-separated list, written as in CSV: in double quotes if there are commas in it, quotes then twice."""
    values: list[str] = []
    start = 0
    while True:
        quoted = QUOTED.match(text, start)
        if quoted:
            value, end = quoted[1].replace('""', '"'), quoted.end()
        else:
            end = text.find(",", start)
            end = len(text) if end < 0 else end
            value = text[start:end].strip()
            if value.startswith('"'):
                raise invalid(Code.PARAMETER_INVALID, f"The double quote of value {len(values) + 1} is never closed.")
        if end < len(text) and text[end] != ",":
            message = f"A comma must follow the closing double quote of value {len(values) + 1}; a quote inside it stands twice."
            raise invalid(Code.PARAMETER_INVALID, message)
        values.append(value)
        if end == len(text):
            return values
        start = end + 1
