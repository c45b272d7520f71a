"""After the faults: everything that was begun comes to its end, before anybody judges."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from faults.calls import Api
from faults.history import ERASED, OK, History, read
from faults.readers import FEED
from faults.subscriber import PATH
from faults.system import READY_SECONDS, System

WEBHOOK_SECONDS = 40  # a lease of a killed worker (10), a second attempt (5 to 6), and what has piled up
MOST_REPLAYED = 150
FIRST = "/sometimes"  # the path of the endpoint that nobody changes; the receiver refuses there now and then
WARM_CALLS, WARM_SECONDS = 60, 15


def endpoint(system: System, api: Api) -> None:
    """A reader of all events by webhooks; a first delivery shows that the worker works."""
    url = f"http://127.0.0.1:{system.receiver_port}{FIRST}"
    call = api.call("endpoint", "POST", "/api/crm/webhook-endpoint", {"url": url, "start_at": "start"})
    assert call.outcome == OK, call
    api.call("endpoint", "POST", f"/api/crm/webhook-endpoint/{call.answer['id']}/ping", {})
    api.close()
    until = time.monotonic() + READY_SECONDS
    while not received(system.folder / "webhooks", FIRST) and time.monotonic() < until:
        time.sleep(0.05)


def warm_up(history: History) -> None:
    """Faults begin when there is something to disturb: on a busy machine the first calls take seconds."""
    until = time.monotonic() + WARM_SECONDS
    while history.count < WARM_CALLS and time.monotonic() < until:
        time.sleep(0.02)


def settle(system: System, api: Api, patience: float) -> None:
    """Until every event has arrived at both endpoints; if for so long none comes any more, the judge will say what is missing."""
    ids: set[str] = set()
    cursor, count, file = "start", 0, system.folder / "webhooks"
    until = time.monotonic() + patience
    while (left := until - time.monotonic()) > 0 or (left := _planned(api, patience)) > 0:
        until = time.monotonic() + left
        call = api.call("settle", "GET", f"{FEED}?after={cursor}&limit=1000", notes={"quiet": True})
        got, other = received(file, FIRST), received(file, PATH)
        if len(got) + len(other) > count:
            count, until = len(got) + len(other), time.monotonic() + patience
        if call.outcome == OK:
            ids.update(event["id"] for event in call.answer["data"])
            cursor = call.answer["next_cursor"]
            if not call.answer["data"] and ids <= got & other:
                return
        time.sleep(0.2)


def _planned(api: Api, patience: float) -> float:
    """Seconds until the next attempt that is not due yet has had its time; 0 if there is none.

    On a machine that does too much, an event's second attempt fails too, of a time limit; the third comes after five minutes.
    """
    listed = api.call("planned", "GET", "/api/crm/webhook-endpoint", notes={"quiet": True})
    moments: list[str | None] = []
    for endpoint in listed.answer["data"] if listed.outcome == OK else ():
        path = f"/api/crm/webhook-endpoint/{endpoint['id']}/delivery?status=pending&limit=100"
        pending = api.call("planned", "GET", path, notes={"quiet": True})
        moments += [one["next_attempt_at"] for one in pending.answer["data"]] if pending.outcome == OK else []
    seconds = [(datetime.fromisoformat(one) - datetime.now(UTC)).total_seconds() for one in moments if one]
    return min([one + patience for one in seconds if one > 0], default=0.0)


def received(file: Path, path: str) -> set[str]:
    """The ids of the events that came to this path of the receiver."""
    lines = [line.split(" ") for line in file.read_text().splitlines()] if file.exists() else []
    return {line[2] for line in lines if line[1] == path}


def replay_keys(api: Api, file: Path, history: History) -> None:
    """Sends calls with a key once more: what was answered first must come again, and nothing be done again."""
    history.flush()
    keyed = [call for call in read(file) if call.key and call.outcome in (OK, ERASED)]
    for call in api.dice.sample(keyed, min(MOST_REPLAYED, len(keyed))):
        notes = {"first": call.raw, "first_status": call.status, "first_version": call.version}
        notes |= {"type": call.notes["type"]} if "type" in call.notes else {}
        more = {"target": call.target, "key": call.key, "expected": call.expected, "notes": notes}
        api.call("replay", call.method, call.path, json.loads(json.dumps(call.sent)), **more)
