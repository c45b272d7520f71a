"""The feed for whoever sits at a terminal: printed, or forwarded to a receiver that has no public address."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import urllib3
from django.db import InterfaceError, OperationalError, connection

from overplane.events import feed
from overplane.events.feed import EVERYTHING, Choice
from overplane.events.webhooks import clock, signing
from overplane.events.webhooks.body import body
from overplane.events.webhooks.transport import CONNECT_SECONDS, FIXED, READ_BYTES, SECONDS
from overplane.waiting import PAUSE

AWAY_PAUSE = 1.0  # seconds between two tries while the database does not answer
LONGEST_PAUSE = 60.0  # after 1, 2, 4 … seconds; whoever repairs a receiver does not wait longer for the next try
PAGE = 1000  # as many events as a page of the API has at most
Event = dict[str, Any]
Tell = Callable[[str], None]


@dataclass(slots=True)
class Follower:
    """Hands the feed over, page by page and in order. What is not taken is read again, without what was erased since.

    `cursor`: where it goes on; None is the end of the log. `tell`: messages for the person at the terminal.
    """

    take: Callable[[list[Event]], bool]
    tell: Tell
    cursor: str | None = None
    choice: Choice = EVERYTHING
    limit: int = PAGE
    stopped: threading.Event = field(default_factory=threading.Event)
    _refusals: int = 0
    _is_away: bool = False

    def run(self) -> None:
        """Until `stopped` is set. Raises what is wrong with the cursor."""
        while not self.stopped.is_set():
            try:
                pause = self._step()
            except (OperationalError, InterfaceError) as failure:
                connection.close()
                if not self._is_away:
                    self.tell(f"The database does not answer, trying again: {str(failure).strip()}")
                self._is_away, pause = True, AWAY_PAUSE
            self.stopped.wait(pause)

    def _step(self) -> float:
        """Reads a page; how many seconds to pause then."""
        if self.cursor is None:
            self.cursor = feed.end_cursor()
        page = feed.read(self.cursor, limit=self.limit, choice=self.choice)
        if self._is_away:
            self.tell("The database answers again.")
            self._is_away = False
        if page.events and not self.take(page.events):
            self._refusals += 1
            return min(2.0 ** (self._refusals - 1), LONGEST_PAUSE)
        self._refusals, self.cursor = 0, page.next_cursor
        return 0 if page.events else PAUSE


@dataclass(slots=True)
class Forwarder:
    """Posts one event at a time, signed as webhooks are; so the order stays, and the cursor is behind what arrived."""

    url: str
    secret: str
    tell: Tell
    pool: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)

    def __call__(self, events: list[Event]) -> bool:
        (event,) = events
        content = body(event)
        headers = signing.sign(event["id"], int(clock.now().timestamp()), content, [self.secret])
        outcome = self._post(content, FIXED | headers)
        self.tell(f"{event['type']} {event['id']}: {outcome}")
        return outcome.isdecimal() and 200 <= int(outcome) < 300

    def _post(self, content: bytes, headers: dict[str, str]) -> str:
        """The status, or why there is none."""
        try:
            answer = self.pool.request(
                "POST", self.url, body=content, headers=headers, preload_content=False, redirect=False, retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=SECONDS),
            )  # fmt: skip
            is_whole = len(answer.read(READ_BYTES, decode_content=False)) < READ_BYTES
            answer.release_conn() if is_whole else answer.close()
        except urllib3.exceptions.HTTPError as error:
            return f"{type(error).__name__}, trying again"
        return str(answer.status)
