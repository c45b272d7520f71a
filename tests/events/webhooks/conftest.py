"""A receiver, a clock that can be moved, and the loop that delivers, one step at a time."""

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from django.utils import timezone

from overplane.events.webhooks import clock, services
from overplane.events.webhooks.dispatching import Dispatcher
from overplane.events.webhooks.models import Delivery, Endpoint
from overplane.events.webhooks.transport import Sender
from tests.conftest import settle
from tests.events.webhooks.receiving import Receiver, receiving


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiving() as one:
        yield one


@dataclass
class Clock:
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return timezone.now() + self.ahead

    def move(self, **by: float) -> None:
        self.ahead += timedelta(**by)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(clock, "now", own.now)
    return own


@cache
def trust() -> ssl.SSLContext:
    """As each sender makes it for itself: reading the machine's authorities takes as long as a delivery."""
    return ssl.create_default_context()


@dataclass
class Courier:
    """Delivers all that is due now."""

    dispatcher: Dispatcher = field(default_factory=lambda: Dispatcher(Sender(tls=trust())))

    def step(self) -> bool:
        self.dispatcher._looked = self.dispatcher._ticked = self.dispatcher._planned = float("-inf")
        return self.dispatcher.step()

    def deliver(self) -> None:
        settle()
        self.dispatcher._renewed = float("-inf")  # endpoints are new
        quiet, until = 0, time.monotonic() + 30
        while quiet < 2:
            assert time.monotonic() < until, "it does not come to an end"
            busy = self.step() or any(self.dispatcher.under_way.values())
            quiet = 0 if busy else quiet + 1
            if busy:
                self.dispatcher.woken.wait(0.05)
                self.dispatcher.woken.clear()


@pytest.fixture
def courier(transactional_db: None) -> Iterator[Courier]:
    own = Courier()
    own.dispatcher.sender.start()
    yield own
    own.dispatcher.sender.close()  # ends what is under way
    own.dispatcher.pool.shutdown()
    own.dispatcher.sender.close()  # and what was given back since


@pytest.fixture
def endpoint(receiver: Receiver, transactional_db: None) -> Endpoint:
    return services.create_endpoint({"url": receiver.url})[0]


def deliveries(endpoint: Endpoint) -> list[Delivery]:
    return list(Delivery.objects.filter(endpoint=endpoint).order_by("id"))
