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
from crm.transfer.selection import LAYOUTS, PART, ExportProgress, Selection
from overplane.database.dialect import is_postgresql
from overplane.database.encoding import dumps
from overplane.database.snapshot import one_snapshot
from overplane.files import workbook_writing
from overplane.files.tables import pyarrow_module

__all__ = ["FORMATS", "LAYOUTS", "ExportProgress", "Selection", "export"]
Values = dict[str, Any]
Family = tuple[Values, list[list[Values]]]  # a customer and its line items of each kind, as stored values


def export(
    selection: Selection,
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
            return _xlsx(selection, target, progress, long_cells or LongCells())
        return WRITERS[format](selection, target, progress)


def _csv(selection: Selection, target: BinaryIO, progress: ExportProgress) -> int:
    target.write((codecs.BOM_UTF8 if selection.is_marked else b"") + line(selection.headings).encode())
    if is_postgresql():
        return write_copied(selection, target, progress)
    count = 0
    for families in _families(selection):
        target.write("".join([line(cells) for one in families for cells in _lines(one, selection)]).encode())
        count += len(families)
        progress(count)
    return count


def _families(selection: Selection) -> Iterator[list[Family]]:
    part: list[Values] = []
    for row in selection.customers.order_by("-created_at", "-id").values_list(*CUSTOMERS.names).iterator(PART):
        part.append(dict(zip(CUSTOMERS.names, row, strict=True)))
        if len(part) == PART:
            yield _with_line_items(part, selection)
            part = []
    yield _with_line_items(part, selection)


def _with_line_items(part: list[Values], selection: Selection) -> list[Family]:
    ids = sorted(one["id"] for one in part)
    lists = [existing_line_items(kind, ids) for kind in selection.kinds]
    return [(one, [of_kind.get(one["id"], []) for of_kind in lists]) for one in part]


def _lines(family: Family, selection: Selection) -> Iterator[list[str]]:
    """A customer's lines as cells. Each holds one line item of each kind, as long as there are any."""
    customer, lists = family
    own = [cell(customer[name]) for name in selection.columns]
    further = own if selection.layout == "repeated" else [""] * len(own)
    for i in range(max(1, *map(len, lists)) if lists else 1):
        cells = [*(further if i else own)]
        for names, items in zip(selection.line_item_names, lists, strict=True):
            cells += [cell(items[i][name]) for name in names] if i < len(items) else [""] * len(names)
        yield cells


def _xlsx(selection: Selection, target: BinaryIO, progress: ExportProgress, long_cells: LongCells) -> int:
    count = 0
    customer: Values = {}

    def lines() -> Iterator[list[str]]:
        nonlocal count, customer
        for families in _families(selection):
            for family in families:
                customer = family[0]
                yield from _lines(family, selection)
            count += len(families)
            progress(count)

    def long_cell(row: int, column: int, text: str) -> str:
        heading, name = selection.headings[column], str(customer["customer_name"])
        return long_cells.replaced(text, column=heading, customer=name, id=customer["id"])

    workbook_writing.write(target, "Customers", selection.headings, lines(), long_cell=long_cell)
    return count


def _objects(families: Sequence[Family], selection: Selection) -> Iterator[Values]:
    for customer, lists in families:
        output = {name: customer[name] for name in selection.names}
        for kind, names, items in zip(selection.kinds, selection.line_item_names, lists, strict=True):
            output[kind.name] = [{name: one[name] for name in names} for one in items]
        yield output


def _ndjson(selection: Selection, target: BinaryIO, progress: ExportProgress) -> int:
    count = 0
    moments = [name for name in ("created_at", "updated_at") if name in selection.names]
    for families in _families(selection):
        target.writelines(
            dumps(one | {name: moment(one[name]) for name in moments}) + b"\n" for one in _objects(families, selection)
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


def _parquet(selection: Selection, target: BinaryIO, progress: ExportProgress) -> int:
    lib, parquet = pyarrow_module("lib"), pyarrow_module("parquet")
    columns = [(name, _parquet_type(lib, Customer._meta.get_field(name))) for name in selection.names]
    for kind, names in zip(selection.kinds, selection.line_item_names, strict=True):
        one = lib.struct([(name, _parquet_type(lib, kind.model._meta.get_field(name))) for name in names])
        columns.append((kind.name, lib.list_(one)))
    schema, count = lib.schema(columns), 0
    with parquet.ParquetWriter(target, schema) as writer:
        for families in _families(selection):
            writer.write_table(lib.Table.from_pylist(list(_objects(families, selection)), schema=schema))
            count += len(families)
            progress(count)
    return count


Writer = Callable[[Selection, BinaryIO, ExportProgress], int]
WRITERS: dict[str, Writer] = {"csv": _csv, "ndjson": _ndjson, "parquet": _parquet}
FORMATS = ("csv", "xlsx", "ndjson", "parquet")
