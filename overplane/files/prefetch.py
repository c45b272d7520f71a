"""Reading ahead: while the database works on one part of a file, the next is parsed in a thread of its own."""

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
END = object()


def prefetch(items: Iterator[T], depth: int = 2) -> Generator[T, None, None]:
    """The same items, up to `depth` of them made before they are asked for. What making them raises is raised here."""
    made: queue.Queue[Any] = queue.Queue(depth)
    is_over = threading.Event()

    def put(item: Any) -> None:
        while not is_over.is_set():
            with contextlib.suppress(queue.Full):
                made.put(item, timeout=0.1)
                return

    def make() -> None:
        try:
            for item in items:
                put((item, None))
                if is_over.is_set():
                    return
            put((END, None))
        except BaseException as error:  # noqa: BLE001 (raised again where the items are used)
            put((END, error))

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if error:
                raise error
            if item is END:
                return
            yield item
    finally:
        is_over.set()
        thread.join()
