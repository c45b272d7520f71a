"""One client's calls of the API. What was begun with an idempotency key is sent again until there is a final answer."""

import http.client
import json
import random
import time
from http import HTTPStatus
from typing import Any

from faults.history import ERASED, OK, REFUSED, UNKNOWN, Call, History

ANSWER_SECONDS = 40  # longer than any request may take; a client that waits forever would hide a hanging service
PAUSE_SECONDS = 0.05
NOT_YET = {"idempotency_key_in_use", "unavailable"}  # the same request is at work, or others are at the object
GIVE_UP_SECONDS = 60  # after the faults have ended everything is answered in far less


class Api:
    """`patience`: seconds after which no key is sent again that is answered with a mistake of the service."""

    patience = GIVE_UP_SECONDS

    def __init__(self, port: int, key: str, history: History, name: str, dice: random.Random) -> None:
        self.port, self.key, self.history, self.name, self.dice = port, key, history, name, dice
        self.connection: http.client.HTTPConnection | None = None

    def call(self, verb: str, method: str, path: str, body: Any = None, **more: Any) -> Call:
        """`more`: other attributes of the call. A text as body is sent as it is; its type stands in the notes."""
        call = Call(self.name, verb, path, method, sent=body, start=time.monotonic(), **more)
        kind = call.notes.get("type", "application/json")
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": kind}
        if call.key:
            headers["Idempotency-Key"] = call.key
        if call.expected:
            headers["If-Match"] = f'"{call.expected}"'
        while True:
            call.attempts += 1
            self._attempt(call, method, headers)
            is_final = call.outcome in (OK, ERASED) or (call.outcome == REFUSED and call.code not in NOT_YET)
            limit = self.patience if call.status == HTTPStatus.INTERNAL_SERVER_ERROR else GIVE_UP_SECONDS
            if is_final or not call.key or time.monotonic() > call.start + limit:
                break
            time.sleep(PAUSE_SECONDS)
        call.end = time.monotonic()
        self.history.add(call)
        return call

    def _attempt(self, call: Call, method: str, headers: dict[str, str]) -> None:
        try:
            status, answered, raw = self.exchange(method, call.path, call.sent, headers)
        except (OSError, http.client.HTTPException):
            call.outcome, call.status = UNKNOWN, 0
            return
        call.code = ""
        call.status, call.request_id = status, answered.get("Request-Id", "")
        tag = answered.get("ETag", "").removeprefix("W/").strip('"')
        call.version = int(tag) if tag.isdigit() else 0
        try:
            call.answer = json.loads(raw)
        except ValueError:
            call.answer, call.code = None, "no JSON"
        call.raw = raw.decode("utf-8", "replace") if call.key else ""
        error = call.answer.get("error") if isinstance(call.answer, dict) else None
        call.code = error["code"] if error else call.code
        if status < 400:
            call.outcome = OK
        elif call.code == "idempotency_answer_erased":
            call.outcome = ERASED
        else:
            call.outcome = REFUSED if status < 500 else UNKNOWN

    def exchange(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any, bytes]:
        """One request and its answer; a broken connection raises and is not used again."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        try:
            payload = json.dumps(body) if body is not None and not isinstance(body, str | bytes) else body
            self.connection.request(method, path, payload, headers)
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None
