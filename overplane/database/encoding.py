"""JSON as this service writes it: timestamps in whole seconds UTC with a Z, exact decimals as plain numbers."""

from decimal import Decimal
from typing import Any

import orjson

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS


def number(value: Decimal) -> int | float:
    """At most 15 digits (see NumberField), so the float's shortest text is the decimal's own."""
    return int(value) if value == value.to_integral_value() else float(value)


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return number(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=_default, option=OPTIONS)
