"""Stored values that no door would take any more: from before a rule, or past all doors. Nothing is changed."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError

from crm import rules
from crm.line_items import LINE_ITEMS
from crm.models import CUSTOMERS
from overplane.database.attributes import attributes
from overplane.database.rows import SqlTable
from overplane.database.snapshot import one_snapshot
from overplane.problems import Errors, Problem, problems_in

Judge = Callable[[Mapping[str, Any]], Errors]
JUDGES: list[tuple[SqlTable, Judge]] = [
    (CUSTOMERS, rules.customer_errors),
    *((kind.table, partial(rules.line_item_errors, kind.name)) for kind in LINE_ITEMS),
]


def unacceptable() -> Iterator[tuple[str, Problem]]:
    """The id of each customer and line item, and what is wrong with it; all of one moment, a few rows at a time."""
    with one_snapshot():
        for table, judge in JUDGES:
            for values in table.stream():
                for problem in _problems(table, values, judge):
                    yield values["id"], problem


def _as_sent(value: Any) -> Any:
    """JSON has no days and no moments: they are sent as texts."""
    return value.isoformat() if isinstance(value, date) else value


def _problems(table: SqlTable, values: Mapping[str, Any], judge: Judge) -> Iterator[Problem]:
    """As if the values were sent again."""
    taken: dict[str, Any] = {}
    for name, known in attributes(table.model).items():
        try:
            taken[name] = known.from_json(_as_sent(values[name]))
        except ValidationError as error:
            yield from problems_in(ValidationError({name: error}))
    if errors := judge(taken):
        yield from problems_in(ValidationError(errors))
