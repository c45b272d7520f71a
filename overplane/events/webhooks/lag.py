"""How far an endpoint is behind: the age of the first event that it has not got yet. And the metrics of webhooks."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from django.db import Error
from django.db.models import OuterRef, Subquery
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
    return seconds_of([endpoint])[endpoint.pk]


def seconds_of(endpoints: Sequence[Endpoint]) -> dict[str, float]:
    """By endpoint: three statements for all of them, and one for each place of the log at which some stand."""
    since = _first_pending(endpoints)
    since |= _first_unread([one for one in endpoints if one.pk not in since])
    now = clock.now()
    return {one.pk: max((now - since[one.pk]).total_seconds(), 0.0) if one.pk in since else 0.0 for one in endpoints}


def _first_pending(endpoints: Sequence[Endpoint]) -> dict[str, datetime]:
    waiting = Delivery.objects.filter(OF_THE_FEED, next_attempt_at__isnull=False, endpoint=OuterRef("pk"))
    queryset = Endpoint.objects.filter(pk__in=[one.pk for one in endpoints]).order_by()
    firsts = queryset.annotate(first=Subquery(waiting.order_by("seq").values("pk")[:1])).filter(first__isnull=False)
    deliveries = Delivery.objects.in_bulk([first for (first,) in firsts.values_list("first")])
    if not deliveries:
        return {}
    events = Event.objects.filter(pk__in=[one.seq for one in deliveries.values()]).order_by()
    written: dict[tuple[int | None, int | None], datetime] = {
        (epoch, seq): at for epoch, seq, at in events.values_list("epoch", "pk", "created_at")
    }
    return {one.endpoint_id: written.get((one.epoch, one.seq), one.created_at) for one in deliveries.values()}


def _first_unread(endpoints: Sequence[Endpoint]) -> dict[str, datetime]:
    by = order()
    since: dict[str, datetime] = {}
    for position, some in groupby(sorted(endpoints, key=lambda one: one.position), key=lambda one: one.position):
        unread = Event.objects.filter(by.after(position)).order_by(*by.columns)
        if at := unread.values_list("created_at", flat=True).first():
            since.update((one.pk, at) for one in some)
    return since


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
            lag_of = seconds_of(endpoints)
        except Error as failure:
            log.warning("the state of the webhooks is not known: %s", type(failure).__name__)
            return
        worst = {"delivering": 0.0, "failing": 0.0, "disabled": 0.0}
        for one in endpoints:
            worst[state(one)] = max(worst[state(one)], lag_of[one.pk])
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
