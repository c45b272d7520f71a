"""Reading days and moments as people and programs write them: ISO 8601, in UTC unless they say otherwise."""

import re
from datetime import UTC, date, datetime

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# What spreadsheets make of a day.
MIDNIGHT = re.compile(r"[T ]00:00(:00(\.0+)?)?(Z|\+00:00)?$")


def read_day(text: str) -> date:
    """Raises `ValueError`."""
    text = MIDNIGHT.sub("", text)
    if not DAY.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def read_moment(text: str) -> datetime:
    """In whole seconds, as answers show it. Raises `ValueError`."""
    return read_exact_moment(text).replace(microsecond=0)


def read_exact_moment(text: str) -> datetime:
    """With its microseconds. A day is its first moment. Raises `ValueError`."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:  # before the year 1 or after 9999 in UTC
        raise ValueError(text) from None
