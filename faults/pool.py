"""The customers that clients believe to exist, and the unique words by which every value can be traced to its customer."""

import random
import threading
from dataclasses import dataclass, field

LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
TRACKED = ("customer_name", "first_name", "territory", "industry")  # what the workload changes of customers
MERGED = frozenset("abcdefgh")  # a word that ends in one of these, as a quarter do: only such customers are ever merged
UPSERTED = 12
HOT = 6  # so many customers get half of all calls: that is where clients meet


def token(dice: random.Random) -> str:
    """A word that stands in every value of one customer."""
    return "tok" + "".join(dice.choices(LETTERS, k=12))


@dataclass(slots=True)
class Known:
    id: str
    token: str
    version: int = 0
    rows: list[str] = field(default_factory=list)


class Pool:
    """`upserted`: the words of customers that come by upserts only, with the word as their tax id; never merged ones."""

    def __init__(self, dice: random.Random) -> None:
        self.upserted = [token(dice)[:-1] + dice.choice("mnpqrs") for _ in range(UPSERTED)]
        self._known: dict[str, Known] = {}
        self._merges: list[tuple[str, list[str]]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._known)

    def put(self, known: Known) -> None:
        with self._lock:
            self._known[known.id] = known

    def forget(self, customer_id: str) -> None:
        with self._lock:
            self._known.pop(customer_id, None)

    def pick(self, dice: random.Random) -> Known | None:
        with self._lock:
            known = list(self._known.values())
        if not known:
            return None
        return dice.choice(known[:HOT] if dice.random() < 0.5 else known)

    def several(self, dice: random.Random, count: int) -> list[Known]:
        with self._lock:
            known = list(self._known.values())
        return dice.sample(known, min(count, len(known)))

    def to_merge(self, dice: random.Random, count: int) -> list[Known]:
        """Always of the same few: whoever was in a merge is no register of its own any more."""
        with self._lock:
            known = [one for one in self._known.values() if one.token[-1] in MERGED]
        return dice.sample(known, min(count, len(known)))

    def merged(self, survivor: str, others: list[Known]) -> None:
        with self._lock:
            self._merges.append((survivor, [one.id for one in others]))
        for one in others:
            self.forget(one.id)

    def merge(self, dice: random.Random) -> tuple[str, list[str]] | None:
        """One that may be taken back."""
        with self._lock:
            return self._merges.pop(dice.randrange(len(self._merges))) if self._merges else None
