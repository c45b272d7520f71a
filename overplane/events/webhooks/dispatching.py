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

from overplane.events.webhooks import body, clock, intake, leases, outcomes, picking, secret, signing, wording
from overplane.events.webhooks.models import Delivery, Endpoint
from overplane.events.webhooks.outcomes import Ended
from overplane.events.webhooks.picking import MAX_PARALLEL, Picker
from overplane.events.webhooks.transport import LEFT, AttemptResult, Sender

THREADS = 256  # of a worker: 32 endpoints may hang at once before others wait; each is then down to one probe a step
TICK_SECONDS = 0.05  # so late is an event seen, and what people changed of an endpoint: three queries of a millisecond
# So late is seen what became due, or what somebody asked for. Where no endpoint is held nothing else is looked for: a tick
# is a millisecond of the processor, which the worker's imports would miss.
LOOK_SECONDS = 0.5
# After one request ended the others that end about now are waited for: eight outcomes in a transaction instead of four.
GATHER_SECONDS = 0.004
PLAN_SECONDS = 10.0  # between looks for plans that a wrong clock has made: they read all that waits
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
        self.endpoints: dict[str, Endpoint] = {}  # those that are held
        self.picker = Picker()
        self.asking: set[str] = set()  # had replays and the like to send the last time
        self._renewed = self._ticked = self._looked = self._planned = float("-inf")

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
                if not is_busy and self.woken.wait(TICK_SECONDS if self.endpoints else LOOK_SECONDS):
                    time.sleep(GATHER_SECONDS)
                self.woken.clear()
            self._finish()
        finally:
            self.sender.close()
            self.pool.shutdown(wait=False, cancel_futures=True)
            connection.close()

    def step(self) -> bool:
        """Does what is to be done now. Is there more to read at once?"""
        self._renew()
        ended = self._write()
        if time.monotonic() >= self.sender.until:
            return False  # the lease is over
        is_time, look = self._tick()
        changed = self.endpoints.keys() if look else ended | self.asking
        for name in [*changed]:
            if name in self.endpoints:
                self._fill(self.endpoints[name], with_requested=look)
        if not is_time:
            return False
        readers = [one for one in self.endpoints.values() if self.picker.may_read(one, self.under_way.get(one.pk, {}))]
        new = intake.take_in(readers, self.name) if readers else {}
        for name, position in new.items():
            self.endpoints[name].position = position
            self._fill(self.endpoints[name], with_requested=False)
        if new:
            self._ticked = float("-inf")  # there may be more
        return bool(new)

    def _tick(self) -> tuple[bool, bool]:
        """Is it time to read the feed? Is it time to look for what became due?"""
        now = time.monotonic()
        if now - self._ticked < TICK_SECONDS:
            return False, False
        self._ticked = now
        held = Endpoint.objects.filter(holder=self.name)
        self.endpoints = {one.pk: one for one in held.order_by("id")}
        if now - self._looked < LOOK_SECONDS:
            return True, False
        self._looked = now
        if now - self._planned >= PLAN_SECONDS:
            self._planned = now
            picking.bring_forward(self.endpoints)
        self.picker.prefetched.clear()  # somebody may have disabled an endpoint, or sent it to the log's end
        return True, True

    def _renew(self) -> None:
        started = time.monotonic()
        if started - self._renewed < leases.RENEW_SECONDS:
            return
        if not leases.hold(self.name):
            return  # tried again at the next step; until it succeeds, the lease is as long as it was
        self._renewed = started
        self.sender.until = started + leases.LEASE.total_seconds() - leases.MARGIN_SECONDS

    def _write(self) -> set[str]:
        """The endpoints of which something ended."""
        try:
            while True:
                self.unwritten.append(self.ended.get_nowait())
        except Empty:
            pass
        ended = [one for one in self.unwritten if one[1] is not LEFT]
        written = {one.pk: one for one in outcomes.write(ended, self.name, self.endpoints)} if ended else {}
        self.endpoints.update(written)
        for delivery, _ in self.unwritten:
            self.under_way[delivery.endpoint_id].pop(delivery.pk, None)
        self.unwritten = []
        return set(written)

    def _fill(self, endpoint: Endpoint, *, with_requested: bool) -> None:
        """Starts what is due, up to the limit."""
        under_way = self.under_way.setdefault(endpoint.pk, {})
        due = self.picker.due(endpoint, list(under_way.values()))
        if (with_requested or endpoint.pk in self.asking) and len(due) < MAX_PARALLEL - len(under_way):
            requested = self.picker.requested(endpoint, [*under_way.values(), *due])
            (self.asking.add if requested else self.asking.discard)(endpoint.pk)
            due += requested
        if due:
            self._start(endpoint, due)

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
                self._end(one, AttemptResult(clock.now(), 0, error=problem))
            else:
                self.pool.submit(self._send, one, endpoint.url, content, valid)

    def _send(self, delivery: Delivery, url: str, content: bytes, valid: list[str]) -> None:
        try:
            headers = signing.sign(delivery.event_id, int(clock.now().timestamp()), content, valid)
            outcome = self.sender.send(url, content, headers)
        except Exception as error:  # (a bug may cost an attempt, but never a place among those under way)
            log.exception("%s could not be sent", delivery)
            outcome = AttemptResult(clock.now(), 0, error=wording.OUR_OWN % {"why": type(error).__name__})
        self._end(delivery, outcome)

    def _end(self, delivery: Delivery, outcome: AttemptResult | None) -> None:
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


def run(stopped: threading.Event) -> None:
    Dispatcher().run(stopped)
