"""The loop that delivers, in a thread beside the queue of every worker.

One thread reads and writes the database; the threads that send touch none, so a worker needs one connection for all
endpoints. What is under way is known here; everything else is in the tables, so memory is bounded and a crash repeats
at most what was under way.
"""

import logging
import os
import secrets
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from django.db import DatabaseError, close_old_connections, connection
from django.db.models import Q, QuerySet

from overplane.events.webhooks import body, clock, intake, leases, outcomes, secret, signing
from overplane.events.webhooks.models import ASKED_FOR, OF_THE_FEED, Delivery, Endpoint
from overplane.events.webhooks.outcomes import Ended
from overplane.events.webhooks.transport import Outcome, Sender

AT_ONCE = 8  # requests under way to an endpoint
THREADS = 256  # of a worker: 32 endpoints may hang at once before others wait; each is then down to one probe a step
TICK_SECONDS = 0.1  # so late is an event seen; at most twelve queries of a millisecond in that time
LOOK_SECONDS = 0.5  # so late is seen what became due, or what somebody asked for
PAUSE_SECONDS = 1.0  # while the database does not answer
log = logging.getLogger("overplane.webhooks")


class Dispatcher:
    def __init__(self, sender: Sender | None = None) -> None:
        self.name = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
        self.sender = sender or Sender()
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook")
        self.woken = threading.Event()
        self.ended: SimpleQueue[Ended] = SimpleQueue()
        self.unwritten: list[Ended] = []
        self.under_way: dict[str, dict[int, Delivery]] = {}
        self.held: set[str] = set()
        self.asking: set[str] = set()  # had replays and the like to send the last time
        self._renewed = self._looked = float("-inf")

    def run(self, stopped: threading.Event) -> None:
        self.sender.start()
        try:
            while not stopped.is_set():
                close_old_connections()
                try:
                    is_busy = self.step()
                except DatabaseError:
                    log.exception("The database does not answer; trying again.")
                    connection.close()
                    stopped.wait(PAUSE_SECONDS)
                    continue
                if not is_busy:
                    self.woken.wait(TICK_SECONDS)
                self.woken.clear()
            self._finish()
        finally:
            self.sender.close()
            self.pool.shutdown(wait=False, cancel_futures=True)
            connection.close()

    def step(self) -> bool:
        """Does what is to be done now. Is there more to read at once?"""
        self._renew()
        self._write()
        if time.monotonic() >= self.sender.until:
            return False  # the lease is over
        endpoints = list(Endpoint.objects.filter(pk__in=self.held, holder=self.name))
        is_time = time.monotonic() - self._looked >= LOOK_SECONDS
        self._looked = time.monotonic() if is_time else self._looked
        free = [one for one in endpoints if self._fill(one, asked_for=is_time)]
        readers = [one for one in free if one.is_enabled and one.probe_at is None]
        new = set(intake.take_in(readers, self.name)) if readers else set()
        for one in readers:
            if one.pk in new:
                self._fill(one, asked_for=False)
        return bool(new)

    def _renew(self) -> None:
        started = time.monotonic()
        if started - self._renewed < leases.RENEW_SECONDS:
            return
        self.held = set(leases.hold(self.name))
        self._renewed = started
        self.sender.until = started + leases.LEASE.total_seconds() - leases.MARGIN_SECONDS

    def _write(self) -> None:
        try:
            while True:
                self.unwritten.append(self.ended.get_nowait())
        except Empty:
            pass
        if self.unwritten:
            outcomes.write(self.unwritten, self.name)
            for delivery, _ in self.unwritten:
                self.under_way[delivery.endpoint_id].pop(delivery.pk, None)
            self.unwritten = []

    def _fill(self, endpoint: Endpoint, *, asked_for: bool) -> bool:
        """Starts what is due, up to the limit. Could it have started more?"""
        under_way = self.under_way.setdefault(endpoint.pk, {})
        due = self._due(endpoint, under_way)
        if (asked_for or endpoint.pk in self.asking) and len(due) < AT_ONCE - len(under_way):
            asked = self._asked_for(endpoint, [*under_way.values(), *due])
            (self.asking.add if asked else self.asking.discard)(endpoint.pk)
            due += asked
        if due:
            self._start(endpoint, due)
        return len(under_way) < AT_ONCE

    def _due(self, endpoint: Endpoint, under_way: dict[int, Delivery]) -> list[Delivery]:
        free, now = AT_ONCE - len(under_way), clock.now()
        if not endpoint.is_enabled or free <= 0:
            return []
        heads = Delivery.objects.filter(OF_THE_FEED, endpoint=endpoint, next_attempt_at__isnull=False)
        if endpoint.probe_at is not None:
            if now < endpoint.probe_at or any(one.is_of_feed for one in under_way.values()):
                return []
            # One that was tried least: so none is tried to its end while nothing arrives.
            return list(_free_of(heads, list(under_way.values())).order_by("attempts", "id")[:1])
        due = _free_of(heads, list(under_way.values())).filter(next_attempt_at__lte=now)
        return list(due.order_by("next_attempt_at", "id")[:free])

    def _asked_for(self, endpoint: Endpoint, busy: list[Delivery]) -> list[Delivery]:
        """Replays and the like, behind what the feed brings; several of a subject one after the other."""
        waiting = _free_of(Delivery.objects.filter(ASKED_FOR, endpoint=endpoint), busy).order_by("id")
        first_of_each: dict[str, Delivery] = {}
        for one in waiting[: 4 * AT_ONCE]:
            first_of_each.setdefault(one.subject, one)
        return list(first_of_each.values())[: AT_ONCE - len(busy)]

    def _start(self, endpoint: Endpoint, due: list[Delivery]) -> None:
        bodies = body.of_deliveries(due, endpoint.payload)
        try:
            valid = secret.valid(endpoint, clock.now())
        except secret.SecretLost as lost:
            valid, problem = [], str(lost)
        for one in due:
            self.under_way[endpoint.pk][one.pk] = one
            content = bodies[one.pk]
            if content is None:
                self._end(one, None)
            elif not valid:
                self._end(one, Outcome(clock.now(), 0, error=problem))
            else:
                self.pool.submit(self._send, one, endpoint.url, content, valid)

    def _send(self, delivery: Delivery, url: str, content: bytes, valid: list[str]) -> None:
        try:
            headers = signing.sign(delivery.event_id, int(clock.now().timestamp()), content, valid)
            outcome = self.sender.send(url, content, headers)
        except Exception as error:  # (a bug may cost an attempt, but never a place among those under way)
            log.exception("%s could not be sent", delivery)
            outcome = Outcome(clock.now(), 0, error=f"our own error: {type(error).__name__}")
        self._end(delivery, outcome)

    def _end(self, delivery: Delivery, outcome: Outcome | None) -> None:
        self.ended.put((delivery, outcome))
        self.woken.set()

    def _finish(self) -> None:
        """Waits for what is under way, writes it down and lets go of the endpoints."""
        try:
            while any(self.under_way.values()) and time.monotonic() < self.sender.until:
                self.woken.wait(TICK_SECONDS)
                self.woken.clear()
                self._renew()
                self._write()
            leases.release(self.name)
        except DatabaseError:
            log.exception("The leases end by themselves.")


def _free_of(chosen: QuerySet[Delivery], busy: list[Delivery]) -> QuerySet[Delivery]:
    """Never two of one subject at a time."""
    return chosen.exclude(Q(subject__in=[one.subject for one in busy])) if busy else chosen


def run(stopped: threading.Event) -> None:
    Dispatcher().run(stopped)
