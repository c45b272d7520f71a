"""Terms as numbers, how often each occurs in this very table, and how much it says that two customers share it."""

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from math import log2

from crm.duplicates.normalising import NAMES, PHONE_KEY

# Counters for each customer, of a byte: some eleven terms, many of them shared, fill a quarter at most. Two terms that share a counter are taken for
# more common than they are, and an agreement in one of them says up to five bits less: that must stay rare.
SLOTS_EACH = 64
LEAST_SLOTS, MOST_SLOTS = 1 << 20, 1 << 28  # of the latter a table of more than five million fills more
FULL = 255  # what a byte counts to; of common terms there are few, so the rest is in a table
# What nobody else has is still not unique to these two: of all values that there could be we have seen a part only.
UNSEEN = 0.05
# A small table says little of how common a word is: it counts as if a thousand others without it were there.
OTHERS = 1000
MAX_BITS = 24.0  # as one in 16 million: a value that a person has typed proves no more
PHONE = NAMES.index("mobile_no")
SIGNS = "naxempst"  # one for each of `NAMES`, so that a word of a name is not one of an address
assert len(SIGNS) == len(NAMES)
Bits = Callable[[int, str], float]


def number(index: int, term: str) -> int:
    """A term of the attribute at this index as 63 bits, the same in every process."""
    if index == PHONE:
        term = term[-PHONE_KEY:]
    digest = blake2b(f"{SIGNS[index]}{term}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def slots(customers: int) -> int:
    """A power of two."""
    return min(MOST_SLOTS, max(LEAST_SLOTS, 1 << (SLOTS_EACH * customers).bit_length() >> 1))


class SeenProfiles:
    """Which profiles were read before, by their hashes: two bits each. One of five thousand is taken for a copy, and not counted."""

    def __init__(self, size: int) -> None:
        self.bits = bytearray(size)

    def is_first(self, number: int) -> bool:
        bits, size, is_new = self.bits, 8 * len(self.bits), False
        for number_of_bit in (number % size, (number >> 32) % size):
            slot, bit = number_of_bit >> 3, 1 << (number_of_bit & 7)
            if not bits[slot] & bit:
                bits[slot] |= bit
                is_new = True
        return is_new


class Frequencies:
    """How many different customers have each term: a sketch, of 32 to 64 bytes for each of so many customers."""

    def __init__(self, customers: int = 0) -> None:
        self.customers = 0
        self.slots = slots(customers)
        self.counts = bytearray(self.slots)
        self.above: dict[int, int] = {}  # whole counts, of the full ones

    def add(self, terms: list[int]) -> None:
        self.customers += 1
        counts, size = self.counts, self.slots
        for term in terms:
            slot = term % size
            if (count := counts[slot]) < FULL:
                counts[slot] = count + 1
            else:
                self.above[slot] = self.above.get(slot, FULL) + 1

    def count(self, term: int) -> int:
        slot = term % self.slots
        count = self.counts[slot]
        return count if count < FULL else self.above.get(slot, FULL)

    def common(self, least: int, most: int) -> dict[int, int]:
        """By slot, how many have each common term: what the table of terms would have to be read for. `least`: more than `FULL`."""
        chosen = [pair for pair in self.above.items() if pair[1] >= least]
        chosen.sort(key=lambda pair: -pair[1])
        return dict(chosen[:most])


def bits(count: int, customers: int) -> float:
    """How much it says that two customers share a term that so many of them have, these two among them."""
    return min(MAX_BITS, log2((customers + OTHERS) / (max(0, count - 2) + UNSEEN)))


def bits_of(count: Callable[[int], int], customers: int) -> Bits:
    @lru_cache(maxsize=200_000)  # words follow a steep law: nearly all look-ups hit
    def of(index: int, term: str) -> float:
        return bits(count(number(index, term)), customers)

    return of
