"""Reads by PostgreSQL's standbys. Whoever has just written is answered by one only if it has what he wrote, else by the primary.

A thread reads from a replica while that stands in the place of the primary among Django's connections, so nothing that
reads need know of it. What a server has is told by its position in the write-ahead log. The primary knows where each actor's last
write has ended (`wrote`), and this process when the primary was where (`Ages`): so a replica that lags, or that nobody
sends anything any more, is told without a clock of its own.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import count
from typing import TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, ProgrammingError, connections
from prometheus_client import Counter

from overplane.database.dialect import as_postgresql, is_postgresql
from overplane.database.statements import first, run
from overplane.database.troubles import Trouble, trouble

T = TypeVar("T")
log = logging.getLogger("overplane.database")
reads = Counter(
    "overplane_replica_reads_total", "Lists read, by the server that answered, where there are replicas.", ["server"]
)
ANYBODY = ""  # whose place all must have seen: of writes by jobs, and of what was written before the table was emptied
# Seconds after a failure, when nobody waits for it: at least so many, and so many for each that the failure took. One that
# refuses is asked often (it may just be starting), one that says nothing twice a minute.
LEFT_OUT, LEFT_OUT_EACH = 5.0, 10.0
SAMPLES = 50  # of where the primary was, within `REPLICA_MAX_LAG`
MUCH = 64 << 20  # bytes of the log, which a standby that is well replays in a second or two
POLL = 0.1  # seconds, of a job that waits until a replica has what it needs
PATIENCE = 1.0  # seconds that one may wait for a replica's place before others pass it by
# The position as a number. It is where the next record will begin, so whatever is committed lies before it.
HERE = "(pg_current_wal_insert_lsn() - '0/0')::bigint"
# Unlogged: it costs no write to the disk. A crash and a promotion empty it; then all count as having written until now.
TABLE = "overplane_last_write"
NOTE = (
    f"INSERT INTO {TABLE} (actor, place) VALUES (%s, {HERE})"
    f" ON CONFLICT (actor) DO UPDATE SET place = GREATEST({TABLE}.place, excluded.place)"
)
BEGIN = f"INSERT INTO {TABLE} (actor, place) VALUES ('', {HERE}) ON CONFLICT (actor) DO NOTHING"
# A dump brings places of another server, whose log may have been longer: they would lie ahead for ever.
FORGET = f"DELETE FROM {TABLE} WHERE place > {HERE}"
# Which log a position is of: after a promotion there are two, and a standby that goes on with the other one may be further
# in it. Whom `pg_read_all_stats` lets see it, a standby tells at once which it follows, others at its next restart point.
SYSTEM = "(SELECT system_identifier FROM pg_control_system())"
LOG = f"{SYSTEM} || '/' || ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int"
FOLLOWED = (
    f"{SYSTEM} || '/' || (SELECT GREATEST(timeline_id, min_recovery_end_timeline, (SELECT received_tli FROM"
    " pg_stat_wal_receiver)) FROM pg_control_checkpoint(), pg_control_recovery())"
)
NEEDED = (
    f"SELECT (SELECT place FROM {TABLE} WHERE actor = ''),"
    f" (SELECT max(place) FROM {TABLE} WHERE actor IN ('', %s)), {HERE}, {LOG}"
)
REPLAYED = f"SELECT pg_is_in_recovery(), (pg_last_wal_replay_lsn() - '0/0')::bigint, {FOLLOWED}"


class Ages:
    """The primary's positions in its log, each with the time at which this process saw it."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()

    def oldest_allowed(self, position: int, now: float) -> int:
        """The position that a replica must have reached in order not to lag too much. `position`: the primary's now.

        A process that was asked for nothing lately knows no older one, and lets a replica read that is where the primary is.
        """
        with self._lock:
            while self._seen and now - self._seen[0][0] > settings.REPLICA_MAX_LAG:
                self._seen.popleft()
            if not self._seen or now - self._seen[-1][0] > settings.REPLICA_MAX_LAG / SAMPLES:
                self._seen.append((now, position))
            return self._seen[0][1]


class Replica:
    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._left_out_until = 0.0
        self._was_well = True
        self._asking: dict[int, float] = {}  # since when a thread waits for its position

    def is_left_out(self, now: float) -> bool:
        return now < self._left_out_until or any(now - since > PATIENCE for since in list(self._asking.values()))

    def has(self, position: int, of_log: str, now: float) -> bool:
        """Whether it has replayed so far of this log. Nobody waits for that."""
        # Of a stream that nobody closed: all that is read there is of its moment.
        if connections[self.alias].in_atomic_block:
            return False
        thread = threading.get_ident()
        self._asking[thread] = now
        try:
            with self.reading_from_it():
                is_standby, replayed, followed = first(REPLAYED, []) or (False, 0, "")
        except (DatabaseError, InterfaceError, OSError) as failure:
            self.leave_out(failure, since=now)
            return False
        finally:
            del self._asking[thread]
        return bool(is_standby and followed == of_log and replayed >= position)

    def leave_out(self, failure: Exception, *, since: float) -> None:
        now = time.monotonic()
        if now < self._left_out_until:
            return  # by another thread, for the same failure
        self._left_out_until = now + max(LEFT_OUT, LEFT_OUT_EACH * (now - since))
        level = logging.WARNING if self._was_well else logging.INFO
        log.log(level, "%s is left out: %s", self.alias, str(failure).strip().splitlines()[:1])
        self._was_well = False

    def has_answered(self) -> None:
        if not self._was_well:
            log.warning("%s is read from again", self.alias)
        self._was_well = True
        reads.labels(self.alias).inc()

    @contextmanager
    def reading_from_it(self) -> Iterator[None]:
        """What this thread asks meanwhile, it asks the replica."""
        primary, replica = as_postgresql(connections[DEFAULT_DB_ALIAS]), as_postgresql(connections[self.alias])
        before, waited = _held.replica, replica.waited
        replica.allow(primary.most - primary.waited)
        connections[DEFAULT_DB_ALIAS], _held.replica = replica, self
        try:
            yield
        finally:
            connections[DEFAULT_DB_ALIAS], _held.replica = primary, before
            primary.waited += replica.waited - waited  # it is a request's time for the database as well


