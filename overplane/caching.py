"""What a process makes at most once, though many threads ask for it at the same time."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class ComputedOnce(Generic[T]):
    """The first to call it makes the thing; whoever comes meanwhile waits for that one. A failure is not kept.

    `functools.cache` lets them all make it: those that come at the same time work on the same things, and fail.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._result: tuple[T] | None = None

    def __call__(self) -> T:
        if self._result is None:
            with self._lock:
                if self._result is None:
                    self._result = (self._make(),)
                return self._result[0]
        return self._result[0]

    def cache_clear(self) -> None:
        with self._lock:
            self._result = None


def computed_once(make: Callable[[], T]) -> ComputedOnce[T]:
    return ComputedOnce(make)


class Recent(Generic[T]):
    """What costs others something, and is asked for by many: made at most once in so many seconds, by one thread."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._latest: tuple[float, T] | None = None

    @property
    def latest(self) -> T | None:
        """What was made last, if anything was."""
        return self._latest[1] if self._latest else None

    def get(self, make: Callable[[], T]) -> T:
        with self._lock:
            if self._latest is None or time.monotonic() - self._latest[0] >= self.seconds:
                result = make()
                self._latest = time.monotonic(), result
            return self._latest[1]
