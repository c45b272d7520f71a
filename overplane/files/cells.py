"""What every format is read as: headings over numbered rows of text cells."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

# Longer than any attribute, whose own rule then reports the length; shorter than what an unclosed quote swallows.
LONGEST_CELL = 4 << 20
MOST_COLUMNS = 16_384  # as many as a sheet of Excel has
# The cell of a JSON object that has no such key.
ABSENT = "\0absent"
Row = tuple[int, list[str]]


@dataclass(slots=True)
class Table:
    """`unreadable`: columns whose cells are no single values, by heading, and what to tell whoever wants one of them.

    `nested`: by heading, the key of a list and the key inside of it that the column was made of.
    """

    headings: list[str]
    rows: Iterator[Row]
    is_sparse: bool = False  # cells may be ABSENT
    unreadable: dict[str, str] = field(default_factory=dict)
    nested: dict[str, tuple[str, str]] = field(default_factory=dict)


def text_of(value: Any) -> str:
    """A value of a typed file as a person would type it; what is no single value (see `Table.unreadable`) as JSON."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, (int, date, time, timedelta)):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _decimal(value: float) -> str:
    """All digits, no exponent: an identifier that was made a number stays readable."""
    if value.is_integer():
        return str(int(value))
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text
