"""A client of what is asked for less often: single rows and events, searches by a body, the export stream, likely duplicates."""

import http.client
import json
import time
from typing import Any

from faults.history import OK, Call
from faults.pool import Known, token
from faults.readers import FEED
from faults.workload import CUSTOMER, ROW, Client

DUPLICATE = "/api/crm/duplicate"
STREAM = f"{CUSTOMER}/export"


class Further(Client):
    verbs = {"retrieve_row": 4, "retrieve_event": 3, "search_body": 4, "stream": 2, "twins": 2, "judge_pair": 4}
    pause = 0.1

    def retrieve_row(self) -> None:
        one = self.pool.pick(self.dice)
        if one and one.rows:
            self.api.call("retrieve_row", "GET", f"{ROW}/{self.dice.choice(one.rows)}", target=one.id)

    def retrieve_event(self) -> None:
        """One of a customer, as the feed has it."""
        one = self.pool.pick(self.dice)
        path = f"{FEED}?limit=20&customer_id={one.id}" if one else ""
        page = self.api.call("events_of", "GET", path, target=one.id) if one else None
        if one and page and page.outcome == OK and page.answer["data"]:
            event = self.dice.choice(page.answer["data"])
            notes = {"event": event}
            self.api.call("retrieve_event", "GET", f"{FEED}/{event['id']}", target=one.id, notes=notes)

    def search_body(self) -> None:
        if one := self.pool.pick(self.dice):
            self.api.call("search_body", "POST", f"{CUSTOMER}/search", {"q": one.token}, target=one.id)

    def stream(self) -> None:
        """All customers of one moment. Without its last line it was broken off, and says nothing."""
        call = Call(self.api.name, "export_stream", STREAM, start=time.monotonic())
        headers = {"Authorization": f"Bearer {self.api.key}", "Accept-Encoding": "identity"}
        try:
            call.status, _, raw = self.api.exchange("GET", f"{STREAM}?fields=id", None, headers)
        except (OSError, http.client.HTTPException):
            raw = b""
        lines: list[dict[str, Any]] = [json.loads(line) for line in raw.splitlines()]
        if call.status == 200 and lines and lines[-1].get("end"):
            call.outcome, call.answer = OK, [one["id"] for one in lines[:-1]]
            call.notes["count"] = lines[-1]["count"]
        elif call.status == 200:
            call.status = 0
        call.end = time.monotonic()
        self.api.history.add(call)

    def twins(self) -> None:
        """Two who are alike in all but the words that trace them, so that they are found as likely duplicates."""
        number = self.dice.getrandbits(30)
        alike = {"email_id": f"twin{number}@example.com", "mobile_no": f"+49 30 {number}", "customer_details": "twin"}
        for _ in range(2):
            word = token(self.dice)
            body = {"customer_name": self.value(word), **alike}
            call = self.api.call("create", "POST", CUSTOMER, body, key=self.maybe_key(), notes={"token": word})
            if call.outcome == OK:
                self.pool.put(Known(call.answer["id"], word, 1))

    def judge_pair(self) -> None:
        listed = self.api.call("duplicates", "GET", f"{DUPLICATE}?limit=20")
        if listed.outcome == OK and listed.answer["data"]:
            pair = self.dice.choice(listed.answer["data"])
            verb = self.dice.choice(["dismiss", "reopen"])
            self.api.call(verb, "POST", f"{DUPLICATE}/{pair['id']}/{verb}", {}, target=pair["id"], key=self.maybe_key())
