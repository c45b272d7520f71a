"""Who is meant by a natural key: which values count as the same, how their customers are looked up, and who takes turns.

`match_key` says when two values are the same. The database finds candidates by an index on a key of its own, which folds
A to Z only, so a value with other letters is looked up in every case that these may be written in. With more than
`MOST_MIXED` of them it is looked up in its usual cases only: a stored `ИваН.Петров@x` is not found by `иван.петров@x`
then, but `ИВАН.ПЕТРОВ@x` and `Иван.Петров@x` are. A letter that has not exactly one small and one capital form
(ß, ς, İ) counts as it is written, and so do accents.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from overplane.database import statements
from overplane.database.dialect import is_postgresql
from overplane.database.transforms import AsciiLower, AsciiLowerWithout
from overplane.problems import Code, invalid

# What people put between the digits of a tax number: white space, dots, slashes, hyphens and what looks like one.
SEPARATORS = "\t\n\r \u00a0\u2007\u2009\u202f./-\u00ad\u2010\u2011\u2012\u2013\u2014\u2212"
# Attributes whose values are the same although they are written otherwise, and what makes no difference.
KEYED = {
    "email_id": gettext_lazy("case does not count"),
    "tax_id": gettext_lazy("case, blanks, dots, slashes and hyphens do not count"),
}
KEYS = ("tax_id", "customer_pos_id", "email_id")  # by which a customer is known elsewhere
CANDIDATES_NAMED = 5  # in a message: enough to look at, and still one sentence
MOST_MIXED = 5  # letters beyond ASCII: 32 ways to write them, each a step down the index

# The number of different locks. With one for each value a batch of an import would take thousands, and a server has no
# room for so many.
TURNSTILES = 1024
SPACE = 1_877_203_115  # the first half of the locks' names, of no other meaning

ASCII_SMALL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
NO_SEPARATORS = dict.fromkeys(map(ord, SEPARATORS))


class EmailKey(AsciiLower):
    lookup_name = "match_key"


class TaxKey(AsciiLowerWithout):
    lookup_name = "match_key"

    def __init__(self, expression: Any) -> None:
        super().__init__(expression, SEPARATORS)


def match_key(name: str, value: str) -> str:
    """Two values of this attribute mean the same customer if and only if this is equal."""
    if name not in KEYED:
        return value
    key = stored_key(name, value)
    if not key:  # nothing but separators is no number, and matches itself only
        return value
    return key if key.isascii() else "".join(map(_small, key))


def stored_key(name: str, value: str) -> str:
    """What the database's index has for this value."""
    key = value.lower() if value.isascii() else value.translate(ASCII_SMALL)
    # Most numbers are written without: looking first is four times as fast, in an import for each row.
    return key if name != "tax_id" or key.isalnum() else key.translate(NO_SEPARATORS)


def _small(letter: str) -> str:
    small = letter.lower()
    return small if len(small) == 1 and small.upper() == letter else letter


def _capital(letter: str) -> str:
    """The letter's only capital beyond ASCII, if it has one, else the letter."""
    capital = letter.upper()
    return capital if not letter.isascii() and len(capital) == 1 and _small(capital) == letter else letter


def stored_keys(name: str, value: str) -> list[str]:
    """What the index may have for a value with the same `match_key`, as far as it is looked for."""
    key = stored_key(name, value)
    if key.isascii():
        return [key]
    small = "".join(map(_small, key))
    letters = [(letter, capital) for letter in small if (capital := _capital(letter)) != letter]
    if len(letters) > MOST_MIXED:
        return _usual_cases(key, small)
    return ["".join(one) for one in product(*[dict.fromkeys((letter, _capital(letter))) for letter in small])]


def _usual_cases(key: str, small: str) -> list[str]:
    """As it is written; and before and after an @ all small, all capital, or with capitals where words begin."""
    cases = [dict.fromkeys((part, _capitals(part), _title(part))) for part in small.split("@")]
    return list(dict.fromkeys([key, *("@".join(parts) for parts in product(*cases))]))


def _capitals(text: str) -> str:
    return "".join(map(_capital, text))


def _title(text: str) -> str:
    return "".join([_capital(c) if i == 0 or not text[i - 1].isalnum() else c for i, c in enumerate(text)])


def candidates(customers: QuerySet, name: str, values: Collection[str]) -> Iterator[Any]:
    """Those of the customers that may have one of these values: asked for in parts, each of which an index answers.

    Whether they have it, `match_key` says.
    """
    lookup = name
    if name in KEYED:
        plain = {stored_key(name, value) for value in values if value.isascii()}
        values = plain.union(*[stored_keys(name, value) for value in values if not value.isascii()])
        lookup = f"{name}__match_key"
        customers = customers.filter(**{f"{name}__isnull": False})  # as the index says it, for SQLite
    for part in statements.in_parts(sorted(set(values))):
        yield from customers.filter(**{f"{lookup}__in": part})


def ambiguous(name: str, value: str, ids: Sequence[str], advice: str) -> ValidationError:
    """Several customers have the value that is looked for. `name`: of the attribute; `advice`: what to do instead."""
    named = ", ".join(sorted(ids)[:CANDIDATES_NAMED]) + (" …" if len(ids) > CANDIDATES_NAMED else "")
    text = _("%(number)d customers have the %(name)s %(value)s%(counted)s: %(ids)s. %(advice)s")
    sent = {"number": len(ids), "name": name, "value": format(repr(value), ".120"), "counted": counted(name)}
    return invalid(Code.PARAMETER_CONFLICT, text % (sent | {"ids": named, "advice": advice}))


def counted(name: str) -> str:
    """In a message, in brackets: when values of this attribute are the same."""
    return f" ({KEYED[name]})" if name in KEYED else ""


class Holders:
    """Which customers have which key, of the attributes `names`, while work goes on in memory."""

    def __init__(self, names: Iterable[str], customers: Iterable[Mapping[str, Any]]) -> None:
        self.ids: dict[tuple[str, str], set[str]] = defaultdict(set)  # by attribute and key
        self.keys: dict[str, list[tuple[str, str]]] = {}  # by id
        self.names = list(names)
        for customer in customers:
            self.put(customer)

    def put(self, customer: Mapping[str, Any]) -> None:
        """A customer as it is now."""
        self.remove(customer["id"])
        keys = [(name, match_key(name, customer[name])) for name in self.names if customer[name] is not None]
        self.keys[customer["id"]] = keys
        for key in keys:
            self.ids[key].add(customer["id"])

    def remove(self, customer_id: str) -> None:
        for key in self.keys.pop(customer_id, ()):
            self.ids[key].discard(customer_id)

    def of(self, name: str, value: str) -> list[str]:
        return sorted(self.ids.get((name, match_key(name, value)), ()))


def claim(matches: Sequence[tuple[str, str]]) -> None:
    """Waits until no other transaction looks for one of these (attribute, value), and keeps others waiting until its end.

    Without it two upserts of the same new value would both find nobody, and both create. SQLite's writers stand in line anyway.
    """
    if not is_postgresql() or not matches:
        return
    names = {f"{name}\0{match_key(name, value)}".encode() for name, value in matches}
    numbers = sorted({int.from_bytes(hashlib.sha256(name).digest()[:8], "big") % TURNSTILES for name in names})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, n) FROM (SELECT unnest(%s::int[]) AS n ORDER BY 1) AS wanted",
            [SPACE, numbers],
        )
