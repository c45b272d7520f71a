"""Django's PostgreSQL backend, with a health check that costs no round trip, prepared statements, no JIT."""

import logging
import select
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, models
from django.db.backends.postgresql import base
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from psycopg._preparing import Prepare, PrepareManager  # no public name: psycopg offers no way to name statements

from overplane.database import time_limits
from overplane.database.postgresql import poolers, servers, watch
from overplane.database.postgresql.prepared import PreparedStatements, Result, name_of, numbered
from overplane.database.timing import TimedWrapper

log = logging.getLogger("overplane.database")
# Where the server refuses a statement whose columns a migration has changed since it was prepared (a longer text suffices).
# Its message depends on the server's language.
STALE = "RevalidateCachedQuery"


class DigestNames(PrepareManager):
    """Names a prepared statement by its text and the types of its parameters.

    psycopg counts them. Behind a pooler two processes then give one name to two texts, and the pooler may hand the one
    the other's connection: it would run a statement that it never wrote.
    """

    def get(self, query: Any, prepare: bool | None = None) -> tuple[Prepare, bytes]:
        decision, name = super().get(query, prepare)
        if decision is Prepare.SHOULD:  # once for each statement of a connection
            key = self.key(query)
            name = name_of(key)
            if name in self._to_flush:  # pushed out of the cache, but the server still has it: it may stay
                self._to_flush.remove(name)
                self._names[key] = name
                return Prepare.YES, name
        return decision, name

    def validate(self, key: Any, prep: Prepare, name: bytes, results: Any) -> None:
        """A statement that fails when it first runs is prepared all the same: the next one must not prepare it again."""
        if not self._should_discard(prep, results) and self._check_results(results):
            self._rotate()  # after a failure nothing can be deallocated


class SchemaEditor(DatabaseSchemaEditor):
    def _create_like_index_sql(self, model: type[models.Model], field: models.Field) -> Any:
        """Text that sorts by code point is found by its beginning through its own index; Django would add a second one."""
        if field.db_parameters(self.connection).get("collation") == "C":
            return None
        return super()._create_like_index_sql(model, field)  # type: ignore[misc]  # Django's hook; not in the stubs


class DatabaseWrapper(TimedWrapper, base.DatabaseWrapper):
    """With a transaction pooler nothing that lives longer than a transaction is relied on, but what the pooler itself keeps."""

    SchemaEditorClass = SchemaEditor
    _prepared: PreparedStatements | None = None
    _asks_plainly = False

    @property
    def has_sessions(self) -> bool:
        return not self._asks_plainly and self._declared == "none"

    @property
    def prepares(self) -> bool:
        return not self._asks_plainly and self._declared != "transaction"

    @property
    def _declared(self) -> str:
        return str(self.settings_dict["POOLER"])

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(servers.in_order(conn_params))
        reached = servers.reached_by(connection, conn_params)
        self._asks_plainly = self._declared != "transaction" and bool(poolers.finding(self._declared, reached))
        if time_limits.are_for_requests() or self.alias != DEFAULT_DB_ALIAS:  # a job can do without a replica
            watch.watch(connection, conn_params, is_pooled=not self.has_sessions)
        return connection

    def is_usable(self) -> bool:
        """An idle connection on which something arrives was closed by the server (or is best asked whether)."""
        if self.connection is None or self.connection.closed:
            return False
        if self.errors_occurred and self._is_standby():
            return False  # it was demoted: who connects anew finds the one that was promoted
        readable = select.poll()  # select.select knows no number above 1,023
        readable.register(self.connection.fileno(), select.POLLIN)
        return super().is_usable() if readable.poll(0) else True

    def _is_standby(self) -> bool:
        try:
            return bool(self.connection.execute("SELECT pg_is_in_recovery()").fetchone()[0])
        except psycopg.Error:
            return True  # nor is it usable

    def _configure_connection(self, connection: Any) -> bool:
        if not self.has_sessions:
            connection.prepare_threshold = None
            return super()._configure_connection(connection)  # type: ignore[misc]  # Django's hook; not in the stubs
        names = DigestNames()
        names.prepare_threshold = connection.prepare_threshold
        connection._prepared = names
        # Compiling a statement of a hundred expressions costs seconds, and no statement here runs long enough to earn them.
        limits = [f"SET {name} = {round(seconds * 1000)}" for name, seconds in time_limits.of_sessions().items()]
        connection.execute("; ".join(["SET jit = off", *limits]))
        super()._configure_connection(connection)  # type: ignore[misc]  # Django's hook; not in the stubs
        return True  # to be committed

    def chunked_cursor(self) -> Any:
        """One that stays on the server; without sessions it does so for a transaction, and outside of one is none."""
        self.ensure_connection()  # which finds out whether there are sessions
        return super().chunked_cursor() if self.has_sessions or self.in_atomic_block else self.cursor()

    def execute_prepared(self, sql: str, parameters: Sequence[Any]) -> Result | psycopg.RawCursor[Any]:
        """Read its rows before the next statement."""
        if (result := self._by_name(lambda prepared: prepared.run(sql, parameters))) is not None:
            return result
        cursor = psycopg.RawCursor(self.connection)
        cursor.format = psycopg.pq.Format.BINARY
        began = self.begin()
        try:
            return cursor.execute(numbered(sql), parameters)
        finally:
            self.end(began)

    def execute_in_one_trip(self, several: Sequence[tuple[str, Sequence[Any]]]) -> Result | None:
        """See `PreparedStatements.run_in_order`. None where nothing can be prepared; nothing has happened then."""
        return self._by_name(lambda prepared: prepared.run_in_order(several))

    def _by_name(self, work: Callable[[PreparedStatements], Result]) -> Result | None:
        if not self.prepares:
            return None
        if self._prepared is None or self._prepared.connection is not self.connection:
            self._prepared = PreparedStatements(self.connection)
        began = self.begin()
        try:
            return work(self._prepared)
        except poolers.NOT_OURS as error:
            self._prepare_no_more(error, poolers.UNDECLARED if self.has_sessions else poolers.FORGETFUL)
            return None
        except psycopg.errors.FeatureNotSupported as error:
            if error.diag.source_function != STALE:
                raise
            if not self.has_sessions:
                self._prepare_no_more(error, poolers.STALE)
                return None
            self._forget_prepared(error)
            return work(self._prepared)
        finally:
            self.end(began)

    def _prepare_no_more(self, error: psycopg.Error, reason: str) -> None:
        log.warning("%s", error)
        poolers.remember(reason, self._declared, servers.reached_by(self.connection, self.get_connection_params()))
        self._asks_plainly = True
        self.connection.prepare_threshold = None
        if self.connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            raise psycopg.OperationalError(reason) from error  # the transaction is lost: to be tried again

    def _forget_prepared(self, error: psycopg.Error) -> None:
        """A migration came while this connection was open."""
        if self.connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            # Django replaces it when the request ends; this transaction is lost, and to be tried again.
            self.close_at = 0
            raise psycopg.OperationalError("The tables were changed.") from error
        self.connection.execute("DEALLOCATE ALL")
        self._prepared = PreparedStatements(self.connection)
