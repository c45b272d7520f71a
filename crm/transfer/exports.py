"""Customers into files: one snapshot, newest first, columns chosen, supplier numbers in either layout.

What the import reads back is the same: texts that a spreadsheet would take for formulas are
disarmed, moments keep their microseconds, identifiers go along. PostgreSQL writes the lines of CSV by
itself (COPY); for the other formats, and on SQLite, rows go through Python.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from django.db import connection, models
from django.db.models import QuerySet

from crm.line_items import existing_rows
from crm.models import CUSTOMERS, SUPPLIER_NUMBERS, Customer, SupplierNumberAtCustomer
from crm.representation import CUSTOMER_NAMES, ROW_ATTRIBUTES
from crm.transfer.cells import cell, expression, line, moment
from crm.transfer.columns import ROWS
from overplane.database.encoding import dumps
from overplane.database.rows import Table
from overplane.database.snapshot import one_snapshot
from overplane.files import workbook_writing
from overplane.files.tables import pyarrow_module

LAYOUTS = ("lines", "repeated", "none")
ROW_NAMES = ("id", *ROW_ATTRIBUTES)
CHUNK = 2000
BLOCK, END = 1 << 20, b"\0"  # no text holds a NUL
NEWEST_FIRST = "c.created_at DESC, c.id DESC"
Progress = Callable[[int], None]
Values = dict[str, Any]
Family = tuple[Values, list[Values]]  # a customer and its supplier numbers, as stored values


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which customers, which of their attributes, and how their supplier numbers stand beside them.

    `lines`: further ones in lines of their own with blank cells; `repeated`: with the customer's cells
    once more. In NDJSON and Parquet they are a list in the object. `is_marked`: CSV begins with the
    mark by which Excel knows UTF-8.
    """

    customers: QuerySet
    names: Sequence[str] = CUSTOMER_NAMES
    layout: str = "lines"
    is_marked: bool = False

    @property
    def row_names(self) -> Sequence[str]:
        return () if self.layout == "none" else ROW_NAMES

    @property
    def columns(self) -> Sequence[str]:
        """The customer's own, in a table. By nothing but `id` can anybody tell whose the further lines are: it comes first."""
        return ["id", *(name for name in self.names if name != "id")] if self.row_names else self.names

    @property
    def headings(self) -> list[str]:
        return [*self.columns, *(ROWS + name for name in self.row_names)]


def export(wanted: Wanted, format: str, target: BinaryIO, *, progress: Progress = lambda count: None) -> int:
    """Writes the customers of one moment. Says how many. Raises `UnusableFile` for what the format cannot hold."""
    with one_snapshot():
        return WRITERS[format](wanted, target, progress)


def _csv(wanted: Wanted, target: BinaryIO, progress: Progress) -> int:
    target.write((codecs.BOM_UTF8 if wanted.is_marked else b"") + line(wanted.headings).encode())
    if connection.vendor == "postgresql":
        return _csv_by_copy(wanted, target, progress)
    count = 0
    for families in _families(wanted):
        target.write("".join([line(cells) for one in families for cells in _lines(one, wanted)]).encode())
        count += len(families)
        progress(count)
    return count


def _families(wanted: Wanted) -> Iterator[list[Family]]:
    part: list[Values] = []
    for row in wanted.customers.order_by("-created_at", "-id").values_list(*CUSTOMERS.names).iterator(CHUNK):
        part.append(CUSTOMERS.values(row))
        if len(part) == CHUNK:
            yield _with_rows(part, wanted)
            part = []
    yield _with_rows(part, wanted)


def _with_rows(part: list[Values], wanted: Wanted) -> list[Family]:
    rows = existing_rows(sorted(one["id"] for one in part)) if wanted.row_names else {}
    return [(one, rows.get(one["id"], [])) for one in part]


def _lines(family: Family, wanted: Wanted) -> Iterator[list[str]]:
    """A customer's lines as cells."""
    customer, children = family
    own = [cell(customer[name]) for name in wanted.columns]
    blank = own if wanted.layout == "repeated" else [""] * len(own)
    for i, child in enumerate((wanted.row_names and children) or [dict.fromkeys(ROW_NAMES)]):
        yield [*(blank if i else own), *(cell(child[name]) for name in wanted.row_names)]


def _csv_by_copy(wanted: Wanted, target: BinaryIO, progress: Progress) -> int:
    """Customers and supplier numbers come each by themselves, in one order, and are put together here.

    For PostgreSQL joining and sorting such wide rows would be more work than all the rest.
    """
    count = 0
    with TemporaryFile() as kept:
        if wanted.row_names:
            with _copied(*_rows_sql(wanted)) as rows:  # one connection sends one after the other
                while part := [bytes(row) + END for row in islice(rows, CHUNK)]:
                    kept.writelines(part)
                    progress(0)
            kept.seek(0)
        with _copied(*_customers_sql(wanted)) as customers:
            lines = _put_together(customers, _kept(kept), wanted) if wanted.row_names else map(bytes, customers)
            while part := list(islice(lines, CHUNK)):
                target.writelines(part)
                count += len(part)
                progress(count)
    return count


@contextmanager
def _copied(sql: str, parameters: Sequence[Any]) -> Iterator[Iterable[bytes | memoryview]]:
    """Each row of CSV by itself: the database sends one a message. A cell may hold line ends, so these would not tell."""
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(sql, parameters) as copy:
        yield copy


