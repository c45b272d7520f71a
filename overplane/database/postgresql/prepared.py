"""Statements that the server prepares once a connection, run without a cursor: a third of what one costs psycopg's.

libpq waits for the answer by itself, with the GIL released. Rows come in the server's binary form, which nobody has to
parse, and are read by what was found out about their columns when the statement was prepared.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import psycopg
from psycopg import abc, adapt, generators
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq import abc as pq_abc

Key = tuple[str, tuple[int, ...]]  # a text, and the types of its parameters
# Statements that a connection keeps. Each takes some 100 KB of the server; a busy service runs about sixty.
MOST_PREPARED = 200
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


class Call(NamedTuple):
    prepared: Prepared
    values: Sequence[abc.Buffer | None]
    formats: Sequence[Format] | None


def _answers(server: pq_abc.PGconn, count: int) -> abc.PQGen[list[Any]]:
    """Those to `count` statements, as they come. Waiting lets other threads work: libpq itself would not."""
    yield from generators.send(server)
    answers = []
    for _ in range(count):
        answers += yield from generators.fetch_many(server)
    yield from generators.fetch_many(server)  # the sync's own
    return answers


class PreparedStatements:
    """Those of one connection, the last used at the end."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._writer: abc.Transformer = adapt.Transformer(connection)
        self._known: OrderedDict[Key, Prepared] = OrderedDict()

    def run(self, sql: str, parameters: Sequence[Any]) -> Result:
        call = self._call(sql, parameters)
        server = self.connection.pgconn
        if self._is_to_begin:
            self._check(server.exec_(b"BEGIN"))
        answer = server.exec_prepared(call.prepared.name, call.values, call.formats, Format.BINARY)  # type: ignore[arg-type]  # psycopg's type leaves out that a null is None
        return self._read(call.prepared, self._check(answer))

    def run_in_order(self, several: Sequence[tuple[str, Sequence[Any]]]) -> Result:
        """All of them or none, in one round trip; what the last one answered.

        Each sees what those before it did, and what others had committed when its turn came.
        """
        return self._in_one_trip([self._call(*one) for one in several])

    @property
    def _is_to_begin(self) -> bool:
        idle = TransactionStatus.IDLE
        return not self.connection.autocommit and self.connection.pgconn.transaction_status == idle

    def _call(self, sql: str, parameters: Sequence[Any]) -> Call:
        values = self._writer.dump_sequence(parameters, [adapt.PyFormat.AUTO] * len(parameters))
        key = (sql, self._writer.types or ())
        formats = self._writer.formats
        if known := self._known.get(key):
            self._known.move_to_end(key)
        else:
            known = self._known[key] = self._prepare(key)
        return Call(known, values, formats)

    def _in_one_trip(self, calls: Sequence[Call]) -> Result:
        """Between two syncs the server takes everything for one transaction; a transaction that must begin does so with them."""
        server, begin = self.connection.pgconn, self._is_to_begin
        server.enter_pipeline_mode()
        try:
            if begin:
                server.send_query_params(b"BEGIN", None)
            for call in calls:
                server.send_query_prepared(call.prepared.name, call.values, call.formats, Format.BINARY)
            server.pipeline_sync()
            answers = self.connection.wait(_answers(server, begin + len(calls)))
        except BaseException:  # also a worker's end, which is raised wherever it is
            self.connection.close()  # what is still on its way would be taken for the next one's answer
            raise
        server.exit_pipeline_mode()
        for answer in answers:  # after the first that failed the server passes over the others
            self._check(answer)
        return self._read(calls[-1].prepared, answers[-1])

    def _read(self, prepared: Prepared, result: Any) -> Result:
        if prepared.reader:
            prepared.reader.set_pgresult(result, set_loaders=False)
        else:
            prepared.reader = adapt.Transformer(self.connection)
            prepared.reader.set_pgresult(result, set_loaders=True, format=Format.BINARY)
        return Result(result, prepared.reader)

    def _prepare(self, key: Key) -> Prepared:
        server, name = self.connection.pgconn, name_of(key)
        if len(self._known) >= MOST_PREPARED:
            _, oldest = self._known.popitem(last=False)
            self._check(server.close_prepared(oldest.name))  # not DEALLOCATE, which a pooler would not understand
        self._check(server.prepare(name, numbered(key[0]), key[1]))
        return Prepared(name)

    def _check(self, result: Any) -> Any:
        if result.status in ANSWERED:
            return result
        if self.connection.pgconn.status == ConnStatus.BAD:
            message = result.error_message.decode("utf-8", "replace").strip()
            raise psycopg.OperationalError(message or "the server closed the connection")
        raise psycopg.errors.error_from_result(result, encoding=self.connection.info.encoding)
