"""Groups of customers that are one, from pairs, without chaining strangers together.

The surest pairs come first. Two groups become one only if more than half of the pairs between them were found: a customer
that is like one member of a group, but not like the others, does not draw two groups together.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from crm.models import DuplicatePair, PairState

ENOUGH = 0.6  # of the pairs between two groups
STAR = 19  # links of a customer with so many copies that these are linked with it only
MOST_PAIRS = 200_000  # that are grouped at once, the surest; the list of pairs has all


class Group(NamedTuple):
    """Oldest id first. `score`: of the weakest pair that holds it together."""

    score: float
    ids: tuple[str, ...]


def grouped(scored: Iterable[tuple[str, str, float]]) -> list[Group]:
    """`scored`: pairs and their scores, the surest first."""
    scored = list(scored)
    links: dict[str, set[str]] = defaultdict(set)
    for one, other, _ in scored:
        links[one].add(other)
        links[other].add(one)
    members: dict[str, list[str]] = {}
    score: dict[int, float] = {}
    for one, other, certainty in scored:
        ones, others = members.setdefault(one, [one]), members.setdefault(other, [other])
        if ones is others:
            continue
        small, large = sorted((ones, others), key=len)
        found = sum(len(links[member].intersection(large)) for member in small)
        if found < ENOUGH * len(small) * len(large) and not _is_star(small, large, links):
            continue
        large += small
        for member in small:
            members[member] = large
        score[id(large)] = min(certainty, score.pop(id(small), 1.0), score.get(id(large), 1.0))
    unique = {id(group): group for group in members.values() if len(group) > 1}
    listed = [Group(score[key], tuple(sorted(group))) for key, group in unique.items()]
    return sorted(listed, key=lambda group: (-group.score, group.ids))


def _is_star(small: list[str], large: list[str], links: dict[str, set[str]]) -> bool:
    """Many copies of one customer: each is only linked with the first."""
    return len(small) == 1 and len(links[small[0]]) == 1 and len(large) > 1 and _is_hub(small[0], large, links)


def _is_hub(leaf: str, large: list[str], links: dict[str, set[str]]) -> bool:
    (hub,) = links[leaf]
    return (
        len(links[hub]) >= STAR and hub in large and links[hub].issuperset(member for member in large if member != hub)
    )


def groups(*, limit: int) -> tuple[list[Group], int]:
    """The surest groups of open pairs, and how many there are."""
    open_pairs = DuplicatePair.objects.filter(state=PairState.OPEN).order_by("-score", "id")
    rows = open_pairs.values_list("first_id", "second_id", "score")[:MOST_PAIRS]
    listed = grouped((str(one), str(other), score) for one, other, score in rows.iterator())
    return listed[:limit], len(listed)
