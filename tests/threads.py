"""Doing things at the same time."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connection, connections

T = TypeVar("T")


def concurrently(work: Callable[[int], T], count: int) -> list[T]:
    """`work(0)` … `work(count - 1)` in as many threads, each with its own database connection."""

    def one(i: int) -> T:
        try:
            return work(i)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        ended = [pool.submit(one, i) for i in range(count)]
    # Who waits at a barrier for one that failed fails too: the first to fail says why.
    errors = [error for each in ended if (error := each.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error
    return [each.result() for each in ended]


@contextmanager
def meanwhile(work: Callable[[], T], *, before: str, nth: int = 1) -> Iterator[list[T]]:
    """Begins `work` in another thread just before this one sends its nth statement with `before` in it, and lets it
    run until it has ended or waits for what this thread's transaction holds. What it answers is in the list in the end.
    """
    answers: list[T] = []
    seen = 0

    def answer() -> None:
        try:
            answers.append(work())
        finally:
            connections.close_all()

    thread = threading.Thread(target=answer)

    def wrapper(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        nonlocal seen
        seen += before in sql
        if seen == nth and thread.ident is None:
            thread.start()
            _until_ended_or_waiting(thread)
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(wrapper):
        yield answers
    assert thread.ident is not None, f"only {seen} statements had {before!r} in them, so nothing happened meanwhile"
    thread.join()


def _until_ended_or_waiting(thread: threading.Thread) -> None:
    ends = time.monotonic() + 60
    while thread.is_alive() and not _somebody_waits_for_us():
        assert time.monotonic() < ends, "the other thread neither ends nor waits"
        thread.join(0.02)


def _somebody_waits_for_us() -> bool:
    if connection.vendor != "postgresql":  # SQLite does not tell: whoever writes waits for the one that does
        time.sleep(0.3)
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])
