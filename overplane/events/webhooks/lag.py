"""How far an endpoint is behind: the age of the first event that it has not got yet. And the metrics of webhooks."""

import logging
from collections.abc import Iterator
from datetime import datetime

from django.db import Error
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from overplane.events.models import Event
from overplane.events.positions import order
from overplane.events.webhooks import clock
from overplane.events.webhooks.models import OF_THE_FEED, Delivery, Endpoint

log = logging.getLogger("overplane.webhooks")


def seconds(endpoint: Endpoint) -> float:
    """0 if it has everything. What it did not choose counts too, until it was read."""
    since = _first_pending(endpoint) or _first_unread(endpoint)
    return max((clock.now() - since).total_seconds(), 0.0) if since else 0.0


def _first_pending(endpoint: Endpoint) -> datetime | None:
    waiting = Delivery.objects.filter(OF_THE_FEED, next_attempt_at__isnull=False, endpoint=endpoint)
    first = waiting.order_by("seq").values_list("epoch", "seq", "created_at").first()
    if first is None:
        return None
    written = Event.objects.filter(pk=first[1] or 0, epoch=first[0] or 0).values_list("created_at", flat=True).first()
    return written or first[2]


def _first_unread(endpoint: Endpoint) -> datetime | None:
    by = order()
    unread = Event.objects.filter(by.after(endpoint.position)).order_by(*by.columns)
    return unread.values_list("created_at", flat=True).first()


class WebhookCollector(Collector):
    """Asks when somebody scrapes. The counts are the database's, for the workers that deliver answer no scrape."""

    def collect(self) -> Iterator[Metric]:
        lags = GaugeMetricFamily(
            "overplane_webhook_lag_seconds",
            "Age of the first event that an endpoint has not got; the worst by state (delivering, failing, disabled).",
            labels=["state"],
        )
        attempts = CounterMetricFamily(
            "overplane_webhook_attempts", "Attempts to deliver.", labels=["endpoint", "outcome"]
        )
        disabled = GaugeMetricFamily("overplane_webhook_endpoints_disabled", "Endpoints that are disabled.")
        try:
            endpoints = list(Endpoint.objects.all())
            worst = {"delivering": 0.0, "failing": 0.0, "disabled": 0.0}
            for one in endpoints:
                worst[state(one)] = max(worst[state(one)], seconds(one))
        except Error as failure:
            log.warning("the state of the webhooks is not known: %s", type(failure).__name__)
            return
        for name, lag in worst.items():
            lags.add_metric([name], lag)
        for one in endpoints:
            attempts.add_metric([one.id, "succeeded"], one.succeeded)
            attempts.add_metric([one.id, "failed"], one.failed)
        disabled.add_metric([], sum(not one.is_enabled for one in endpoints))
        yield from (lags, attempts, disabled)


def state(endpoint: Endpoint) -> str:
    if not endpoint.is_enabled:
        return "disabled"
    return "failing" if endpoint.failing_since else "delivering"
