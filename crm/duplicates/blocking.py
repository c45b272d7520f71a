"""Which customers are compared with each other at all: those that share a key.

A key is an identifying value, a rare word of name or address, how a name sounds, or two of these that are less rare. A block
(all that share a key) that is too big is cut: its customers are compared if they share one more term. What is still too big
then is not compared by that key, and counted.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any

from crm.duplicates.normalising import NAMES, Profile
from crm.duplicates.terms import number

RARE = 6  # a word that so many customers share is a key by itself: at most 15 pairs
ALONE = 12  # the same of an identifying value, and of how a name sounds: at most 66 pairs
BIGGEST = 50  # customers of a block: 1,225 pairs
COMMON = 8  # of these terms, the rarest, keys of two are made: at most 28
EXPECTED = 2  # customers of a block of two terms if they came together by chance; 5 find 4 pairs more of 10,000, and compare twice as many
VOWELS = re.compile(r"(?<=.)[AEIOUYH]+")
TWICE = re.compile(r"(.)\1+")
SPACE = (1 << 63) - 1
IN_WORDS = tuple(NAMES.index(name) for name in ("customer_name", "primary_address"))
NAME, EMAIL = NAMES.index("customer_name"), NAMES.index("email_id")
SOUND = "~"  # begins how a name sounds; no word does
WHOLE = tuple(index for index in range(len(NAMES)) if index not in IN_WORDS)
Count = Callable[[int], int]


def sound(one: Profile) -> str | None:
    """Of the name without vowels, doubled letters and the order of its words: most typing errors are in these."""
    skeleton = "".join(sorted(TWICE.sub(r"\1", VOWELS.sub("", word)) for word in one[NAME]))
    return f"{SOUND}{skeleton}" if len(skeleton) > 3 else None


def whole_terms(one: Profile) -> list[tuple[int, str]]:
    """Identifying values, each with its index; of an e-mail not its domain, which many share."""
    return [(index, term) for index in WHOLE for term in one[index] if not term.startswith("@")]


def word_terms(one: Profile) -> list[tuple[int, str]]:
    """Words of name and address, and an e-mail's domain."""
    words = [(index, word) for index in IN_WORDS for word in one[index]]
    return [*words, *((EMAIL, term) for term in one[EMAIL][1:])]


def _texts(one: Profile) -> Iterator[tuple[int, int, str]]:
    """The most that make it a key, where it is from, the term."""
    for index, word in set(word_terms(one)):
        yield RARE, index, word
    for index, term in whole_terms(one):
        yield ALONE, index, term
    if heard := sound(one):
        yield ALONE, NAME, heard


def terms(one: Profile) -> list[int]:
    """All that a customer is found by, each once."""
    heard = sound(one)
    texts = [*whole_terms(one), *word_terms(one), *([] if heard is None else [(NAME, heard)])]
    return list(dict.fromkeys([number(index, text) for index, text in texts]))


def keys(one: Profile, count: Count, customers: int) -> set[int]:
    chosen, common = set(), []
    for most, index, text in _texts(one):
        term = number(index, text)
        n = count(term)
        if 2 <= n <= most:
            chosen.add(term)
        elif n > most:
            common.append((n, term, index, text))
    common.sort()
    for (m, first, *of_first), (n, second, *of_second) in combinations(common[:COMMON], 2):
        if m * n <= EXPECTED * customers and not _say_the_same(of_first, of_second):
            chosen.add(joined(first, second))
    return chosen


def _say_the_same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """A domain and the name that it is of, or a name's word and its sound, come together in hundreds of customers."""
    (index, text), (other_index, other_text) = one, other
    if index == other_index == NAME:
        return text[0] == SOUND or other_text[0] == SOUND
    return (index == EMAIL and other_text in text) or (other_index == EMAIL and text in other_text)


def joined(first: int, second: int) -> int:
    """The key of two terms, in whatever order."""
    low, high = (first, second) if first < second else (second, first)
    return (low * 0x9E3779B97F4A7C15 + high * 0xC2B2AE3D27D4EB4F) & SPACE


def cut(key: int, one: Profile, count: Count) -> Iterator[int]:
    """The keys of a customer within a block that is too big: its own and one more term each."""
    for term in {*terms(one)}:
        if term != key and count(term) > 1:
            yield joined(key, term)
