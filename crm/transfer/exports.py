"""Customers into files: one snapshot, newest first, columns chosen, line items in either layout.

What the import reads back is the same: texts that a spreadsheet would take for formulas are escaped, moments keep their
microseconds, identifiers go along. PostgreSQL writes the lines of CSV by itself (see `copied_csv`); for the other
formats, and on SQLite, rows go through Python.
"""

import codecs
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

from django.db import models

from crm.line_item_plans import existing_line_items
from crm.models import CUSTOMERS, Customer
from crm.transfer.cells import cell, line, moment
from crm.transfer.copied_csv import write_copied
from crm.transfer.long_cells import LongCells
from crm.transfer.selection import LAYOUTS, PART, ExportProgress, Wanted
from overplane.database.dialect import is_postgresql
from overplane.database.encoding import dumps
from overplane.database.snapshot import one_snapshot
from overplane.files import workbook_writing
from overplane.files.tables import pyarrow_module

__all__ = ["FORMATS", "LAYOUTS", "ExportProgress", "Wanted", "export"]
Values = dict[str, Any]
Family = tuple[Values, list[list[Values]]]  # a customer and its line items of each kind, as stored values


def export(
    wanted: Wanted,
    format: str,
    target: BinaryIO,
    *,
    progress: ExportProgress = lambda count: None,
    long_cells: LongCells | None = None,
) -> int:
    """Writes the customers of one moment. Says how many. Raises `UnusableFile` for what the format cannot hold.

    `long_cells` says what becomes of texts that no cell of XLSX holds, and learns which they were.
    """
    with one_snapshot():
        if format == "xlsx":
            return _xlsx(wanted, target, progress, long_cells or LongCells())
        return WRITERS[format](wanted, target, progress)


def _csv(wanted: Wanted, target: BinaryIO, progress: ExportProgress) -> int:
    target.write((codecs.BOM_UTF8 if wanted.is_marked else b"") + line(wanted.headings).encode())
    if is_postgresql():
        return write_copied(wanted, target, progress)
    count = 0
    for families in _families(wanted):
        target.write("".join([line(cells) for one in families for cells in _lines(one, wanted)]).encode())
        count += len(families)
        progress(count)
    return count


def _families(wanted: Wanted) -> Iterator[list[Family]]:
    part: list[Values] = []
    for row in wanted.customers.order_by("-created_at", "-id").values_list(*CUSTOMERS.names).iterator(PART):
        part.append(CUSTOMERS.values(row))
        if len(part) == PART:
            yield _with_line_items(part, wanted)
            part = []
    yield _with_line_items(part, wanted)


def _with_line_items(part: list[Values], wanted: Wanted) -> list[Family]:
    ids = sorted(one["id"] for one in part)
    lists = [existing_line_items(kind, ids) for kind in wanted.kinds]
    return [(one, [of_kind.get(one["id"], []) for of_kind in lists]) for one in part]


def _lines(family: Family, wanted: Wanted) -> Iterator[list[str]]:
    """A customer's lines as cells. Each holds one line item of each kind, as long as there are any."""
    customer, lists = family
    own = [cell(customer[name]) for name in wanted.columns]
    further = own if wanted.layout == "repeated" else [""] * len(own)
    for i in range(max(1, *map(len, lists)) if lists else 1):
        cells = [*(further if i else own)]
        for names, items in zip(wanted.line_item_names, lists, strict=True):
            cells += [cell(items[i][name]) for name in names] if i < len(items) else [""] * len(names)
        yield cells


def _xlsx(wanted: Wanted, target: BinaryIO, progress: ExportProgress, long_cells: LongCells) -> int:
    count = 0
    customer: Values = {}

    def lines() -> Iterator[list[str]]:
        nonlocal count, customer
        for families in _families(wanted):
            for family in families:
                customer = family[0]
                yield from _lines(family, wanted)
            count += len(families)
            progress(count)

    def long_cell(row: int, column: int, text: str) -> str:
        heading, name = wanted.headings[column], str(customer["customer_name"])
        return long_cells.replaced(text, column=heading, customer=name, id=customer["id"])

    workbook_writing.write(target, "Customers", wanted.headings, lines(), long_cell=long_cell)
    return count


def _objects(families: Sequence[Family], wanted: Wanted) -> Iterator[Values]:
    for customer, lists in families:
        output = {name: customer[name] for name in wanted.names}
        for kind, names, items in zip(wanted.kinds, wanted.line_item_names, lists, strict=True):
            output[kind.name] = [{name: one[name] for name in names} for one in items]
        yield output


def _ndjson(wanted: Wanted, target: BinaryIO, progress: ExportProgress) -> int:
    count = 0
    moments = [name for name in ("created_at", "updated_at") if name in wanted.names]
    for families in _families(wanted):
        target.writelines(
            dumps(one | {name: moment(one[name]) for name in moments}) + b"\n" for one in _objects(families, wanted)
        )
        count += len(families)
        progress(count)
    return count


def _parquet_type(lib: Any, field: Any) -> Any:
    if isinstance(field, models.DateTimeField):
        return lib.timestamp("us", tz="UTC")
    if isinstance(field, models.DateField):
        return lib.date32()
    if isinstance(field, models.BooleanField):
        return lib.bool_()
    if isinstance(field, models.DecimalField):
        return lib.decimal128(field.max_digits, field.decimal_places)
    return lib.int64() if isinstance(field, models.IntegerField) else lib.string()


def _parquet(wanted: Wanted, target: BinaryIO, progress: ExportProgress) -> int:
    lib, parquet = pyarrow_module("lib"), pyarrow_module("parquet")
    columns = [(name, _parquet_type(lib, Customer._meta.get_field(name))) for name in wanted.names]
    for kind, names in zip(wanted.kinds, wanted.line_item_names, strict=True):
        one = lib.struct([(name, _parquet_type(lib, kind.model._meta.get_field(name))) for name in names])
        columns.append((kind.name, lib.list_(one)))
    schema, count = lib.schema(columns), 0
    with parquet.ParquetWriter(target, schema) as writer:
        for families in _families(wanted):
            writer.write_table(lib.Table.from_pylist(list(_objects(families, wanted)), schema=schema))
            count += len(families)
            progress(count)
    return count


Writer = Callable[[Wanted, BinaryIO, ExportProgress], int]
WRITERS: dict[str, Writer] = {"csv": _csv, "ndjson": _ndjson, "parquet": _parquet}
FORMATS = ("csv", "xlsx", "ndjson", "parquet")
