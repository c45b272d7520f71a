"""Identifiers: a prefix, then 55 bits of time and 75 random bits, so that they sort by age and cannot be guessed."""

import re
import secrets
import time
from functools import cache

DIGITS = "0123456789abcdefghijklmnopqrstuv"
# Two base-32 digits at a time: an import makes a million identifiers in a row.
PAIRS = [high + low for high in DIGITS for low in DIGITS]
PAIR_SHIFTS = range(120, -1, -10)
RANDOM_BITS = 75


def new_id(prefix: str) -> str:
    """`prefix` + "_" + 26 of `[0-9a-v]`; the first eleven are microseconds since 1970."""
    number = (time.time_ns() // 1000) << RANDOM_BITS | secrets.randbits(RANDOM_BITS)
    return prefix + "_" + "".join([PAIRS[number >> shift & 1023] for shift in PAIR_SHIFTS])


def new_ids(prefix: str, count: int) -> list[str]:
    """Many at once, in ascending order: the clock and the source of randomness are asked once."""
    start, width = time.time_ns() // 1000, (RANDOM_BITS + 7) // 8
    noise, mask = secrets.token_bytes(width * count), (1 << RANDOM_BITS) - 1
    ids = []
    for i in range(count):
        number = (start + i) << RANDOM_BITS | int.from_bytes(noise[i * width : i * width + width]) & mask
        ids.append(prefix + "_" + "".join([PAIRS[number >> shift & 1023] for shift in PAIR_SHIFTS]))
    return ids


def sortable(number: int, digits: int) -> str:
    """`number` in base 32, zero-padded: texts of the same length sort as their numbers do."""
    out = ""
    while number:
        number, digit = divmod(number, 32)
        out = DIGITS[digit] + out
    return out.rjust(digits, "0")


@cache
def _pattern(prefix: str) -> re.Pattern[str]:
    return re.compile(re.escape(prefix) + r"_[0-9A-Za-z]{1,64}", re.ASCII)


def is_id(prefix: str, text: str) -> bool:
    """Could `text` be an identifier with this prefix, minted here or brought by an import?"""
    return _pattern(prefix).fullmatch(text) is not None
