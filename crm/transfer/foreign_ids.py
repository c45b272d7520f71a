"""A column `id` that holds the numbers of another system. They are not refused one by one: one sentence says what to do."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, islice

from django.utils.translation import gettext as _

from crm.transfer.headings import quoted
from crm.transfer.mapping import Columns
from overplane.files.sources import UnusableFile
from overplane.files.tables import ABSENT, Table
from overplane.ids import is_id

LOOKED_AT = 1000  # rows: some read wrongly are no reason to think so of all
INSTEAD = "customer_pos_id"  # where the number that another system knows a customer by can be kept


def check_ids(table: Table, columns: Columns, *, nulls: Collection[str]) -> None:
    """Raises `UnusableFile`. Looks at the first rows, which can be read afterwards as if nobody had."""
    if "id" not in columns.customer:
        return
    index = columns.customer["id"]
    first = list(islice(table.rows, LOOKED_AT))
    table.rows = chain(first, table.rows)
    written = [(number, cells[index]) for number, cells in first if index < len(cells) and type(cells) is list]
    if not _are_foreign([cell for _number, cell in written if cell.strip() not in nulls]):
        return
    number, cell = next((number, cell) for number, cell in written if _is_filled(cell) and cell.strip() not in nulls)
    raise UnusableFile(
        _(
            "The column %(heading)s holds numbers of another system (row %(row)d: %(cell)s), not ids of this one"
            " (customer_…). Leave it out (--map %(out)s), or keep the numbers in another field"
            " (--map %(instead)s)."
        )
        % {
            "heading": columns.headings[index],
            "row": number,
            "cell": repr(cell.strip()[:60]),
            "out": quoted(f"{columns.headings[index]}="),
            "instead": quoted(f"{columns.headings[index]}={INSTEAD}"),
        }
    )


def _is_filled(cell: str) -> bool:
    return bool(cell.strip()) and cell != ABSENT


def _are_foreign(cells: Iterable[str]) -> bool:
    filled = [cell.strip() for cell in cells if _is_filled(cell)]
    return bool(filled) and not any(is_id("customer", cell) or cell.startswith("customer_") for cell in filled)


def without_foreign_ids(
    fields: Mapping[str, str], headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> dict[str, str]:
    """What the headings mean, given the first rows: numbers of another system go to a field of their own, if it is free."""
    heading = next((heading for heading, name in fields.items() if name == "id"), None)
    if heading is None:
        return dict(fields)
    index = list(headings).index(heading)
    if not _are_foreign([row[index] for row in rows if index < len(row)]):
        return dict(fields)
    others = {one: name for one, name in fields.items() if one != heading}
    return others if INSTEAD in others.values() else others | {heading: INSTEAD}
