"""Which of the customers that share a key are likely one, with score and reasons."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from crm.duplicates import pairs
from crm.duplicates.comparing import Agreement, compare
from crm.duplicates.judging import Judge
from crm.duplicates.pairs import Compared
from crm.duplicates.profile_file import ProfileFile
from crm.duplicates.terms import Bits
from crm.duplicates.weighing import LIKELY, Model

# Copies of one customer that are all compared with each other; of more, each with the first: a thousand have 499,500 pairs.
MOST_COPIES = 20


class Scoring:
    """Customers by their numbers in a search. `copies`: those that are entered just as an earlier one, by that one."""

    def __init__(
        self,
        file: ProfileFile,
        *,
        copies: Mapping[int, list[int]],
        address_bits: "array[float]",
        model: Model,
        bits: Bits,
    ) -> None:
        self.file, self.copies, self.address_bits, self.model, self.bits = file, copies, address_bits, model, bits
        self.judge = Judge(model, bits)

    def of_copies(self) -> Iterator[Compared]:
        for first, others in self.copies.items():
            every = [first, *others]
            linked = combinations(every, 2) if len(every) <= MOST_COPIES else ((first, no) for no in others)
            profile = self.file.get(first).profile
            yield from self._scored(compare(profile, profile, self.bits), linked)

    def of(self, one: int, others: Sequence[int]) -> Iterator[Compared]:
        """Those of the others that are likely the same as this one, and all that are entered as either."""
        get, address_bits, judge = self.file.get, self.address_bits, self.judge
        profile, own = get(one).profile, address_bits[one]
        for other in others:
            if agreements := judge.agreements(profile, get(other).profile, min(own, address_bits[other])):
                yield from self._scored(agreements, self._with_copies(one, other))

    def _with_copies(self, one: int, other: int) -> Iterable[tuple[int, int]]:
        ones, others = [one, *self.copies.get(one, ())], [other, *self.copies.get(other, ())]
        if len(ones) + len(others) > MOST_COPIES:
            return [(one, other)]
        return [(a, b) for a in ones for b in others]

    def _scored(self, agreements: Sequence[Agreement], linked: Iterable[tuple[int, int]]) -> Iterator[Compared]:
        if (score := self.model.score(agreements)) < LIKELY:
            return
        why = pairs.reasons(self.model, agreements)
        for a, b in linked:
            first, second = self.file.get(a), self.file.get(b)
            yield Compared((first.id, first.hash), (second.id, second.hash), score, why)
