"""Which customers are compared with each other at all: those that share a key.

A key is an identifying value, a rare word of name or address, two less rare words, or how a name sounds. A block (all that
share a key) that is too big is cut: its customers are compared if they share one more term. What is still too big then is
not compared by that key, and counted.
"""

import re
from collections.abc import Callable, Iterator
from itertools import combinations

from crm.duplicates.normalising import NAMES, Profile
from crm.duplicates.terms import number

RARE = 6  # a word that so many customers share is a key by itself: at most 15 pairs
BIGGEST = 50  # customers of a block: 1,225 pairs
WORDS = 8  # of these, the rarest, keys of two are made: at most 28
EXPECTED = 2  # customers of a block of two words if they came together by chance; 5 find 4 pairs more of 10,000, and compare twice as many
VOWELS = re.compile(r"(?<=.)[AEIOUYH]+")
TWICE = re.compile(r"(.)\1+")
SPACE = (1 << 63) - 1
IN_WORDS = tuple(NAMES.index(name) for name in ("customer_name", "primary_address"))
EMAIL = NAMES.index("email_id")
WHOLE = tuple(place for place in range(len(NAMES)) if place not in IN_WORDS)
Count = Callable[[int], int]


def sound(one: Profile) -> int | None:
    """Of the name without vowels, doubled letters and the order of its words: most typing errors are in these."""
    skeleton = "".join(sorted(TWICE.sub(r"\1", VOWELS.sub("", word)) for word in one[0]))
    return number(0, f"~{skeleton}") if len(skeleton) > 3 else None


def whole_terms(one: Profile) -> list[int]:
    """Of identifying values; of an e-mail not its domain, which many share."""
    return [number(place, term) for place in WHOLE for term in one[place] if not term.startswith("@")]


def word_terms(one: Profile) -> list[int]:
    """Of words of name and address, and of an e-mail's domain."""
    words = [number(place, word) for place in IN_WORDS for word in one[place]]
    return [*words, *(number(EMAIL, term) for term in one[EMAIL][1:])]


def terms(one: Profile) -> list[int]:
    """All that a customer is found by, each once."""
    heard = sound(one)
    return list(dict.fromkeys([*whole_terms(one), *word_terms(one), *([] if heard is None else [heard])]))


def keys(one: Profile, count: Count, customers: int) -> set[int]:
    found = set(whole_terms(one))
    heard = sound(one)
    if heard is not None:
        found.add(heard)
    common = []
    for term in set(word_terms(one)):
        n = count(term)
        if 2 <= n <= RARE:
            found.add(term)
        elif n > RARE:
            common.append((n, term))
    common.sort()
    for (m, first), (n, second) in combinations(common[:WORDS], 2):
        if m * n <= EXPECTED * customers:
            found.add(joined(first, second))
    return found


def joined(first: int, second: int) -> int:
    """The key of two terms, in whatever order."""
    low, high = (first, second) if first < second else (second, first)
    return (low * 0x9E3779B97F4A7C15 + high * 0xC2B2AE3D27D4EB4F) & SPACE


def cut(key: int, one: Profile, count: Count) -> Iterator[int]:
    """The keys of a customer within a block that is too big: its own and one more term each."""
    for term in {*terms(one)}:
        if term != key and count(term) > 1:
            yield joined(key, term)
