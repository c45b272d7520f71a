"""A column that is headed like a closed choice and holds somebody else's: "Type" is Prospect or Wholesale to other programs.

Its rows are not refused one by one: one sentence says what to do. A column that somebody mapped is what they said.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, islice

from django.utils.translation import gettext as _

from crm import rules
from crm.transfer.columns import customer_columns
from crm.transfer.foreign_ids import LOOKED_AT
from crm.transfer.headings import quoted
from crm.transfer.mapping import Columns
from overplane.files.sources import UnusableFile
from overplane.files.spreadsheets import unescape_formula
from overplane.files.tables import ABSENT, Table

INSTEAD = {"customer_type": "customer_group"}  # where such values can be kept


def check_choices(table: Table, columns: Columns, *, mapped: Collection[str], nulls: Collection[str]) -> None:
    """Raises `UnusableFile`. Looks at the first rows, which can be read afterwards as if nobody had."""
    guessed = [
        name for name in INSTEAD if name in columns.customer and _is_guessed(columns.heading(name), name, mapped)
    ]
    if not guessed:
        return
    first = list(islice(table.rows, LOOKED_AT))
    table.rows = chain(first, table.rows)
    for name in guessed:
        index = columns.customer[name]
        cells = {number: _plain(row[index]) for number, row in first if index < len(row) and type(row) is list}
        cells = {number: cell for number, cell in cells.items() if cell and cell not in nulls}
        if _are_foreign(name, cells.values()):
            number, cell = next(iter(cells.items()))
            raise UnusableFile(
                _(
                    "The column %(heading)s says something else than this service means by it (row %(row)d: %(cell)s; known"
                    " are %(choices)s). Leave it out (--map %(out)s), or keep it in another field (--map"
                    " %(instead)s)."
                )
                % {
                    "heading": columns.heading(name),
                    "row": number,
                    "cell": repr(cell[:60]),
                    "choices": ", ".join(rules.CHOICES[name]),
                    "out": quoted(f"{columns.heading(name)}="),
                    "instead": quoted(f"{columns.heading(name)}={INSTEAD[name]}"),
                }
            )


def _is_guessed(heading: str, name: str, mapped: Collection[str]) -> bool:
    return heading != name and heading not in mapped


def _plain(cell: str) -> str:
    return "" if cell == ABSENT else unescape_formula(cell).strip()


def _are_foreign(name: str, cells: Iterable[str]) -> bool:
    """Whether not one of them is a choice."""
    filled = {*filter(None, cells)}
    from_text = customer_columns()[name].from_text
    return bool(filled) and {from_text(cell) for cell in filled}.isdisjoint(rules.CHOICES[name])


def without_foreign_choices(
    fields: Mapping[str, str], headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> dict[str, str]:
    """What the headings mean, given the first rows: such values go to a field of their own, if it is free."""
    meant = dict(fields)
    for heading, name in fields.items():
        if name not in INSTEAD or not _is_guessed(heading, name, ()):
            continue
        index = list(headings).index(heading)
        if _are_foreign(name, [_plain(row[index]) for row in rows if index < len(row)]):
            del meant[heading]
            if INSTEAD[name] not in meant.values():
                meant[heading] = INSTEAD[name]
    return meant