def _kept(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The supplier numbers: how their customer's line begins, and their cells."""
    rest = b""
    while block := file.read(BLOCK):
        *rows, rest = (rest + block).split(END)
        for row in rows:
            id, comma, cells = row.partition(b",")  # no comma is in an id
            yield id + comma, cells


def _put_together(
    customers: Iterable[bytes | memoryview], rows: Iterator[tuple[bytes, bytes]], wanted: Wanted
) -> Iterator[bytes]:
    """Each customer's lines, as one text."""
    nothing = b"," * len(wanted.row_names) + b"\n"
    blank = b"," * (len(wanted.columns) - 1)
    nobody = (b"\n", b"")
    owner, cells = next(rows, nobody)
    for text in map(bytes, customers):
        if not text.startswith(owner):
            yield text
            continue
        output, lines = text.removesuffix(nothing), b""
        while text.startswith(owner):
            lines += output + b"," + cells
            output = output if wanted.layout == "repeated" else blank
            owner, cells = next(rows, nobody)
        yield lines
    if owner != b"\n":
        raise RuntimeError(f"The supplier numbers of {owner!r} and all after it have found no customer.")


def _customers_sql(wanted: Wanted) -> tuple[str, Sequence[Any]]:
    cells = [_expression("c", CUSTOMERS, name) for name in wanted.columns] + ["NULL"] * len(wanted.row_names)
    if len(cells) == 1:
        cells = [f"coalesce({cells[0]}, '')"]  # is written as "", not as an empty line
    where, parameters = _where(wanted)
    return _copy(f"SELECT {', '.join(cells)} FROM {CUSTOMERS.name} c {where} ORDER BY {NEWEST_FIRST}"), parameters


def _rows_sql(wanted: Wanted) -> tuple[str, Sequence[Any]]:
    cells = [
        _expression("c", CUSTOMERS, "id"),
        *(_expression("r", SUPPLIER_NUMBERS, name) for name in wanted.row_names),
    ]
    where, parameters = _where(wanted)
    tables = f"{SUPPLIER_NUMBERS.name} r JOIN {CUSTOMERS.name} c ON c.id = r.customer_id"
    return _copy(f"SELECT {', '.join(cells)} FROM {tables} {where} ORDER BY {NEWEST_FIRST}, r.idx"), parameters


def _expression(alias: str, table: Table, name: str) -> str:
    return expression(alias, table.model._meta.get_field(name))


def _where(wanted: Wanted) -> tuple[str, Sequence[Any]]:
    if not wanted.customers.query.where:
        return "", ()
    chosen, parameters = wanted.customers.order_by().values("pk").query.sql_with_params()
    return f"WHERE c.id IN ({chosen})", parameters


def _copy(select: str) -> str:
    return f"COPY ({select}) TO STDOUT WITH (FORMAT csv)"


def _xlsx(wanted: Wanted, target: BinaryIO, progress: Progress) -> int:
    count = 0

    def lines() -> Iterator[list[str]]:
        nonlocal count
        for families in _families(wanted):
            yield from (cells for one in families for cells in _lines(one, wanted))
            count += len(families)
            progress(count)

    workbook_writing.write(target, "Customers", wanted.headings, lines())
    return count


def _objects(families: list[Family], wanted: Wanted) -> list[Values]:
    made = [{name: customer[name] for name in wanted.names} for customer, _ in families]
    if wanted.row_names:
        for one, (_, children) in zip(made, families, strict=True):
            one["supplier_numbers"] = [{name: child[name] for name in ROW_NAMES} for child in children]
    return made


def _ndjson(wanted: Wanted, target: BinaryIO, progress: Progress) -> int:
    count = 0
    moments = [name for name in ("created_at", "updated_at") if name in wanted.names]
    for families in _families(wanted):
        target.writelines(
            dumps(one | {name: moment(one[name]) for name in moments}) + b"\n" for one in _objects(families, wanted)
        )
        count += len(families)
        progress(count)
    return count


def _parquet_type(lib: Any, field: models.Field) -> Any:
    if isinstance(field, models.DateTimeField):
        return lib.timestamp("us", tz="UTC")
    if isinstance(field, models.BooleanField):
        return lib.bool_()
    if isinstance(field, models.DecimalField):
        return lib.decimal128(field.max_digits, field.decimal_places)
    return lib.int64() if isinstance(field, models.IntegerField) else lib.string()


def _parquet(wanted: Wanted, target: BinaryIO, progress: Progress) -> int:
    lib, parquet = pyarrow_module("lib"), pyarrow_module("parquet")
    columns = [(name, _parquet_type(lib, Customer._meta.get_field(name))) for name in wanted.names]
    if wanted.row_names:
        fields = {name: SupplierNumberAtCustomer._meta.get_field(name) for name in ROW_NAMES}
        row = lib.struct([(name, _parquet_type(lib, field)) for name, field in fields.items()])
        columns.append(("supplier_numbers", lib.list_(row)))
    schema, count = lib.schema(columns), 0
    with parquet.ParquetWriter(target, schema) as writer:
        for families in _families(wanted):
            writer.write_table(lib.Table.from_pylist(_objects(families, wanted), schema=schema))
            count += len(families)
            progress(count)
    return count


WRITERS = {"csv": _csv, "xlsx": _xlsx, "ndjson": _ndjson, "parquet": _parquet}
FORMATS = tuple(WRITERS)
