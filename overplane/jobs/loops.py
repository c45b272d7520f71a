"""What a worker does all the time beside the queue. Each app registers its loops in its `jobs.py`, as it does with kinds."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

# Runs until the event is set; its database connection is its own to close.
Loop = Callable[[threading.Event], None]
known: dict[str, Loop] = {}
RESTART_SECONDS = 5.0  # after a bug ended a loop


def register(name: str, loop: Loop) -> None:
    known[name] = loop


@contextmanager
def running() -> Iterator[None]:
    """Starts every loop in a thread of its own; in the end it tells them to stop and waits for them."""
    stopped = threading.Event()
    threads = [threading.Thread(target=_run, args=(name, stopped), name=name, daemon=True) for name in known]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def _run(name: str, stopped: threading.Event) -> None:
    while not stopped.is_set():
        try:
            known[name](stopped)
        except Exception:  # (the worker and its other loops go on)
            logger.exception("The loop %s ended; it begins again.", name)
            stopped.wait(RESTART_SECONDS)
