"""By which natural keys merged customers were known, and the survivor before: who still sends one of these reaches the survivor.

Only digests are stored. They stay when the values are erased, as the ids do, and go with the customer.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from crm.matching import KEYS, match_key
from crm.merged import survivors_of
from crm.models import MERGED, MergedKey
from overplane.database import statements

MERGED_KEYS = MergedKey._meta.db_table


def _number(name: str, key: str) -> int:
    """Of a `match_key`, as a signed number of 64 bits."""
    digest = hashlib.sha256(f"{name}\0{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def keep(customers: Sequence[Mapping[str, Any]], replaced: Mapping[str, Any]) -> None:
    """Of customers that were merged just now. `replaced`: what the survivor had where it took another value.

    That is noted with each of them, as it stays given up while one of them is part of the survivor.
    """
    held = [(one["id"], name, values.get(name)) for one in customers for values in (one, replaced) for name in KEYS]
    keys = {(merged_id, _number(name, match_key(name, value))) for merged_id, name, value in held if value is not None}
    MergedKey.objects.bulk_create([MergedKey(merged_id=merged_id, key=key) for merged_id, key in sorted(keys)])


def survivors(name: str, values: Collection[str]) -> dict[str, list[str]]:
    """By `match_key`: the customers that merged ones with such a value (or such an id) are part of now."""
    if name == "id":
        return {merged_id: [survivor] for merged_id, survivor in survivors_of(values).items()}
    if name not in KEYS:
        return {}
    keys = {_number(name, key): key for key in {match_key(name, value) for value in values}}
    by_key: dict[str, set[str]] = {}
    for part in statements.in_parts(sorted(keys)):
        sql = (
            f"SELECT stored.key, merged.customer_id FROM {MERGED_KEYS} stored JOIN {MERGED.name} merged"
            f" ON merged.id = stored.merged_id WHERE stored.key IN ({statements.marks(part)})"
        )
        for number, survivor in statements.rows(sql, part):
            by_key.setdefault(keys[number], set()).add(survivor)
    return {key: sorted(ids) for key, ids in by_key.items()}


class Former:
    """The survivors of merged customers that had one of these (attribute, value) when they were merged."""

    def __init__(self, matches: Iterable[tuple[str, str]]) -> None:
        by_name: dict[str, set[str]] = defaultdict(set)
        for name, value in matches:
            by_name[name].add(value)
        self.by_key = {
            (name, key): ids for name, values in by_name.items() for key, ids in survivors(name, values).items()
        }
        self.survivors = {one for ids in self.by_key.values() for one in ids}

    def of(self, name: str, value: str) -> list[str]:
        return self.by_key.get((name, match_key(name, value)), [])


def warning(name: str, survivor: str, lists: Iterable[str] = ()) -> str:
    left = f" Its {' and '.join(lists)} stay as they are: change them by its id." if lists else ""
    return f"The customer with this {name} was merged into {survivor}, which was changed instead.{left}"
