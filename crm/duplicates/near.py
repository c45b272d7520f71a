"""Customers that are similar to one, found by the table of terms: when it is changed, and while it is typed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.db import connection

from crm.duplicates import blocking, customers, search_state, term_table
from crm.duplicates.comparing import Agreement, compare
from crm.duplicates.normalising import Profile
from crm.duplicates.search_state import Estimates
from crm.duplicates.terms import Bits, bits, bits_of
from crm.duplicates.weighing import LIKELY, Model
from overplane.database import counters

MOST_HOLDERS = 500  # of a term
MOST_READ = (
    6_000  # of all terms: some ten milliseconds, however long a name and an address are (a usual one has eleven terms)
)
LOOKED_AT = 60  # candidates that are compared, those that share most: some milliseconds


class Near(NamedTuple):
    customer_id: str
    profile: Profile
    score: float
    agreements: list[Agreement]


class Likes:
    """`unless`: whoever is no candidate, as the customer itself."""

    def __init__(self, profile: Profile, *, unless: str | None = None) -> None:
        self.profile, self.unless = profile, unless
        self.estimates: Estimates = search_state.estimates()
        self.customers = counters.total(connection, "crm_customer")
        terms = blocking.terms(profile)
        most = min(MOST_HOLDERS, MOST_READ // max(1, len(terms)))
        self.holders = term_table.holders(self._rare_first(terms), most)
        self.bits: Bits = bits_of(self._count, self.customers)

    @property
    def model(self) -> Model:
        return self.estimates.model

    def _rare_first(self, terms: Sequence[int]) -> list[int]:
        return sorted(terms, key=lambda term: self.estimates.holders(term) or 0)

    def _count(self, term: int) -> int:
        """With this customer itself, whether it is stored already or not."""
        if common := self.estimates.holders(term):
            return common
        others = self.holders.get(term)
        if others is None:  # a term of a candidate only: it says little which
            return 2
        return len(others) + (self.unless not in others)

    def _candidates(self) -> list[str]:
        shared: dict[str, float] = defaultdict(float)
        for term, holders in self.holders.items():
            said = bits(self._count(term), self.customers)
            for customer_id in holders:
                shared[customer_id] += said
        shared.pop(self.unless or "", None)
        ordered = sorted(shared, key=lambda customer_id: -shared[customer_id])
        return ordered[:LOOKED_AT]

    def found(self, least: float = LIKELY) -> Iterator[Near]:
        """Those of at least this score, the most certain first."""
        profiles = customers.profiles(self._candidates())
        near = []
        for customer_id, profile in profiles.items():
            agreements = compare(self.profile, profile, self.bits)
            score = self.model.score(agreements)
            if score >= least:
                near.append(Near(customer_id, profile, score, agreements))
        yield from sorted(near, key=lambda one: (-one.score, one.customer_id))
