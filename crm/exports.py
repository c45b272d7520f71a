"""Customers into files: one snapshot, newest first, columns chosen, supplier numbers in either layout.

What the import reads back is the same: texts that a spreadsheet would take for formulas are
disarmed, moments keep their microseconds, identifiers go along. PostgreSQL writes CSV by itself
(COPY); for the other formats, and on SQLite, rows go through Python.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO

from django.db import connection, models
from django.db.models import QuerySet

from crm.columns import ROWS
from crm.models import CUSTOMERS, SUPPLIER_NUMBERS, Customer
from crm.planning import existing_rows
from crm.representation import CUSTOMER_NAMES
from crm.snapshots import one_snapshot
from overplane.database.encoding import dumps
from overplane.files import workbooks
from overplane.files.spreadsheets import ARMED, disarmed
from overplane.files.tables import pyarrow_module

LAYOUTS = ("lines", "repeated", "none")
ROW_NAMES = ("id", "company", "supplier_number")
CHUNK = 2000
TO_BE_QUOTED = re.compile('[",\n\r]')
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
    def headings(self) -> list[str]:
        return [*self.names, *(ROWS + name for name in self.row_names)]


def export(wanted: Wanted, format: str, target: BinaryIO, *, progress: Progress = lambda count: None) -> int:
    """Writes the customers of one moment. Says how many. Raises `UnusableFile` for what the format cannot hold."""
    with one_snapshot():
        return WRITERS[format](wanted, target, progress)


def _csv(wanted: Wanted, target: BinaryIO, progress: Progress) -> int:
    target.write((codecs.BOM_UTF8 if wanted.is_marked else b"") + _line(wanted.headings).encode())
    if connection.vendor == "postgresql":
        return _csv_by_copy(wanted, target, progress)
    count = 0
    for families in _families(wanted):
        target.write("".join([_line(cells) for one in families for cells in _lines(one, wanted)]).encode())
        count += len(families)
        progress(count)
    return count


def _line(cells: Sequence[str]) -> str:
    """As PostgreSQL writes it: quotes only where there must be any."""
    return ",".join([_quoted(cell) if TO_BE_QUOTED.search(cell) else cell for cell in cells]) + "\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


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
    own = [_cell(customer[name]) for name in wanted.names]
    blank = own if wanted.layout == "repeated" else [""] * len(own)
    for i, child in enumerate((wanted.row_names and children) or [dict.fromkeys(ROW_NAMES)]):
        yield [*(blank if i else own), *(_cell(child[name]) for name in wanted.row_names)]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return disarmed(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _moment(value) if isinstance(value, datetime) else _number(value)


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0")


def _number(value: Decimal) -> str:
    return format(value.normalize(), "f") if value else "0"


def _csv_by_copy(wanted: Wanted, target: BinaryIO, progress: Progress) -> int:
    sql, parameters = _copy_sql(wanted)
    lines = 0
    with connection.cursor() as cursor, cursor.copy(sql, parameters) as copy:
        for line in copy:  # the database sends each row as one message
            target.write(line)
            lines += 1
            if lines % CHUNK == 0:
                progress(lines)
    return wanted.customers.count() if wanted.row_names else lines


def _copy_sql(wanted: Wanted) -> tuple[str, Sequence[Any]]:
    hides = wanted.layout == "lines"
    columns = [_expression("c", CUSTOMERS.model._meta.get_field(name), hides=hides) for name in wanted.names]
    rows = [_expression("r", SUPPLIER_NUMBERS.model._meta.get_field(name)) for name in wanted.row_names]
    join = f"LEFT JOIN {SUPPLIER_NUMBERS.name} r ON r.customer_id = c.id" if rows else ""
    where, parameters = "", ()
    if wanted.customers.query.where:
        chosen, parameters = wanted.customers.order_by().values("pk").query.sql_with_params()
        where = f"WHERE c.id IN ({chosen})"
    order = "c.created_at DESC, c.id DESC" + (", r.idx" if rows else "")
    select = f"SELECT {', '.join([*columns, *rows])} FROM {CUSTOMERS.name} c {join} {where} ORDER BY {order}"
    return f"COPY ({select}) TO STDOUT WITH (FORMAT csv)", parameters


def _expression(table: str, field: models.Field, *, hides: bool = False) -> str:
    """The SQL of one cell, the same as `_cell` makes."""
    name = f'{table}."{field.column}"'
    cases = ["WHEN r.idx > 1 THEN NULL"] if hides else []
    otherwise = name
    match field.get_internal_type():
        case "DateTimeField":
            otherwise = f"""to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
        case "BooleanField":
            otherwise = f"CASE WHEN {name} THEN 'true' ELSE 'false' END"
        case "DecimalField":
            otherwise = f"trim_scale({name})::text"
        case _:
            # All of these signs sort before A: nearly every text is settled by the first comparison.
            signs = ", ".join("'" + sign.replace("'", "''") + "'" for sign in ARMED)
            cases.append(f"WHEN {name} < 'A' AND left({name}, 1) IN ({signs}) THEN '''' || {name}")
    return f"CASE {' '.join(cases)} ELSE {otherwise} END" if cases else otherwise


def _xlsx(wanted: Wanted, target: BinaryIO, progress: Progress) -> int:
    count = 0

    def lines() -> Iterator[list[str]]:
        nonlocal count
        for families in _families(wanted):
            yield from (cells for one in families for cells in _lines(one, wanted))
            count += len(families)
            progress(count)

    workbooks.write(target, "Customers", wanted.headings, lines())
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
            dumps(one | {name: _moment(one[name]) for name in moments}) + b"\n" for one in _objects(families, wanted)
        )
        count += len(families)
        progress(count)
    return count


def _parquet(wanted: Wanted, target: BinaryIO, progress: Progress) -> int:
    lib, parquet = pyarrow_module("lib"), pyarrow_module("parquet")
    types = {
        "DateTimeField": lib.timestamp("us", tz="UTC"),
        "BooleanField": lib.bool_(),
        "DecimalField": lib.decimal128(12, 9),
    }
    kinds = {name: Customer._meta.get_field(name).get_internal_type() for name in wanted.names}
    columns = [(name, types.get(kind, lib.string())) for name, kind in kinds.items()]
    if wanted.row_names:
        row = lib.struct([(name, lib.string()) for name in ROW_NAMES])
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
