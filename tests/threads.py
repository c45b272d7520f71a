"""Doing things at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def together(work: Callable[[int], T], count: int) -> list[T]:
    """`work(0)` … `work(count - 1)` in as many threads, each with its own database connection."""

    def one(i: int) -> T:
        try:
            return work(i)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