class _Held(threading.local):
    replica: Replica | None = None


_held = _Held()
_ages = Ages()
_replicas = [Replica(alias) for alias in settings.DATABASES if alias != DEFAULT_DB_ALIAS]
_turns = count()


def wrote(actor: str = ANYBODY) -> None:
    """Call when what this actor wrote is committed, and before he is told so.

    What jobs write is noted in any case: a worker need not know of the replicas that web processes read from.
    """
    if not _replicas and (actor != ANYBODY or not is_postgresql()):
        return
    try:
        run(NOTE, [actor])
    except (DatabaseError, InterfaceError):
        # It is done, so the answer must not be that it failed. A crash counts as a note for everybody; a connection that
        # broke alone does not.
        with suppress(DatabaseError, InterfaceError):
            connections[DEFAULT_DB_ALIAS].close()
            run(NOTE, [actor])


def read(work: Callable[[], T], *, reader: str) -> T:
    """What `work` returns, which only reads. `reader` is the actor for whom it does.

    A replica's failure is nobody's: the primary is asked then. So it is if there is an error in the answer, which may come of
    what the replica does not have yet.
    """
    if not _replicas:
        return work()
    if replica := _chosen(reader):
        since = time.monotonic()
        try:
            with replica.reading_from_it():
                answer = work()
        except Exception as failure:
            kind = trouble(failure)
            if kind is Trouble.SLOW:
                raise  # it would take as long there
            if kind is Trouble.AWAY or isinstance(
                failure, ProgrammingError
            ):  # or it has no such table, or shows it to others
                replica.leave_out(failure, since=since)
        else:
            replica.has_answered()
            return answer
    reads.labels("primary").inc()
    return work()


@contextmanager
def writing(actor: str) -> Iterator[None]:
    """What is done in here is noted as this actor's, before he is answered.

    So it is if no answer to its commit came: it may be done.
    """
    try:
        yield
    except Exception as failure:
        if trouble(failure) is Trouble.AWAY:
            wrote(actor)
        raise
    wrote(actor)


@contextmanager
def read_at_length() -> Iterator[None]:
    """What is asked in here is asked a replica, if one has all that is there now within `REPLICA_MAX_LAG`.

    For jobs: a failure is theirs, and they are done once more, without this. Raises `OperationalError` for each of the
    replica's, whose word is not the last one, as in `read`.
    """
    replica = _awaited() if _replicas else None
    if replica is None:
        yield
        return
    since = time.monotonic()
    try:
        with replica.reading_from_it():
            yield
    except Exception as failure:
        if trouble(failure) is Trouble.AWAY or isinstance(failure, ProgrammingError):
            replica.leave_out(failure, since=since)
        if isinstance(failure, DatabaseError | InterfaceError) and not isinstance(failure, OperationalError):
            raise OperationalError(f"{replica.alias}: {failure}") from failure
        raise
    replica.has_answered()


def held() -> Callable[[], AbstractContextManager[None]]:
    """For what is read later on, as the parts of a stream are: opens the place of the replica that this thread reads from."""
    replica = _held.replica
    return replica.reading_from_it if replica else nullcontext


def troubles() -> Iterator[tuple[str, str]]:
    """Aliases of replicas that are not read from now, each with what is wrong."""
    _, _, here, log_now = first(NEEDED, [ANYBODY]) or (None, 0, 0, "")
    for replica in _replicas:
        try:
            with replica.reading_from_it():
                is_standby, replayed, followed = first(REPLAYED, []) or (False, 0, "")
        except (DatabaseError, InterfaceError, OSError) as failure:
            yield replica.alias, str(failure).strip().partition("\n")[0]
            continue
        if not is_standby:
            yield replica.alias, "it is no standby"
        elif followed != log_now:
            yield replica.alias, "it follows another primary, or has made no restart point since the promotion"
        elif here - replayed > MUCH:
            yield replica.alias, f"it is {(here - replayed) >> 20} MB behind"


def _chosen(reader: str) -> Replica | None:
    """The first one, in turn, that has all that this reader must see. None: the primary."""
    try:
        base, needed, here, log_now = first(NEEDED, [reader]) or (None, 0, 0, "")
        if base is None:
            run(BEGIN, [])
            return None
        if needed > here:
            run(FORGET, [])
            return None
    except DatabaseError:  # as before the migration, or where the primary only reads: it may have the list all the same
        return None
    now = time.monotonic()
    return _in_turn(max(needed, _ages.oldest_allowed(here, now)), log_now, now)


def _awaited() -> Replica | None:
    try:
        _, _, here, log_now = first(NEEDED, [ANYBODY]) or (None, 0, 0, "")
    except DatabaseError:  # as before the migration
        return None
    ends = time.monotonic() + settings.REPLICA_MAX_LAG
    while (now := time.monotonic()) < ends and not all(one.is_left_out(now) for one in _replicas):
        if replica := _in_turn(here, log_now, now):
            return replica
        time.sleep(POLL)
    return None


def _in_turn(position: int, of_log: str, now: float) -> Replica | None:
    turn = next(_turns)
    in_turn = [_replicas[(turn + i) % len(_replicas)] for i in range(len(_replicas))]
    return next((one for one in in_turn if not one.is_left_out(now) and one.has(position, of_log, now)), None)
