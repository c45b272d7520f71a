"""Changes of which no answer says what became of a customer: by imports, and by what a person took back or sent without an answer.

The log says what they wrote, and the calls when that was. What is erased in the log since says nothing any more.
"""

from dataclasses import dataclass
from typing import Any

from faults.history import OK
from faults.judging.evidence import Event, Evidence
from faults.pool import TRACKED

# Whose answers tell all: their events would tell it again.
ANSWERED = ("office", "office_cell", "office_bulk")


@dataclass(frozen=True, slots=True)
class Change:
    customer_id: str
    sets: dict[str, Any]
    version: int
    values: tuple[Any, ...]
    start: float
    end: float
    text: str


class UnansweredChanges:
    """`erased`: customers with such a change that the log does not tell any more."""

    def __init__(self, evidence: Evidence) -> None:
        self.changes: list[Change] = []
        self.erased: set[str] = set()
        answered = {call.request_id for call in evidence.of(*ANSWERED) if call.outcome == OK}
        self.times = {call.answer: (call.start, call.end) for call in evidence.of("http_upserts") if call.outcome == OK}
        self.times |= {
            call.request_id: (call.start, call.end)
            for call in evidence.calls
            if call.verb.startswith("office") and call.request_id
        }
        for event in evidence.feed:
            who, _, name = event["actor"].partition(":")
            is_change = event["type"] == "customer.updated" and who in ("user", "import")
            if is_change and event["request"]["id"] not in answered:
                self._note(event, name if who == "import" else event["request"]["id"])

    def _note(self, event: Event, key: str) -> None:
        shown, customer_id = event["data"]["object"], event["data"]["object"]["id"]
        if TRACKED[0] not in shown:
            self.erased.add(customer_id)
            return
        start, end = self.times.get(key, (0.0, float("inf")))
        sets = {name: shown[name] for name in event["data"]["previous_attributes"] if name in TRACKED}
        values = tuple(shown[name] for name in TRACKED)
        text = f"{event['id']} by {event['actor']}"
        self.changes.append(Change(customer_id, sets, event["object_version"], values, start, end, text))
