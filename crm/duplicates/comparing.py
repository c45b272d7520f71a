"""How two profiles agree, attribute by attribute: a level, and what is shared in bits.

An agreement in `n` bits is one that two strangers have by chance in one of 2 ** n cases.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from rapidfuzz.distance import OSA

from crm.duplicates.normalising import NAMES, Profile, Terms
from crm.duplicates.terms import Bits
from overplane.database.text import NOT_DIGIT

CLOSE = 0.7  # share of letters that stay in a word with typing errors: one of four, two of seven
SHORTEST_CLOSE = 3  # letters; of shorter words each is close to too many
INITIAL, INITIAL_BITS = 0.01, 10.0  # a letter for a word: worse than each typing error
ONE_DIGIT = 0.8  # as similar as words with one error in five letters
TYPO_BITS = 3.0  # there are some eight words near a word
CLOSE_BITS = 8.0  # by which a number that differs in one digit says less: so many others are as near
JOINED = 0.88  # of names that are written in one word or in two
# Of what a name or an address says: a surname, a street without its number, a town.
NAME_SHARE, ADDRESS_SHARE, TOWN_SHARE = 0.3, 0.7, 0.3
ALL = 0.999  # of it: a sum of floats is rarely exactly 1
# What two share beside a contradiction is one thing, as a town or a surname is, in however many words it is said.
SOME_BITS = 8.0


class Level(IntEnum):
    SAME = 0
    CLOSE = 1  # written otherwise, or with a typing error
    PART = 2  # one has more than the other
    SOME = 3  # something is shared, and something else contradicts
    DIFFERENT = 4


class Agreement(NamedTuple):
    attribute: int  # index in `NAMES`
    level: Level
    bits: float


class Overlap(NamedTuple):
    """`all_*`: bits of everything; `close`: how many words were matched that are not equal."""

    shared: float
    first_share: float
    second_share: float
    close: int


def overlap(index: int, one: Terms, other: Terms, bits: Bits) -> Overlap:
    both = set(one).intersection(other)
    shared = sum([bits(index, word) for word in both])
    rest = [word for word in one if word not in both]
    others = [word for word in other if word not in both]
    covered_one = covered_other = shared
    close = 0
    left_one = left_other = 0.0
    for word in rest:
        own = bits(index, word)
        match = _closest(word, others) if others else None
        if match is None:
            left_one += own
            continue
        near, less = match
        others.remove(near)
        theirs = bits(index, near)
        close += 1
        shared += max(0.5, min(own, theirs) - less)
        covered_one += own
        covered_other += theirs
    left_other = sum([bits(index, word) for word in others])
    return Overlap(
        shared, covered_one / (covered_one + left_one or 1), covered_other / (covered_other + left_other or 1), close
    )


def _closest(word: str, others: list[str]) -> tuple[str, float] | None:
    """Which of the others is this word with a typing error or shortened, and by how many bits that says less.

    Most time of a search is spent here: so each pair of words is judged without a call, the rarest test last.
    """
    length = len(word)
    if word.isdecimal():
        return _closest_number(word, length, others)
    if length < SHORTEST_CLOSE:
        return _initial(word, others) if length == 1 else None
    best, best_similarity, begin = None, 0.0, word[0]
    cutoff, most = (CLOSE, int(length * (1 / CLOSE - 1)) + 1) if length > 3 else (0.66, 2)
    for other in others:
        others_length = len(other)
        if other[0] != begin and (others_length - length > most or length - others_length > most):
            continue  # too many letters more or less, and no shortened word
        if others_length < SHORTEST_CLOSE or other.isdecimal():
            if others_length == 1 and other == begin and not best and word.isalpha():
                best, best_similarity = other, INITIAL
            continue
        similarity = OSA.normalized_similarity(word, other, score_cutoff=cutoff)
        if similarity < CLOSE and begin == other[0] and (word.startswith(other) or other.startswith(word)):
            similarity = CLOSE
        if similarity > best_similarity and _digits(word) == _digits(other):
            best, best_similarity = other, similarity
    if best is None:
        return None
    if best_similarity == INITIAL:
        return best, INITIAL_BITS
    return best, TYPO_BITS + 8 * (1 - best_similarity)


def _closest_number(word: str, length: int, others: list[str]) -> tuple[str, float] | None:
    if length > 3:
        for other in others:
            if other.isdecimal() and len(other) > 3 and OSA.distance(word, other, score_cutoff=1) <= 1:
                return other, TYPO_BITS + 8 * (1 - ONE_DIGIT)
    return None


def _initial(word: str, others: list[str]) -> tuple[str, float] | None:
    """Which of the others a single letter may stand for."""
    if word.isalpha():
        for other in others:
            if other[0] == word and not other.isdecimal():
                return other, INITIAL_BITS
    return None


def _digits(word: str) -> str:
    """`Shop7` and `Shop8` are no typing errors of each other."""
    return "" if word.isalpha() else NOT_DIGIT.sub("", word)


def _name(index: int, one: Terms, other: Terms, bits: Bits) -> Agreement:
    words = overlap(index, one, other, bits)
    least, most = sorted((words.first_share, words.second_share))
    if least > ALL:
        return Agreement(index, Level.CLOSE if words.close else Level.SAME, words.shared)
    first, second = "".join(one), "".join(other)
    if OSA.normalized_similarity(first, second, score_cutoff=JOINED) >= JOINED and not _numbers_differ(one, other):
        weight = max(words.shared, 0.5 * min(sum([bits(index, w) for w in one]), sum([bits(index, w) for w in other])))
        return Agreement(index, Level.CLOSE, weight)
    if most > ALL:
        return Agreement(index, Level.PART, words.shared)
    return _contradicted(index, words.shared, is_some=most >= NAME_SHARE)


def _numbers_differ(one: Terms, other: Terms) -> bool:
    return {w for w in one if not w.isalpha()} != {w for w in other if not w.isalpha()}


def _address(index: int, one: Terms, other: Terms, bits: Bits) -> Agreement:
    words = overlap(index, one, other, bits)
    least, most = sorted((words.first_share, words.second_share))
    if least > ALL:
        return Agreement(index, Level.CLOSE if words.close else Level.SAME, words.shared)
    if most > ALL or least >= ADDRESS_SHARE:
        return Agreement(index, Level.CLOSE if least >= ADDRESS_SHARE else Level.PART, words.shared)
    if most >= ADDRESS_SHARE:
        return Agreement(index, Level.PART, words.shared)
    return _contradicted(index, words.shared, is_some=most >= TOWN_SHARE)


def _contradicted(index: int, shared: float, *, is_some: bool) -> Agreement:
    return Agreement(index, Level.SOME, min(shared, SOME_BITS)) if is_some else Agreement(index, Level.DIFFERENT, 0.0)


def _code(index: int, one: Terms, other: Terms, bits: Bits) -> Agreement:
    if one[0] == other[0]:
        return Agreement(index, Level.SAME, bits(index, one[0]))
    # Numbers are given out in sequence: the last digit tells neighbours apart.
    is_typo = len(one[0]) > 5 and one[0][:-1] != other[0][:-1] and OSA.distance(one[0], other[0], score_cutoff=1) <= 1
    if is_typo:
        return Agreement(index, Level.CLOSE, max(1.0, min(bits(index, one[0]), bits(index, other[0])) - CLOSE_BITS))
    return Agreement(index, Level.DIFFERENT, 0.0)


def _email(index: int, one: Terms, other: Terms, bits: Bits) -> Agreement:
    if one[0] == other[0]:
        return Agreement(index, Level.SAME, bits(index, one[0]))
    if OSA.distance(one[0], other[0], score_cutoff=2) <= 2 and len(one[0]) > 10 and not _sequence(one[0], other[0]):
        return Agreement(index, Level.CLOSE, max(1.0, bits(index, one[0]) - CLOSE_BITS))
    if one[1] == other[1]:
        return Agreement(index, Level.SOME, bits(index, one[1]))
    return Agreement(index, Level.DIFFERENT, 0.0)


def _sequence(one: str, other: str) -> bool:
    """`info7@` and `info8@`: numbered addresses are different ones."""
    return _digits(one) != _digits(other) and one.translate(NO_DIGITS) == other.translate(NO_DIGITS)


NO_DIGITS = dict.fromkeys(map(ord, "0123456789"))


def _phones(index: int, one: Terms, other: Terms, bits: Bits) -> Agreement:
    for number in one:
        for second in other:
            if number.endswith(second) or second.endswith(number):
                return Agreement(index, Level.SAME, bits(index, number))
    if OSA.distance(one[0], other[0], score_cutoff=1) <= 1:
        return Agreement(index, Level.CLOSE, max(1.0, bits(index, one[0]) - CLOSE_BITS - 4))
    return Agreement(index, Level.DIFFERENT, 0.0)


def _any(index: int, one: Terms, other: Terms, bits: Bits) -> Agreement:
    if shared := [bits(index, term) for term in set(one).intersection(other)]:
        return Agreement(index, Level.SAME, max(shared))
    return Agreement(index, Level.DIFFERENT, 0.0)


Compare = Callable[[int, Terms, Terms, Bits], Agreement]
BY_ATTRIBUTE: dict[str, Compare] = {
    "customer_name": _name,
    "primary_address": _address,
    "tax_id": _code,
    "email_id": _email,
    "mobile_no": _phones,
    "website": _any,
    "customer_pos_id": _any,
    "supplier_numbers": _any,
}
COMPARE = tuple(BY_ATTRIBUTE[name] for name in NAMES)


def compare(one: Profile, other: Profile, bits: Bits) -> list[Agreement]:
    """Of each attribute that both have."""
    return [
        COMPARE[index](index, first, second, bits)
        for index, (first, second) in enumerate(zip(one, other, strict=True))
        if first and second
    ]
