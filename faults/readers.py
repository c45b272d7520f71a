"""Those who only read: one follows the feed as it grows, one walks through the list while it changes."""

import json
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from faults.calls import Api
from faults.history import OK
from faults.workload import CUSTOMER

FEED = "/api/crm/event"
PAGE = 20


class FeedReader:
    """Writes each event's id, one a line, as it came: what a poller believes to be the log.

    Beside it stand the id of a customer that was created and its word, which the log forgets when it is deleted.
    """

    def __init__(self, api: Api, file: Path) -> None:
        self.api, self.file, self.cursor = api, file, "start"

    def run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            self.read_on()
            time.sleep(self.api.dice.random() * 0.05)

    def read_on(self) -> int:
        """How many were new."""
        path = f"{FEED}?after={quote(self.cursor)}&limit={self.api.dice.choice([3, 100, 1000])}"
        call = self.api.call("feed", "GET", path, notes={"quiet": True})
        if call.outcome != OK:
            return -1
        with self.file.open("a") as out:
            out.writelines(f"{event['id']}{_created(event)}\n" for event in call.answer["data"])
        self.cursor = call.answer["next_cursor"]
        return len(call.answer["data"])

    def finish(self) -> None:
        while self.read_on():
            time.sleep(0.05)
        self.api.close()


def _created(event: dict[str, Any]) -> str:
    shown = event["data"]["object"]
    name = shown.get("customer_name") if event["type"] == "customer.created" else None
    return f" {shown['id']} {name.split(' ')[0]}" if name else ""


def whole_feed(api: Api) -> list[dict[str, Any]]:
    """The log as it is served in the end."""
    events: list[dict[str, Any]] = []
    cursor = "start"
    while True:
        status, _, raw = api.exchange(
            "GET", f"{FEED}?after={quote(cursor)}&limit=1000", None, {"Authorization": f"Bearer {api.key}"}
        )
        if status != 200:
            raise RuntimeError(f"the feed answers {status}: {raw[:500]!r}")
        page = json.loads(raw)
        events += page["data"]
        cursor = page["next_cursor"]
        if not page["data"]:
            return events


class Walker:
    """Walks from the newest customer to the oldest, page by page, by the id of the last one that it saw."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            self.walk(stopped)
            time.sleep(0.1)
        self.api.close()

    def walk(self, stopped: threading.Event) -> None:
        began, seen, after = time.monotonic(), list[str](), ""
        while not stopped.is_set():
            call = self.api.call("page", "GET", f"{CUSTOMER}?limit={PAGE}&fields=id{after}", notes={"quiet": True})
            if call.outcome != OK:
                return  # a walk that broke off says nothing; what was refused is judged by itself
            ids = [one["id"] for one in call.answer["data"]]
            seen += ids
            if not call.answer["has_more"] or not ids:
                self.api.history.add(self._whole(call, began, seen))
                return
            after = f"&starting_after={ids[-1]}"
            if self.api.dice.random() < 0.1:  # and the list must go on behind it all the same
                self.api.call("delete", "DELETE", f"{CUSTOMER}/{ids[-1]}", target=ids[-1])
            time.sleep(0.02)

    def _whole(self, last: Any, began: float, seen: list[str]) -> Any:
        return type(last)(
            self.api.name, "walk", CUSTOMER, start=began, end=time.monotonic(), outcome=OK, answer=seen, status=200
        )
