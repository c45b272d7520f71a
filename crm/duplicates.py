"""Customers that are likely the same: same tax id, e-mail or phone when written alike, same or nearly the same name.

Keys are made in Python, one rule for both databases, and grouped by the database: one pass over
the customers and one `GROUP BY`, instead of comparing each with each.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import connection, transaction

from crm import search
from crm.models import Customer
from overplane.database import counters
from overplane.database.dialect import is_postgresql
from overplane.database.text import NOT_WORD, fold

COMPARED = ("customer_name", "tax_id", "email_id", "mobile_no")
# The strongest sign first.
REASONS = ("tax_id", "email_id", "customer_name", "mobile_no", "similar_name")
# A key that more customers share is a switchboard or a common name, not one customer entered twice.
MOST = 10
SIMILAR = 0.5
BATCH_SIZE = 20_000
LEGAL_FORM = re.compile(
    "AB|AG|AND|AS|BV|CO|COMPANY|CORP|CORPORATION|EG|EV|GBR|GMBH|INC|INCORPORATED|KG|KGAA|LIMITED|LLC|LLP|LTD|MBH|NV|OHG|OY"
    "|PLC|PTY|SA|SARL|SAS|SE|SL|SPA|SRL|THE|UG|UND"
)
NOT_KEY = re.compile(r"[^0-9A-Z]+")
NOT_DIGIT = re.compile(r"[^0-9]+")
VOWELS = re.compile(r"(?<=.)[AEIOUY]+")
TWICE = re.compile(r"(.)\1+")


@dataclass(frozen=True, slots=True)
class Group:
    """Customers that are likely one, oldest first, and why."""

    reasons: tuple[str, ...]
    ids: tuple[str, ...]


def _name_words(name: str) -> list[str]:
    words = NOT_WORD.sub(" ", fold(name)).split()
    return [word for word in words if not LEGAL_FORM.fullmatch(word)] or words


def _name_key(name: str) -> str | None:
    return " ".join(sorted(_name_words(name))) or None


def _sound_key(name: str) -> str | None:
    """The name without vowels and doubled letters: most typing errors are in these."""
    skeleton = TWICE.sub(r"\1", VOWELS.sub("", "".join(_name_words(name))))
    return skeleton if len(skeleton) > 3 else None


def _tax_key(tax_id: str) -> str | None:
    key = NOT_KEY.sub("", fold(tax_id))
    return key if len(key) > 4 else None


def _phone_key(phone: str) -> str | None:
    """The last eight digits: with and without the country's and the area's prefix zeros."""
    digits = NOT_DIGIT.sub("", phone)
    return digits[-8:] if len(digits) > 6 else None


KEYS: dict[str, tuple[str, Callable[[str], str | None]]] = {
    "tax_id": ("tax_id", _tax_key),
    "email_id": ("email_id", fold),
    "customer_name": ("customer_name", _name_key),
    "mobile_no": ("mobile_no", _phone_key),
    "similar_name": ("customer_name", _sound_key),
}


def keys(values: Mapping[str, Any]) -> dict[str, str]:
    """What this customer shares with its duplicates, by reason."""
    by_reason = {reason: key(values[name]) for reason, (name, key) in KEYS.items() if values.get(name)}
    return {reason: key for reason, key in by_reason.items() if key}


def trigrams(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def similarity(one: str, other: str) -> float:
    """How alike two names are, 0 to 1: the share of three-letter pieces that both have."""
    a, b = (trigrams(" ".join(_name_words(name))) for name in (one, other))
    return len(a & b) / len(a | b)


def _looked_up(name: str, value: str) -> str:
    """The words to search for: they also match other spellings of the value."""
    if name == "customer_name":
        return " ".join(_name_words(value)[:3])
    return NOT_KEY.sub(" ", fold(value)) if name == "tax_id" else value


def like(values: Mapping[str, Any], *, unless: str | None = None, limit: int = 5) -> list[tuple[str, str, str]]:
    """Likely duplicates of a customer with these values: (reason, id, name). Indexes answer it, fast enough for each keystroke."""
    mine = keys(values)
    matches: dict[str, tuple[str, str, str]] = {}
    for reason in REASONS:
        name = KEYS[reason][0]
        if reason in mine and reason != "mobile_no":
            words = _looked_up(name, values[name])
            close = search.filter_by_words(Customer.objects.order_by(), words[: search.MAX_LENGTH])[: 10 * limit]
            for row in close.values("id", *COMPARED):
                if row["id"] != unless and keys(row).get(reason) == mine[reason]:
                    matches.setdefault(row["id"], (reason, row["id"], row["customer_name"]))
    return list(matches.values())[:limit]


def find(*, limit: int = 500, progress: Callable[[int, int], None] = lambda done, total: None) -> list[Group]:
    """The likeliest duplicates among all customers, at most `limit` groups."""
    # On SQLite a transaction would lock out writers. There each statement runs by itself; the temporary table takes no lock.
    with transaction.atomic() if is_postgresql() else nullcontext(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS crm_duplicate_key")
        cursor.execute("CREATE TEMPORARY TABLE crm_duplicate_key (reason smallint, key text, customer_id text)")
        total, done = counters.total(connection, "crm_customer"), 0
        for batch in _batches():
            _store(cursor, batch)
            done += len(batch)
            progress(done, total)
        try:
            pairs = list(_grouped(cursor, limit))
        finally:
            cursor.execute("DROP TABLE crm_duplicate_key")
    return _merged(_verified(pairs), limit)


def _batches() -> Iterator[list[tuple[str, dict[str, str]]]]:
    rows = Customer.objects.order_by().values_list("id", *COMPARED).iterator(BATCH_SIZE)
    while batch := list(islice(rows, BATCH_SIZE)):
        yield [(row[0], keys(dict(zip(COMPARED, row[1:], strict=True)))) for row in batch]


def _store(cursor: Any, batch: Iterable[tuple[str, dict[str, str]]]) -> None:
    rows = [(REASONS.index(reason), key, i) for i, by_reason in batch for reason, key in by_reason.items()]
    if is_postgresql():
        with cursor.copy("COPY crm_duplicate_key FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        cursor.execute(
            "INSERT INTO temp.crm_duplicate_key SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(%s)",
            [json.dumps(rows)],
        )


def _grouped(cursor: Any, limit: int) -> Iterator[tuple[str, list[str]]]:
    collect = "string_agg(customer_id, ' ' ORDER BY customer_id)"
    if not is_postgresql():
        collect = "group_concat(customer_id, ' ')"
    for number, reason in enumerate(REASONS):
        cursor.execute(
            f"SELECT {collect} FROM crm_duplicate_key WHERE reason = %s GROUP BY key"
            " HAVING count(*) BETWEEN 2 AND %s ORDER BY min(customer_id) DESC LIMIT %s",
            [number, MOST, 2 * limit],
        )
        for (ids,) in cursor.fetchall():
            yield reason, sorted(ids.split())


def _verified(groups: list[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """Names that only sound alike must also look alike."""
    similar_ids = {i for reason, ids in groups if reason == "similar_name" for i in ids}
    customers = Customer.objects.filter(pk__in=similar_ids).values_list("id", "customer_name")
    names = {customer_id: str(name) for customer_id, name in customers}
    for reason, ids in groups:
        alike = ids if reason != "similar_name" else _alike([i for i in ids if i in names], names)
        if len(alike) > 1:
            yield reason, alike


def _alike(ids: list[str], names: dict[str, str]) -> list[str]:
    return [i for i in ids if any(j != i and similarity(names[i], names[j]) >= SIMILAR for j in ids)]


def _merged(groups: Iterable[tuple[str, list[str]]], limit: int) -> list[Group]:
    """Merges groups with the same members: each has all their reasons. More and stronger reasons come first."""
    reasons: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for reason, ids in groups:
        reasons[tuple(ids)].append(reason)
    exact = {ids for ids, why in reasons.items() if "customer_name" in why}
    merged = [
        Group(tuple(r for r in why if r != "similar_name" or ids not in exact), ids) for ids, why in reasons.items()
    ]
    merged.sort(key=lambda group: (-len(group.reasons), REASONS.index(group.reasons[0])))
    return merged[:limit]
