"""How likely two customers are one, by Fellegi and Sunter, with two more explanations why customers agree.

Two customers are *one*; or two at one *place* (a family, an office: address and phone agree, names do not); or two of one
*group* (shops of one name: names and contacts agree, places do not); or *strangers*, who agree by chance, as the bits of an
agreement say. Without the two in the middle each shared e-mail and each branch would be taken for a duplicate.

How often each level of agreement occurs among customers that are one, and how many pairs of each kind there are, is
estimated from the table itself by expectation maximisation, without labels. What is assumed before weighs as much as some
customers, and bounds the estimate, so that a table of two has a sensible answer too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log2
from typing import Any

from crm.duplicates.comparing import Agreement, Level
from crm.duplicates.normalising import NAMES

# A pair is shown if it is more likely than not; called nearly certain when one of thirty such pairs, at most, is none.
LIKELY, NEARLY_CERTAIN = 0.5, 0.97
ONE, PLACE, GROUP, STRANGERS = range(4)
Shares = tuple[float, ...]
CHANCE = -1.0  # as among strangers
# Share of each level (same, close, part, some, different) among customers that are one and both have a value.
ASSUMED: dict[str, Shares] = {
    "customer_name": (0.56, 0.22, 0.10, 0.08, 0.04),
    "primary_address": (0.45, 0.28, 0.12, 0.08, 0.07),
    "tax_id": (0.85, 0.10, 0.0, 0.0, 0.05),
    "email_id": (0.55, 0.10, 0.0, 0.10, 0.25),
    "mobile_no": (0.60, 0.10, 0.0, 0.0, 0.30),
    "website": (0.80, 0.0, 0.0, 0.0, 0.20),
    "customer_pos_id": (0.50, 0.05, 0.0, 0.0, 0.45),
    "supplier_numbers": (0.50, 0.0, 0.0, 0.0, 0.50),
}
# The same for two at one place and two of one group: same or close (values are misspelt as often as among those that are
# one), part, some, different.
RELATED: dict[str, tuple[Shares, Shares]] = {
    "customer_name": ((0.015, 0.03, 0.40, 0.55), (0.30, 0.15, 0.35, 0.20)),
    "primary_address": ((0.90, 0.08, 0.01, 0.01), (0.02, CHANCE, CHANCE, 1.0)),
    "tax_id": ((0.025, 0.0, 0.0, 0.975), (0.025, 0.0, 0.0, 0.975)),
    "email_id": ((0.15, 0.0, 0.15, 0.70), (0.25, 0.0, 0.40, 0.35)),
    "mobile_no": ((0.50, 0.0, 0.0, 0.50), (0.12, 0.0, 0.0, 0.88)),
    "website": ((0.30, 0.0, 0.0, 0.70), (0.70, 0.0, 0.0, 0.30)),
    "customer_pos_id": ((0.02, 0.0, 0.0, 0.98), (0.02, 0.0, 0.0, 0.98)),
    "supplier_numbers": ((0.02, 0.0, 0.0, 0.98), (0.05, 0.0, 0.0, 0.95)),
}
# Pairs of each kind for each customer, assumed as if seen at so many customers; and the most that is believed.
ASSUMED_PAIRS, AS_IF_CUSTOMERS, MOST_PAIRS = (0.04, 0.012, 0.012), 50, 5.0
AS_IF_PAIRS = 30.0  # that are one, in the shares of levels
BOUND = 1.5  # times as much or as little contradiction as assumed is believed
# How much less often than assumed two at one place, or of one group, are believed to agree in an attribute: in a table where
# thousands have one e-mail and no two of them one number, an equal number is no accident of a group.
LEAST_AGREEING = 1 / 50
OTHERS = 20  # a table is taken for so much larger than it is: the next customers are on their way
# Of learning, at most, and the change of any share below which it ends: pages show probabilities in whole percents.
ROUNDS, SETTLED = 25, 1e-3
LEAST = 0.002  # no level is impossible


def _smooth(shares: Iterable[float]) -> Shares:
    least = [max(share, LEAST) for share in shares]
    return tuple([share / sum(least) for share in least])


Related = tuple[Shares, Shares]  # of pairs at one place and of one group: how many agree, by attribute
ASSUMED_AGREEING: Related = (
    tuple(RELATED[name][0][0] for name in NAMES),
    tuple(RELATED[name][1][0] for name in NAMES),
)
# More often than assumed they may agree in all that does not tell them apart: a chain can have one tax number, and whole
# families one e-mail and one phone. Were the latter not believed, who has both in a table of families would be taken for one.
OFTEN = 0.8
MOST_AGREEING: Related = (
    tuple(
        OFTEN if name in ("email_id", "mobile_no", "website") else share
        for name, share in zip(NAMES, ASSUMED_AGREEING[0], strict=True)
    ),
    tuple(
        share if name in ("customer_name", "primary_address") else OFTEN
        for name, share in zip(NAMES, ASSUMED_AGREEING[1], strict=True)
    ),
)


@dataclass(frozen=True)
class Model:
    """`ones`: shares of levels by attribute, among those that are one. `pairs`: of each kind for each customer."""

    ones: tuple[Shares, ...]
    pairs: Shares
    customers: int
    agreeing: Related = ASSUMED_AGREEING

    @cached_property
    def related(self) -> tuple[tuple[Shares, ...], tuple[Shares, ...]]:
        return self._related(PLACE), self._related(GROUP)

    def _related(self, kind: int) -> tuple[Shares, ...]:
        shares = []
        for name, (same, close, *_rest), agree in zip(NAMES, self.ones, self.agreeing[kind - PLACE], strict=True):
            assumed, *others = RELATED[name][kind - PLACE]
            part, some, different = (
                one if one == CHANCE else max(LEAST, one * (1 - agree) / (1 - assumed)) for one in others
            )
            whole = same + close
            shares.append((agree * same / whole, agree * close / whole, part, some, different))
        return tuple(shares)

    def odds(self, agreements: Sequence[Agreement]) -> list[float]:
        """How likely each of the four kinds is, up to a common factor."""
        scale = 2 / (self.customers + OTHERS)
        one, place, group = self.pairs
        one, place, group, strangers = one * scale, place * scale, group * scale, 1.0
        places, groups = self.related
        for at, level, bits in agreements:
            chance = 2.0**-bits
            one *= self.ones[at][level]
            place *= places[at][level]
            share = groups[at][level]
            group *= chance if share == CHANCE else share
            strangers *= chance
        return [one, place, group, strangers]

    def score(self, agreements: Sequence[Agreement]) -> float:
        odds = self.odds(agreements)
        return odds[ONE] / sum(odds)

    def weights(self, agreements: Sequence[Agreement]) -> list[float]:
        """What each agreement says, in bits for (or, below zero, against) the two being one."""
        _, *others = self.odds(())  # how many of each kind there are, before anything is compared
        whole = sum(others)
        weights = []
        for at, level, bits in agreements:
            chance = 2.0**-bits
            either = [chance if (share := kind[at][level]) == CHANCE else share for kind in self.related]
            against = sum(odds / whole * share for odds, share in zip(others, [*either, chance], strict=True))
            weights.append(log2(self.ones[at][level] / against))
        return weights

    def packed(self) -> dict[str, Any]:
        return {"ones": self.ones, "pairs": self.pairs, "customers": self.customers, "agreeing": self.agreeing}


def unpacked(packed: Mapping[str, Any]) -> Model:
    place, group = packed["agreeing"]
    ones = tuple(tuple(shares) for shares in packed["ones"])
    return Model(ones, tuple(packed["pairs"]), packed["customers"], (tuple(place), tuple(group)))


def assumed(customers: int) -> Model:
    return Model(tuple(_smooth(ASSUMED[name]) for name in NAMES), ASSUMED_PAIRS, customers)


def estimate(sample: Sequence[Sequence[Agreement]], customers: int, scale: float = 1.0) -> Model:
    """`sample`: agreements of compared pairs, one in `scale` of all."""
    model = start = assumed(customers)
    for _ in range(ROUNDS):
        following = _next(model, start, sample, scale)
        change = max(
            abs(new - old)
            for after, before in zip(following.ones + following.agreeing, model.ones + model.agreeing, strict=True)
            for new, old in zip(after, before, strict=True)
        )
        model = following
        if change < SETTLED:
            break
    return model


def _next(model: Model, start: Model, sample: Sequence[Sequence[Agreement]], scale: float) -> Model:
    levels = [[AS_IF_PAIRS * share for share in shares] for shares in start.ones]
    pairs = [AS_IF_CUSTOMERS * count for count in ASSUMED_PAIRS]
    agreed = [[AS_IF_PAIRS * share for share in shares] for shares in ASSUMED_AGREEING]
    both_have = [[AS_IF_PAIRS] * len(NAMES) for _ in ASSUMED_AGREEING]
    for agreements in sample:
        odds = model.odds(agreements)
        whole = sum(odds)
        one, *related = (odds[kind] / whole for kind in (ONE, PLACE, GROUP))
        for kind, share in enumerate([one, *related]):
            pairs[kind] += scale * share
        for at, level, _bits in agreements:
            levels[at][level] += one
            for i, share in enumerate(related):
                both_have[i][at] += share
                agreed[i][at] += share if level <= Level.CLOSE else 0
    ones = [_bounded(counts, shares) for counts, shares in zip(levels, start.ones, strict=True)]
    per_customer = [min(MOST_PAIRS, count / (model.customers + AS_IF_CUSTOMERS)) for count in pairs]
    place, group = (_agreeing(i, agreed[i], both_have[i]) for i in (0, 1))
    return Model(tuple(ones), tuple(per_customer), model.customers, (place, group))


def _agreeing(i: int, agreed: Sequence[float], both_have: Sequence[float]) -> Shares:
    """Of pairs at one place (0) or of one group (1) that both have an attribute, how many agree in it, within the bounds."""
    bounds = zip(ASSUMED_AGREEING[i], MOST_AGREEING[i], strict=True)
    return tuple(
        min(most, max(share * LEAST_AGREEING, count / whole))
        for count, whole, (share, most) in zip(agreed, both_have, bounds, strict=True)
    )


def _bounded(counts: Sequence[float], shares: Shares) -> Shares:
    """Contradictions stay near what is assumed: else a table of families would teach that one customer has many first names."""
    whole = sum(counts)
    contradicting = [
        min(max(count / whole, share / BOUND), share * BOUND)
        for count, share in zip(counts[Level.SOME :], shares[Level.SOME :], strict=True)
    ]
    agreeing = counts[: Level.SOME]
    rest = (1 - sum(contradicting)) / sum(agreeing)
    return _smooth([*(count * rest for count in agreeing), *contradicting])


def agreement_word(level: Level) -> str:
    """The contract's three words."""
    return ("same", "alike", "alike", "alike", "different")[level]
