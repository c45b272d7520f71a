"""What explains a problem best: the last calls and events of the customer that it is about."""

import json
from collections.abc import Iterator
from pathlib import Path

from faults.history import Call, read

MOST_CALLS, MOST_EVENTS, WIDTH = 10, 6, 200


def excerpt(folder: Path, subject: str) -> Iterator[str]:
    if not subject:
        return
    calls = [call for call in read(folder / "history.jsonl") if subject in (call.target, *_shown(call))]
    for call in sorted(calls, key=lambda one: one.start)[-MOST_CALLS:]:
        sent = json.dumps(call.sent)[:WIDTH] if call.sent else ""
        times = f"{call.start:.3f}…{call.end:.3f}"
        yield f"  {times} {call.client} {call.verb} {sent} {call.outcome} {call.status} {call.code} v{call.version}"
    events = [line for line in (folder / "feed.jsonl").read_text().splitlines() if subject in line]
    for line in events[-MOST_EVENTS:]:
        event = json.loads(line)
        yield f"  feed {event['id']} {event['type']} v{event['object_version']} {json.dumps(event['data'])[:WIDTH]}"


def _shown(call: Call) -> list[str]:
    return [call.answer["id"]] if isinstance(call.answer, dict) and "id" in call.answer else []
