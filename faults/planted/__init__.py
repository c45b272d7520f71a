"""Faults put in on purpose, which prove that a run would see them. Each replaces one name of the product, in its own processes.

A name that is there no more is an error, so that a fault cannot rot unseen; and one that was planted, but never reached,
says so.
"""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from django.db import connection

MODULES = ("writes", "keys", "rows", "log", "delivery", "transfers", "doors")
Install = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Planted:
    """`helped_by`: the faults of the plan that bring it to light. `database`: the only one on which it is one."""

    name: str
    what: str
    install: Install
    helped_by: tuple[str, ...] = ()
    database: str = ""


KNOWN: dict[str, Planted] = {}


def plant(what: str, *helped_by: str, database: str = "") -> Callable[[Install], Install]:
    def register(install: Install) -> Install:
        KNOWN[install.__name__] = Planted(install.__name__, what, install, helped_by, database)
        return install

    return register


def all_known() -> dict[str, Planted]:
    for name in MODULES:
        importlib.import_module(f"faults.planted.{name}")
    return KNOWN


def install() -> None:
    """The one that the environment names, if it names one. Only what this package starts reads that."""
    if name := os.environ.get("FAULTS_PLANTED"):
        all_known()[name].install()


def reached() -> None:
    """Called where the planted code does something else than the product's own."""
    if file := os.environ.get("FAULTS_REACHED"):
        Path(file).touch()


def replace(where: str, new: Callable[[Any], Any]) -> None:
    """`where`: `module:name` or `module:Class.name`. `new` makes the replacement of what is there."""
    module, _, path = where.partition(":")
    owner: Any = importlib.import_module(module)
    *owners, name = path.split(".")
    for one in owners:
        owner = getattr(owner, one)
    setattr(owner, name, new(getattr(owner, name)))


def put(where: str, value: Any) -> None:
    """As `replace`, with something that always stands there."""

    def instead(_: Any) -> Any:
        reached()
        return value

    replace(where, instead)


def execute(sql: str) -> None:
    """In the run's own database; when the places are only checked (see `__main__`) there is none."""
    if "FAULTS_PLANTED" in os.environ:
        with connection.cursor() as cursor:
            cursor.execute(sql)
        connection.close()
        reached()


class Instead:
    """A module or an object, with some attributes of its own."""

    def __init__(self, original: ModuleType | Any, **own: Any) -> None:
        self._original = original
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)
