"""Exact decimals as people and programs write them."""

import re
from decimal import Decimal, InvalidOperation

# Python would also take 1_0, digits of other scripts and NaN.
WRITTEN = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
HUGE = 999_999_999  # an exponent that Decimal still holds and every range refuses


def read_decimal(text: str) -> Decimal:
    """The number that is written; `ValueError` if it is none."""
    if not WRITTEN.fullmatch(text):
        raise ValueError(text[:100])
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent that Decimal cannot hold; for any rule this one is as far out
        mantissa, _, exponent = text.lower().partition("e")
        return Decimal(f"{mantissa}e{'-' if exponent.startswith('-') else ''}{HUGE}")
