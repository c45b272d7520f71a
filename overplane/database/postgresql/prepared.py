"""Statements that the server prepares once a connection, run without a cursor: a third of what one costs psycopg's.

libpq waits for the answer by itself, with the GIL released. Rows come in the server's binary form, which nobody has to
parse, and are read by what was found out about their columns when the statement was prepared.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg import abc, adapt
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus

Key = tuple[str, tuple[int, ...]]  # a text, and the types of its parameters
# Statements that a connection keeps. Each takes some 100 KB of the server; a busy service runs about sixty.
KEPT = 200
ANSWERED = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


def name_of(key: object) -> bytes:
    """A name that stands for one text and its types in every process, see `DigestNames`."""
    return b"overplane_" + blake2b(repr(key).encode(), digest_size=16).hexdigest().encode()


@lru_cache(maxsize=512)
def numbered(sql: str) -> bytes:
    """The text with the server's own placeholders ($1, $2 …)."""
    first, *rest = sql.split("%s")
    if any("%" in part for part in (first, *rest)):
        raise ValueError(f"Bind texts that hold a percent sign as parameters: {sql}")
    return "".join([first, *(f"${i}{part}" for i, part in enumerate(rest, 1))]).encode()


class Result:
    """What a statement answered, as a cursor tells it. Read it before the same statement runs again."""

    __slots__ = ("_reader", "_result")

    def __init__(self, result: Any, reader: abc.Transformer) -> None:
        self._result, self._reader = result, reader

    @property
    def rowcount(self) -> int:
        return self._result.command_tuples or 0

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._reader.load_rows(0, self._result.ntuples, tuple)

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._reader.load_row(0, tuple) if self._result.ntuples else None


@dataclass(slots=True)
class Prepared:
    """`reader` is there as soon as the statement has answered once."""

    name: bytes
    reader: abc.Transformer | None = None


class PreparedStatements:
    """Those of one connection, the last used at the end."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._writer: abc.Transformer = adapt.Transformer(connection)
        self._known: OrderedDict[Key, Prepared] = OrderedDict()

    def run(self, sql: str, parameters: Sequence[Any]) -> Result:
        values = self._writer.dump_sequence(parameters, [adapt.PyFormat.AUTO] * len(parameters))
        key = (sql, self._writer.types or ())
        server = self.connection.pgconn
        if not self.connection.autocommit and server.transaction_status == TransactionStatus.IDLE:
            self._check(server.exec_(b"BEGIN"))
        if known := self._known.get(key):
            self._known.move_to_end(key)
        else:
            known = self._known[key] = self._prepare(key)
        answer = server.exec_prepared(known.name, values, self._writer.formats, Format.BINARY)  # type: ignore[arg-type]  # a null is None
        result = self._check(answer)
        if known.reader:
            known.reader.set_pgresult(result, set_loaders=False)
        else:
            known.reader = adapt.Transformer(self.connection)
            known.reader.set_pgresult(result, set_loaders=True, format=Format.BINARY)
        return Result(result, known.reader)

    def _prepare(self, key: Key) -> Prepared:
        server, name = self.connection.pgconn, name_of(key)
        if len(self._known) >= KEPT:
            _, oldest = self._known.popitem(last=False)
            self._check(server.exec_(b"DEALLOCATE " + oldest.name))
        self._check(server.prepare(name, numbered(key[0]), key[1]))
        return Prepared(name)

    def _check(self, result: Any) -> Any:
        if result.status in ANSWERED:
            return result
        if self.connection.pgconn.status == ConnStatus.BAD:
            message = result.error_message.decode("utf-8", "replace").strip()
            raise psycopg.OperationalError(message or "the server closed the connection")
        raise psycopg.errors.error_from_result(result, encoding=self.connection.info.encoding)
