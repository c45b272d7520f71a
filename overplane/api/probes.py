"""What machines ask of the service: whether it lives, whether it is ready, how much it does.

`RequestMiddleware` answers them by whatever name they are called, by http and https alike.
"""

import hmac
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client.registry import Collector

from overplane import ending, observability
from overplane.caching import Recent
from overplane.database import disk, maintenance
from overplane.database.encoding import dumps

ALIVE = b'{"status":"ok"}'
JSON = "application/json"
# Both are asked of the database once for all who ask meanwhile. Load balancers look each second or less often, and so see
# a change at once; Prometheus comes every 15 s. (Uncached, 16 strangers made a GET of 9 ms one of 118 ms.)
readiness: Recent[tuple[list[str], list[str]]] = Recent(1.0)
collected: Recent[bytes] = Recent(5.0)
# What a proxy sets that forwards somebody else's request. README asks for the first one.
FORWARDED = (
    "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_VIA",
)  # fmt: skip
MOST_NAMED = 5  # of migrations
STRANGERS = "Only this machine itself may read the metrics. Set METRICS_TOKEN, and send it as Bearer token.\n"


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process is alive; asks nobody."""
    return HttpResponse(ALIVE, content_type=JSON)


@require_safe
def readyz(request: HttpRequest, concerns: Sequence[Callable[[], list[str]]] = ()) -> HttpResponse:
    """The disk has room; the database answers, is migrated, and keeps its counts.

    `concerns` warn of what somebody should look at. It takes no node out of rotation: all would go at once, and
    each serves everything else as ever.
    """
    problems, warnings = (
        (["the service stops"], []) if ending.service_ends() else readiness.get(lambda: _state(concerns))
    )
    body = {"status": "not ready" if problems else "ok", "problems": problems, "warnings": warnings}
    return HttpResponse(dumps(body), status=503 if problems else 200, content_type=JSON)


def _state(concerns: Sequence[Callable[[], list[str]]]) -> tuple[list[str], list[str]]:
    """Problems and warnings."""
    problems = disk.problems()
    try:
        problems += _unready()
        return problems, [] if problems else [warning for concern in concerns for warning in concern()]
    except Error as failure:
        return [*problems, f"database: {type(failure).__name__}"], []


def _unready() -> list[str]:
    if pending := pending_migrations():
        more = f" and {len(pending) - MOST_NAMED} more" if len(pending) > MOST_NAMED else ""
        return [f"migrations are not applied: {', '.join(pending[:MOST_NAMED])}{more} (manage.py prepare)"]
    return [f"trigger {name} is missing: manage.py migrate" for name in sorted(maintenance.missing(connection))]


def pending_migrations() -> list[str]:
    executor = MigrationExecutor(connection)
    return [f"{one.app_label}.{one.name}" for one, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


@require_safe
def metrics(request: HttpRequest, collectors: Sequence[Collector] = ()) -> HttpResponse:
    if not _may_read_metrics(request):
        status = 401 if settings.METRICS_TOKEN else 403
        headers = {"WWW-Authenticate": "Bearer"} if settings.METRICS_TOKEN else {}
        return HttpResponse(STRANGERS, status=status, headers=headers, content_type="text/plain")
    counted, media_type = observability.counted_text(several_processes=bool(settings.METRICS_DIR))
    return HttpResponse(
        counted + collected.get(lambda: observability.collected_text(collectors)), content_type=media_type
    )


def _may_read_metrics(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        sent, expected = token.strip().encode(), settings.METRICS_TOKEN.encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(sent, expected)
    return _is_loopback(request.META.get("REMOTE_ADDR", "")) and not any(name in request.META for name in FORWARDED)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:  # a socket of the file system has no address
        return False
