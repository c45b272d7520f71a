"""No test leaves anything behind for the next: what it changes of the process it puts back, or it fails.

Warning filters need no watch: pytest puts them back after each test.
"""

import locale
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone, translation
from django.utils.functional import LazyObject, Promise

from overplane import log_lines

Named = dict[str, Any]
WHOLE = {str, int, bool, float, type(None)}  # nothing inside of them can be changed
WORKED_OUT = (Promise, LazyObject)
ELSEWHERE = {"PYTEST_CURRENT_TEST", "DJANGO_ALLOW_ASYNC_UNSAFE"}


def _settings() -> Named:
    """As texts: what is changed inside a setting shows too. Not those that are worked out, or translated, on the way."""
    # Past the lazy object, which takes three calls for each: this is done twice for every test.
    held = settings._wrapped
    values: Named = {}
    for name in dir(held):
        # Django itself hides this one while anything is overridden.
        if name.isupper() and name != "SETTINGS_MODULE":
            value = getattr(held, name)
            if type(value) in WHOLE:
                values[name] = value
            elif not isinstance(value, WORKED_OUT):
                values[name] = repr(value)
    return values


def _environment() -> Named:
    """But for what pytest and the browser's tests, all of them, set for themselves."""
    return {name: value for name, value in os.environ.items() if name not in ELSEWHERE}


def _process() -> Named:
    return {
        "request id": log_lines.request_id.get(),
        "language": translation.get_language(),
        "time zone": timezone.get_current_timezone_name(),
        "directory": Path.cwd(),
        "locale": locale.setlocale(locale.LC_ALL),
        "answer to SIGTERM": signal.getsignal(signal.SIGTERM),
        "answer to SIGINT": signal.getsignal(signal.SIGINT),
    }


WATCHED: dict[str, Callable[[], Named]] = {"setting": _settings, "environment": _environment, "process": _process}
BEFORE = pytest.StashKey[dict[str, Named]]()


@pytest.fixture(autouse=True)
def found_in_order(request: pytest.FixtureRequest, django_db_setup: None) -> None:
    """Looked at after what holds for all tests is set up, and again when this test's own fixtures have put things back.

    The tests' database is one of those things: who asks for it only while it runs would else be blamed for its name.
    """
    request.node.stash[BEFORE] = {kind: look() for kind, look in WATCHED.items()}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    yield
    if BEFORE not in item.stash or nextitem is None:  # its setting up failed; what held for all tests is gone too
        return
    before = item.stash[BEFORE]
    left = [
        f"{kind} {name}: {old.get(name)!r:.120} became {new.get(name)!r:.120}"
        for kind, old, new in ((kind, before[kind], look()) for kind, look in WATCHED.items())
        if old != new
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    if left:
        _put_back(before)
        pytest.fail(f"This test leaves behind: {'; '.join(left)}", pytrace=False)


def _put_back(before: dict[str, Named]) -> None:
    """What the next test would stumble over; it is not at fault."""
    translation.activate(before["process"]["language"])
    timezone.deactivate()
    log_lines.request_id.set(before["process"]["request id"])
    os.chdir(before["process"]["directory"])
    for name in os.environ.keys() - before["environment"].keys() - {"PYTEST_CURRENT_TEST"}:
        del os.environ[name]
    os.environ.update(before["environment"])
