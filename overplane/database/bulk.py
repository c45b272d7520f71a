"""Many rows into a table at once, given as columns: by COPY on PostgreSQL, by executemany on SQLite."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from django.db import connection, models

from overplane.database import counters
from overplane.database.dialect import is_postgresql
from overplane.database.rows import SqlTable, to_database

Column = Sequence[Any]
NULL = "\\N"
FEW = 20  # up to here single statements are faster than COPY
GROWTH, SMALLEST = 10, 100  # times what PostgreSQL believes; below 100 rows every plan is fast
TRUTH = {True: "t", False: "f", None: NULL}


class PreparedRows(Protocol):
    """Rows in the form that the driver takes, so that preparing them need not wait for the database."""

    def write(self) -> None: ...


@dataclass(frozen=True, slots=True)
class NoRows:
    def write(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class CopiedRows:
    """For PostgreSQL: `data` is what COPY reads, a line for each row."""

    table: SqlTable
    data: bytes

    @classmethod
    def of(cls, table: SqlTable, columns: Sequence[Column]) -> Self:
        lines = "\n".join(map("\t".join, zip(*map(_copied, table.written_fields, columns), strict=True)))
        return cls(table, lines.encode() + b"\n")

    def write(self) -> None:
        # What goes wrong in a COPY comes past Django's cursor.
        with (
            connection.wrap_database_errors,
            connection.cursor() as cursor,
            cursor.copy(self.table.copy_statement) as copy,
        ):
            copy.write(self.data)


@dataclass(frozen=True, slots=True)
class BoundRows:
    """For SQLite: the parameters of an INSERT, for each row."""

    table: SqlTable
    data: list[tuple[Any, ...]]

    @classmethod
    def of(cls, table: SqlTable, columns: Sequence[Column]) -> Self:
        return cls(table, list(zip(*map(_bound, table.written_fields, columns), strict=True)))

    def write(self) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(self.table.insert_whole_statement, self.data)


def prepare(table: SqlTable, columns: Sequence[Column]) -> PreparedRows:
    """`columns` are in the order of `table.written`, all of one length."""
    if not columns[0]:
        return NoRows()
    if is_postgresql():
        return CopiedRows.of(table, columns)
    return BoundRows.of(table, columns)


def insert(table: SqlTable, columns: Sequence[Column]) -> None:
    prepare(table, columns).write()


def insert_rows(table: SqlTable, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same of whole rows, in the way that is faster for so many."""
    if len(rows) > FEW:
        insert(table, [[row[name] for row in rows] for name in table.written])
    elif rows:
        table.insert(rows)


def update(table: SqlTable, changes: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Writes the named attributes of many rows, each given by its primary key, and no others."""
    groups: dict[str, list[Sequence[Any]]] = {}
    for pk, values in changes:
        sql, parameters = table.change(pk, values)
        groups.setdefault(sql, []).append(parameters)
    with connection.cursor() as cursor:
        for sql, rows in groups.items():
            cursor.executemany(sql, rows)


def analyze_if_grown(table: SqlTable) -> None:
    """ANALYZE for a table that is ten times as large as PostgreSQL believes. Its cached plans are then made again.

    A foreign key's check that was planned while the table was empty may read a whole index for each row. Autovacuum
    would correct it, but only after a minute, which is long in an import.
    """
    if not is_postgresql():
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [table.name])
        (estimate,) = cursor.fetchone()
        if counters.total(connection, table.model._meta.db_table) > GROWTH * max(estimate, SMALLEST):
            cursor.execute(f"ANALYZE {table.name}")


def _copied(field: models.Field, column: Column) -> Sequence[str]:
    """The column as COPY's text format has it."""
    form = next((form for classes, form in COPIED if isinstance(field, classes)), _texts)
    if column[0] is column[-1] and column.count(column[0]) == len(column):  # a default, or one moment for all
        return list(form(column[:1])) * len(column)
    return form(column)


def _texts(column: Column) -> Sequence[str]:
    present = "\0".join([value for value in column if value is not None])
    if "\\" in present or "\n" in present or "\t" in present or "\r" in present:
        return [NULL if value is None else _escaped(value) for value in column]
    return [NULL if value is None else value for value in column]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def _moments(column: Column) -> Sequence[str]:
    return [NULL if value is None else value.isoformat() for value in column]


def _truths(column: Column) -> Sequence[str]:
    return [TRUTH[value] for value in column]


def _numbers(column: Column) -> Sequence[str]:
    return [NULL if value is None else str(value) for value in column]


COPIED: list[tuple[Any, Callable[[Column], Sequence[str]]]] = [
    (models.DateField, _moments),  # moments are days to Django
    (models.BooleanField, _truths),
    ((models.DecimalField, models.IntegerField), _numbers),
]


def _bound(field: models.Field, column: Column) -> Sequence[Any]:
    """The column as SQLite's driver wants it."""
    if isinstance(field, models.DateField | models.DecimalField):
        return to_database(list(column))
    return column
