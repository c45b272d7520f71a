"""What an operator sees: request ids in log lines, health and readiness, metrics for Prometheus."""

import json
import logging
import re
import time
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache

from django.http import HttpRequest
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class IdentifiedRequest(HttpRequest):
    """Django's request with the attributes that our first middleware gives it. For types only: nothing makes one.

    `waited`: seconds that it slept because it was asked to.
    """

    request_id: str
    waited: float


# PostgreSQL adds to its errors the row, or the line of COPY, that it refuses: values, which no log may hold.
ROW = re.compile(r"\n(?:DETAIL|CONTEXT):.*?(?=\n\n(?:The above exception|During handling)|\Z)", re.DOTALL)


class JsonLines(logging.Formatter):
    """One JSON object a line, with the id of the request that caused it."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
        }
        if record.exc_info:
            line["exception"] = ROW.sub("", self.formatException(record.exc_info))
        return json.dumps({key: value for key, value in line.items() if value is not None}, ensure_ascii=True)


requests_total = Counter("overplane_requests_total", "Requests answered.", ["method", "route", "status"])
request_seconds = Histogram(
    "overplane_request_seconds",
    "Time from the request's arrival in the application to its answer, without what it was asked to wait.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


def observe(method: str, route: str, status: int, started: float) -> None:
    """Counts one answer. `route` is the pattern, never the path: paths are endless. `started` is perf_counter()."""
    answered, seconds = _meters(method if method in METHODS else OTHER, route, status)
    answered.inc()
    seconds.observe(time.perf_counter() - started)


# Clients may send any method, and a series is never dropped once it has begun.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"


@lru_cache(maxsize=1024)
def _meters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return requests_total.labels(method, route, str(status)), request_seconds.labels(method, route)


def metrics_text(*, several_processes: bool, collectors: Iterable[Collector] = ()) -> tuple[bytes, str]:
    """The metrics of all workers of this machine, with what is asked for now (`collectors`), and their media type."""
    registry = PROCESS_REGISTRY
    if several_processes:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    on_request = CollectorRegistry()
    for collector in collectors:
        on_request.register(collector)
    return generate_latest(registry) + generate_latest(on_request), CONTENT_TYPE_LATEST
