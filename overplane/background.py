"""Two things at once: while the database works on one part, the next is made ready in a thread of its own.

The thread works in the state of whoever asks: what it finds wrong is said in that language, and logged under that id.
"""

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from datetime import tzinfo
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections
from django.utils import timezone, translation

from overplane import log_lines
from overplane.thread_state import thread_state

T = TypeVar("T")
END = object()
DEPTH = 2  # these wait while one is written and one is parsed: four parts of a large file are in memory at most


def _state() -> tuple[str | None, str, tzinfo]:
    language = translation.get_language() or settings.LANGUAGE_CODE
    return log_lines.request_id.get(), language, timezone.get_current_timezone()


def prefetch(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items, up to `DEPTH` of them ready before they are needed. An error in making them is raised here."""
    ready: queue.Queue[Any] = queue.Queue(DEPTH)
    is_over = threading.Event()
    asker = _state()

    def put(item: Any) -> None:
        while not is_over.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.1)
                return

    def make() -> None:
        try:
            with thread_state(*asker):
                for item in items:
                    put((item, None))
                    if is_over.is_set():
                        return
            put((END, None))
        except BaseException as error:  # noqa: BLE001 (raised again where the items are used)
            put((END, error))
        finally:
            connections.close_all()  # this thread's own, if making the items needed one

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error:
                raise error
            if item is END:
                return
            yield item
    finally:
        is_over.set()
        thread.join()


@contextlib.contextmanager
def in_background(steps: Iterable[object]) -> Iterator[threading.Thread]:
    """Takes these steps while the block runs, and all of them before it is left. After an error in the block no further one.

    An error in a step is raised at the end of the block. The block gets the thread, to see whether it has ended.
    """
    is_over, errors, asker = threading.Event(), list[BaseException](), _state()

    def take() -> None:
        try:
            with thread_state(*asker):
                for _step in steps:
                    if is_over.is_set():
                        return
        except BaseException as error:  # noqa: BLE001 (raised again below)
            errors.append(error)
        finally:
            connections.close_all()  # this thread's own

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield thread
    except BaseException as failure:
        is_over.set()
        thread.join()
        for error in errors:
            failure.add_note(f"In the background: {error!r}")
        raise
    thread.join()
    if errors:
        raise errors[0]
