"""An export as CSV of which PostgreSQL writes the lines: COPY for the customers, and one for each kind of line item.

Each COPY comes by itself, all in the same order, and their rows are merged here. For PostgreSQL joining and sorting such wide rows
would be more work than all the rest.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice, zip_longest
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from django.db import connection

from crm.line_items import LineItem
from crm.models import CUSTOMERS
from crm.transfer.cells import expression
from crm.transfer.selection import PART, ExportProgress, Selection
from overplane.database.rows import SqlTable

END = b"\0"  # of a line item in its file: no text holds a NUL
BLOCK = 1 << 20  # bytes of that file that are read at once: few calls, little memory
NEWEST_FIRST = "c.created_at DESC, c.id DESC"
Copied = Iterable[bytes | memoryview]
NOBODY = b"\n"  # no customer's line begins so


def write_copied(selection: Selection, target: BinaryIO, progress: ExportProgress) -> int:
    """Writes all lines but the headings. Says how many customers there are."""
    count = 0
    with ExitStack() as files:
        # One connection sends one after the other.
        lists = [files.enter_context(_stored_items(selection, kind, progress)) for kind in selection.kinds]
        with _copied(*_customers_sql(selection)) as customers:
            lines = _merge_lines(customers, lists, selection) if lists else map(bytes, customers)
            while part := list(islice(lines, PART)):
                target.writelines(part)
                count += len(part)
                progress(count)
    return count


@contextmanager
def _copied(sql: str, parameters: Sequence[Any]) -> Iterator[Copied]:
    """Rows of CSV: the database sends one a message. (A cell may hold line ends, so these do not part the rows.)"""
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(sql, parameters) as copy:
        yield copy


class _LineItems:
    """All line items of one kind, in the order of their customers, on disk."""

    def __init__(self, kind: LineItem, names: Sequence[str], file: BinaryIO) -> None:
        self.kind, self.file = kind, file
        self.blank = b"," * (len(names) - 1)
        self._rows = self._read()
        self.owner, self._cells = next(self._rows)

    def _read(self) -> Iterator[tuple[bytes, bytes]]:
        """How their customer's line begins, and their cells."""
        rest = b""
        while block := self.file.read(BLOCK):
            *rows, rest = (rest + block).split(END)
            for row in rows:
                id, comma, cells = row.partition(b",")  # no comma is in an id
                yield id + comma, cells.removesuffix(b"\n")
        while True:
            yield NOBODY, b""

    def of(self, line: bytes) -> list[bytes]:
        """The cells of the line items of the customer whose line this is. Called in the order of the customers."""
        items = []
        while line.startswith(self.owner):
            items.append(self._cells)
            self.owner, self._cells = next(self._rows)
        return items


@contextmanager
def _stored_items(selection: Selection, kind: LineItem, progress: ExportProgress) -> Iterator[_LineItems]:
    names = selection.line_item_names[selection.kinds.index(kind)]
    with TemporaryFile() as file:
        with _copied(*_line_items_sql(selection, kind, names)) as rows:
            while part := [bytes(row) + END for row in islice(rows, PART)]:
                file.writelines(part)
                progress(0)
        file.seek(0)
        yield _LineItems(kind, names, file)


def _merge_lines(customers: Copied, lists: Sequence[_LineItems], selection: Selection) -> Iterator[bytes]:
    """Each customer's lines, as one text."""
    nothing = b"," * sum(map(len, selection.line_item_names)) + b"\n"
    blank = b"," * (len(selection.columns) - 1)
    owners = tuple(one.owner for one in lists)
    for text in map(bytes, customers):
        if not text.startswith(owners):
            yield text
            continue
        output, nested = text.removesuffix(nothing), _nested(text, lists)
        further = output if selection.layout == "repeated" else blank
        yield output + b"," + (b"\n" + further + b",").join(nested) + b"\n"
        owners = tuple([one.owner for one in lists])
    for one in lists:
        if one.owner != NOBODY:
            raise RuntimeError(f"The {one.kind.label_plural} of {one.owner!r} and all after it have found no customer.")


def _nested(line: bytes, lists: Sequence[_LineItems]) -> list[bytes]:
    """The line items of the customer whose line this is: the cells of one of each kind, as long as there are any."""
    items = [one.of(line) for one in lists]
    if len(items) == 1:
        return items[0]
    blanks = [one.blank for one in lists]
    return [
        b",".join([cells or blank for cells, blank in zip(parallel, blanks, strict=True)])
        for parallel in zip_longest(*items)
    ]


def _customers_sql(selection: Selection) -> tuple[str, Sequence[Any]]:
    nested = sum(map(len, selection.line_item_names))
    cells = [_expression("c", CUSTOMERS, name) for name in selection.columns] + ["NULL"] * nested
    if len(cells) == 1:
        cells = [f"coalesce({cells[0]}, '')"]  # is written as "", not as an empty line
    where, parameters = _where(selection)
    return _copy(f"SELECT {', '.join(cells)} FROM {CUSTOMERS.name} c {where} ORDER BY {NEWEST_FIRST}"), parameters


def _line_items_sql(selection: Selection, kind: LineItem, names: Sequence[str]) -> tuple[str, Sequence[Any]]:
    cells = [_expression("c", CUSTOMERS, "id"), *(_expression("r", kind.table, name) for name in names)]
    where, parameters = _where(selection)
    tables = f"{kind.table.name} r JOIN {CUSTOMERS.name} c ON c.id = r.customer_id"
    return _copy(f"SELECT {', '.join(cells)} FROM {tables} {where} ORDER BY {NEWEST_FIRST}, r.idx"), parameters


def _expression(alias: str, table: SqlTable, name: str) -> str:
    return next(expression(alias, field) for field in table.fields if field.attname == name)


def _where(selection: Selection) -> tuple[str, Sequence[Any]]:
    if not selection.customers.query.where:
        return "", ()
    chosen, parameters = selection.customers.order_by().values("pk").query.sql_with_params()
    return f"WHERE c.id IN ({chosen})", parameters


def _copy(select: str) -> str:
    return f"COPY ({select}) TO STDOUT WITH (FORMAT csv)"
