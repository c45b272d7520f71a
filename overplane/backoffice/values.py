"""Which values a column holds already, at any size of the table: never a DISTINCT over all of it.

Where an index begins with the column, the values are read off it one by one (a loose index scan:
each step seeks the next greater value). Elsewhere the newest rows are asked, a bounded number of them.
"""

from collections.abc import Iterable
from typing import Any

from django.db import connection, models

from overplane.database.fields import field_of
from overplane.database.lookups import caseless
from overplane.database.text import fold

STEPS = 1000  # different values that are read off an index, each with one seek
NEWEST_ROWS = 3000  # that are read where no index helps
MAX_SUGGESTIONS = 20  # suggestions; a longer list is no quicker than typing on

LOOSE_SCAN = """
WITH RECURSIVE walk (value, step) AS (
  SELECT (SELECT MIN({column}) FROM {table} WHERE {column} >= %s), 1
  UNION ALL
  SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > walk.value), step + 1
  FROM walk WHERE walk.value IS NOT NULL AND step < %s
)
SELECT value FROM walk WHERE value IS NOT NULL
"""
NEWEST = """
SELECT DISTINCT value FROM (
  SELECT {column} AS value FROM {table} ORDER BY {order} LIMIT %s
) AS newest WHERE value IS NOT NULL
"""


def leads_an_index(model: type[models.Model], name: str) -> bool:
    return any(index.fields and index.fields[0] == name for index in model._meta.indexes)


def used_values(model: type[models.Model], name: str, typed: str = "", *, limit: int = MAX_SUGGESTIONS) -> list[str]:
    """Values that begin with what was typed, then those that hold it; case and accents do not matter."""
    part = fold(typed.strip())
    folded_by_value = {value: fold(value) for value in _candidates(model, name, typed.strip()) if value}
    first = sorted(value for value, folded in folded_by_value.items() if folded.startswith(part))
    rest = sorted(value for value, folded in folded_by_value.items() if part in folded and not folded.startswith(part))
    return [*first, *rest][:limit]


def spellings(model: type[models.Model], name: str, texts: Iterable[str]) -> list[str] | None:
    """How these values stand in an indexed column, whatever their case. None: it holds too many different ones to look at."""
    values = _fetch(LOOSE_SCAN, model, name, ["", STEPS])
    wanted = {caseless(text) for text in texts}
    return sorted(value for value in values if caseless(value) in wanted) if len(values) < STEPS else None


def _candidates(model: type[models.Model], name: str, typed: str) -> set[str]:
    if not leads_an_index(model, name):
        names = [name for name in model._meta.ordering or () if isinstance(name, str)]
        order = ", ".join(f'"{name.lstrip("-")}" {"DESC" if name.startswith("-") else "ASC"}' for name in names)
        return _fetch(NEWEST, model, name, [NEWEST_ROWS], order=order)
    values = _fetch(LOOSE_SCAN, model, name, ["", STEPS])
    if typed and len(values) >= STEPS:  # too many to see all of them: go where the typed text would stand
        for start in {typed, typed.upper(), typed.lower(), typed.capitalize(), typed.title()}:
            values |= {v for v in _fetch(LOOSE_SCAN, model, name, [start, MAX_SUGGESTIONS]) if v.startswith(start)}
    return values


def _fetch(sql: str, model: type[models.Model], name: str, parameters: list[Any], **texts: str) -> set[str]:
    column = f'"{field_of(model, name).column}"'
    with connection.cursor() as cursor:
        cursor.execute(sql.format(column=column, table=f'"{model._meta.db_table}"', **texts), parameters)
        return {value for (value,) in cursor.fetchall()}
