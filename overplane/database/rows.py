"""Rows of one model as plain tuples, with SQL text that is written once and not in each request.

The ORM builds a statement of fifty columns anew each time, which costs more than the database
takes to answer it. What is here is small on purpose: anything with conditions goes through a
queryset's `values_list(*table.names)`, which gives the same tuples.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db import connection, models

from overplane.database import statements
from overplane.database.dialect import is_postgresql, row_lock
from overplane.database.statements import Row, Statement

NOTHING: Mapping[str, Any] = {}
STREAMED = 500  # rows at a time; with fifty columns some hundred kilobytes


class SqlTable:
    """`names` are what is read: attribute names in the order of the model's fields.

    `unread` fields are written only; `generated` ones are filled in by the database. What is `computed` is so in the
    statement that inserts a row, by the SQL that its function gives; COPY needs the value.
    """

    def __init__(
        self,
        model: type[models.Model],
        *,
        unread: Iterable[str] = (),
        generated: Iterable[str] = (),
        computed: Mapping[str, Callable[[], str]] = NOTHING,
    ) -> None:
        self.model, self.computed = model, computed
        written = self.written_fields = [f for f in model._meta.concrete_fields if f.attname not in set(generated)]
        self.fields = [f for f in model._meta.concrete_fields if f.attname not in set(unread)]
        self.names = tuple(f.attname for f in self.fields)
        self.written = tuple(f.attname for f in written)
        self.columns = ", ".join(f'"{f.column}"' for f in self.fields)
        self.name = f'"{model._meta.db_table}"'
        self.pk = f'"{model._meta.pk.column}"'
        self.select = f"SELECT {self.columns} FROM {self.name}"
        columns = ", ".join(f'"{f.column}"' for f in written)
        self._insert_into = f"INSERT INTO {self.name} ({columns})"
        self.copy_statement = f"COPY {self.name} ({columns}) FROM STDIN"
        self._columns = {f.attname: f.column for f in written}
        self._bound = [name for name in self.written if name not in computed]

    @cached_property
    def insert_statement(self) -> str:
        """SELECT, not VALUES: a condition can follow it."""
        values = [self.computed[name]() if name in self.computed else "%s" for name in self.written]
        return f"{self._insert_into} SELECT {', '.join(values)}"

    @property
    def insert_whole_statement(self) -> str:
        """With the value of each column that is written, as COPY has it."""
        return f"{self._insert_into} SELECT {', '.join(['%s'] * len(self.written))}"

    def get(self, pk: str, *, lock: bool = False, columns: str = "", turns: int | None = None) -> Row | None:
        """The row with this primary key (or `columns` of it); with `lock`, nobody else changes it until the transaction ends.

        `turns`: see `take_turns`.
        """
        if lock:
            return statements.first(*self.locking(pk, columns=columns, turns=turns))
        return statements.first(f"SELECT {columns or self.columns} FROM {self.name} WHERE {self.pk} = %s", [pk])

    def locking(self, pk: str, *, columns: str = "", turns: int | None = None) -> Statement:
        """What `get` asks with `lock`."""
        is_in_turn = turns and is_postgresql()
        turn = f" AND pg_advisory_xact_lock({turns}, hashtext({self.pk})) IS NOT NULL" if is_in_turn else ""
        sql = f"SELECT {columns or self.columns} FROM {self.name} WHERE {self.pk} = %s{turn}{row_lock()}"
        return Statement(sql, [pk])

    @staticmethod
    def take_turns(turns: int, pks: Sequence[str]) -> None:
        """Waits for those who are about to lock one of these rows; `pks` in the order in which everybody locks them.

        On PostgreSQL several transactions that wait for one row get their transaction numbers before they get the row,
        and then get it in another order: their events would contradict their versions. An advisory lock takes no number,
        so whoever is first in turn is first in both. `turns`: the locks' first half, of no other meaning.
        """
        if is_postgresql() and pks:
            statements.rows(
                "SELECT pg_advisory_xact_lock(%s, hashtext(pk)) FROM unnest(%s::text[]) AS pk", [turns, pks]
            )

    def fetch(self, where_and_order: str, parameters: Sequence[Any]) -> list[Row]:
        """The rows of a trusted SQL tail (`WHERE … ORDER BY …`)."""
        return statements.rows(f"{self.select} {where_and_order}", parameters)

    def stream(self) -> Iterator[dict[str, Any]]:
        """Every row by name, in the order of primary keys. As it is stored: the ORM would stumble over a number that is too large."""
        with connection.chunked_cursor() as cursor:
            cursor.execute(f"{self.select} ORDER BY {self.pk}")
            while rows := cursor.fetchmany(STREAMED):
                for row in rows:
                    yield self.values(row)

    def insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """New rows; each mapping has every name."""
        if len(rows) == 1:
            statements.run(*self.insertion(rows[0]))
        else:
            with connection.cursor() as cursor:
                cursor.executemany(self.insert_statement, [self.insertion(row).parameters for row in rows])

    def insertion(self, row: Mapping[str, Any]) -> Statement:
        return Statement(self.insert_statement, to_database([row[name] for name in self._bound]))

    def update(self, pk: str, values: Mapping[str, Any]) -> None:
        """Writes the named columns of one row, and no other."""
        statements.run(*self.change(pk, values))

    def change(self, pk: str, values: Mapping[str, Any], *, still: Mapping[str, Any] = NOTHING) -> Statement:
        """Writes the named columns of one row, if the columns in `still` (none is null) are as they are there."""
        columns = ", ".join([f'"{self._columns[name]}" = %s' for name in values])
        conditions = " AND ".join([f"{self.pk} = %s", *(f'"{self._columns[name]}" = %s' for name in still)])
        sql = f"UPDATE {self.name} SET {columns} WHERE {conditions}"
        return Statement(sql, to_database([*values.values(), pk, *still.values()]))

    @cached_property
    def _readers(self) -> list[tuple[int, Callable[[Any], Any]]]:
        readers = (
            (i, next((read for type_, read in READERS if isinstance(f, type_)), None))
            for i, f in enumerate(self.fields)
        )
        return [(i, read) for i, read in readers if read]

    def python(self, rows: Sequence[Row]) -> Sequence[Row | list[Any]]:
        """The rows' values as Python knows them: aware datetimes, booleans, decimals."""
        return rows if is_postgresql() else [self._read(row) for row in rows]

    def _read(self, row: Row) -> list[Any]:
        values = list(row)
        for index, read in self._readers:
            if values[index] is not None:
                values[index] = read(values[index])
        return values

    def values(self, row: Row) -> dict[str, Any]:
        """The row by name."""
        (values,) = self.python([row])
        return dict(zip(self.names, values, strict=True))

    def packed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What there is of a row, as JSON holds it without loss: moments and decimals as texts."""
        return {name: _sqlite_text(values[name]) for name in self.names if name in values}

    def unpacked(self, packed: Mapping[str, Any]) -> dict[str, Any]:
        """The same as Python knows it. Columns that there are no more are left out."""
        values = self._read(tuple(packed.get(name) for name in self.names))
        return {name: value for name, value in zip(self.names, values, strict=True) if name in packed}


def to_database(values: list[Any]) -> list[Any]:
    """SQLite has no type for moments and decimals: there they become the texts that Django's ORM writes and reads."""
    return values if is_postgresql() else [_sqlite_text(value) for value in values]


def _sqlite_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return str(value.astimezone(UTC).replace(tzinfo=None))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value


def sqlite_date(value: str | date) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def sqlite_datetime(value: str | datetime) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def sqlite_decimal(value: str | float | Decimal) -> Decimal:
    return Decimal(repr(value) if isinstance(value, float) else value)


# How SQLite's values become Python's; the first kind that fits (a moment is a day to Django).
READERS: list[tuple[type[models.Field], Callable[[Any], Any]]] = [
    (models.DateTimeField, sqlite_datetime),
    (models.DateField, sqlite_date),
    (models.BooleanField, bool),
    (models.DecimalField, sqlite_decimal),
]
