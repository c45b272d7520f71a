"""What an operator sees of requests: their ids, and metrics for Prometheus."""

import platform
from collections.abc import Iterable, Iterator
from functools import lru_cache

import django
from django.http import HttpRequest
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from overplane import __version__


class IdentifiedRequest(HttpRequest):
    """Django's request with the attributes that our first middleware gives it. For types only: nothing makes one.

    `waited`: seconds that it slept because it was asked to. `actor`: who asks, as soon as that is known.
    """

    request_id: str
    waited: float
    actor: str | None


requests_total = Counter("overplane_requests_total", "Requests answered.", ["method", "route", "status"])
request_seconds = Histogram(
    "overplane_request_seconds",
    "Time from the request's arrival in the application to its answer, without what it was asked to wait.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


database_seconds = Histogram(
    "overplane_database_seconds",
    "Time that a request waited for the database.",
    ["method", "route"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10),
)
refusals = Counter(
    "overplane_rate_limit_refusals_total", "Requests refused with 429, by whose limit it was.", ["limit"]
)


def observe(method: str, route: str, status: int, *, seconds: float, of_database: float = 0.0) -> None:
    """Counts one answer. `route` is the pattern, never the path: paths are endless."""
    answered, whole, database = _meters(method if method in METHODS else OTHER, route, status)
    answered.inc()
    whole.observe(seconds)
    database.observe(of_database)


# Clients may send any method, and a series is never dropped once it has begun.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"


@lru_cache(maxsize=1024)
def _meters(method: str, route: str, status: int) -> tuple[Counter, Histogram, Histogram]:
    answered = requests_total.labels(method, route, str(status))
    return answered, request_seconds.labels(method, route), database_seconds.labels(method, route)


def counted_text(*, several_processes: bool) -> tuple[bytes, str]:
    """What all workers of this machine have counted, and its media type."""
    registry = PROCESS_REGISTRY
    if several_processes:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return generate_latest(registry), CONTENT_TYPE_LATEST


# What the domain measures. It registers its own in its `registrations.py`.
collectors: list[Collector] = []


def collected_text(collectors: Iterable[Collector]) -> bytes:
    """What is asked for now."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)


class BuildCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        versions = {"version": __version__, "python": platform.python_version(), "django": django.__version__}
        build = GaugeMetricFamily("overplane_build_info", "What runs here; always 1.", labels=list(versions))
        build.add_metric(list(versions.values()), 1)
        yield build
