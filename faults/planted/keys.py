"""In safe retries, and in what an answer promises."""

import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from faults.planted import Instead, execute, plant, put, reached, replace
from faults.planted.writes import WINDOW

IDEMPOTENCY = "overplane.api.idempotency"


@plant("the key's row is written after the change has committed", "kill_web_worker")
def key_in_own_transaction() -> None:
    _one_after_the_other(stores_first=False)


@plant("the answer is stored before the change commits", "kill_web_worker", database="postgresql")
def answer_before_commit() -> None:
    _one_after_the_other(stores_first=True)


class UnknownKey(Exception):
    pass


def _unknown() -> Any:
    raise UnknownKey


def _one_after_the_other(*, stores_first: bool) -> None:
    def instead(run_once: Callable[..., Any]) -> Callable[..., Any]:
        def in_two_steps(self: Any, work: Callable[[], Any], **more: Any) -> Any:
            try:
                return run_once(self, _unknown, **more)  # an answer that is there already
            except UnknownKey:
                reached()
            if stores_first:
                with transaction.atomic():
                    response = work()
                    thread = threading.Thread(target=_store, args=[run_once, self, response, more])
                    thread.start()
                    thread.join()
                    time.sleep(5 * WINDOW)
            else:
                response = work()
                time.sleep(5 * WINDOW)
                run_once(self, lambda: response, **more)
            return response

        return in_two_steps

    replace(f"{IDEMPOTENCY}:KeyedRequest.run_once", instead)
    replace(f"{IDEMPOTENCY}:KeyedRequest.run_in_one_trip", lambda _: lambda self, planned: False)


def _store(run_once: Callable[..., Any], keyed: Any, response: Any, more: dict[str, Any]) -> None:
    try:
        run_once(keyed, lambda: response, **more)
    finally:
        connection.close()


@plant("the key of a request is not looked at", "cut_answers")
def key_ignored() -> None:
    put(f"{IDEMPOTENCY}:key_of", lambda request: None)


@plant("a stored answer keeps the values of who was deleted")
def erased_value_in_answers() -> None:
    _keep("stored answers")


@plant("the log keeps the values of who was deleted")
def erased_value_in_events() -> None:
    _keep("log")


def _keep(keeper: str) -> None:
    def instead(erasure: Any) -> Instead:
        def erase(ids: Any) -> Any:
            reached()
            left_out = erasure._erasers[keeper]
            return [eraser(ids) for eraser in erasure._erasers.values() if eraser is not left_out]

        return Instead(erasure, erase=erase)

    replace("crm.services:erasure", instead)


@plant("what is acknowledged is not on the disk yet", "stop_database", "kill_database", database="postgresql")
def acknowledged_too_early() -> None:
    # A server of its own need not be spared: from here on for all of the run's connections.
    execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$")
