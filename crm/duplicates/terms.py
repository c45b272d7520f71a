"""Terms as numbers, how often each occurs in this very table, and how much it says that two customers share it."""

from array import array
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from math import log2

from crm.duplicates.normalising import NAMES, PHONE_KEY

SLOTS = (
    1 << 22
)  # counters of the sketch: 16 MB. Two terms that share one are taken for a little more common than they are
# What nobody else has is still not unique to these two: of all values that there could be we have seen a part only.
UNSEEN = 0.05
# A small table says little of how common a word is: it counts as if a thousand others without it were there.
OTHERS = 1000
MAX_BITS = 24.0
PHONE = NAMES.index("mobile_no")
SIGNS = "naxempst"  # one for each of `NAMES`, so that a word of a name is not one of an address
assert len(SIGNS) == len(NAMES)
Bits = Callable[[int, str], float]


def number(place: int, term: str) -> int:
    """A term of the attribute at this place as 63 bits, the same in every process."""
    if place == PHONE:
        term = term[-PHONE_KEY:]
    digest = blake2b(f"{SIGNS[place]}{term}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class Frequencies:
    """How many different customers have each term, in a few megabytes whatever the size of the table."""

    def __init__(self) -> None:
        self.customers = 0
        self.counts = array("I", bytes(4 * SLOTS))

    def add(self, terms: list[int]) -> None:
        self.customers += 1
        for term in terms:
            self.counts[term % SLOTS] += 1

    def count(self, term: int) -> int:
        return self.counts[term % SLOTS]

    def common(self, least: int, most: int) -> dict[int, int]:
        """By slot, how many have each common term: what the table of terms would have to be read for."""
        slots = [slot for slot, count in enumerate(self.counts) if count >= least]
        slots.sort(key=lambda slot: -self.counts[slot])
        return {slot: self.counts[slot] for slot in slots[:most]}


def bits(count: int, customers: int) -> float:
    """How much it says that two customers share a term that so many of them have, these two among them."""
    return min(MAX_BITS, log2((customers + OTHERS) / (max(0, count - 2) + UNSEEN)))


def bits_of(count: Callable[[int], int], customers: int) -> Bits:
    @lru_cache(maxsize=200_000)  # words follow a steep law: nearly all look-ups hit
    def of(place: int, term: str) -> float:
        return bits(count(number(place, term)), customers)

    return of
