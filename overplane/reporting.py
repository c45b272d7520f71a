"""Errors to Sentry and traces by OpenTelemetry, if an operator wants them: requirements-observability.txt has the packages.

Where the settings are not set nothing of it is imported. No value leaves: neither bodies, headers, queries and local
variables nor the texts of errors, which may quote what somebody has sent.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

from overplane import __version__
from overplane.log_lines import OF_REQUEST

REQUEST_PARTS = ("method",)  # what is kept of a request; its route is the transaction's name
DROPPED = ("breadcrumbs", "extra", "user", "modules", "server_name")


def _package(name: str, setting: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise ImproperlyConfigured(f"{setting} is set: pip install -r requirements-observability.txt") from None


def report_errors(**options: Any) -> None:
    """`options` are those of sentry_sdk.init: a transport, in tests."""
    sentry = _package("sentry_sdk", "SENTRY_DSN")
    sentry.init(
        dsn=settings.SENTRY_DSN,
        release=__version__,
        environment=settings.OVERPLANE_MODE,
        max_request_body_size="never",
        include_local_variables=False,
        include_source_context=True,
        before_send=without_values,
        **options,
    )


def without_values(event: dict[str, Any], hint: Any = None) -> dict[str, Any]:
    for name in DROPPED:
        event.pop(name, None)
    if "request" in event:
        event["request"] = {name: event["request"][name] for name in REQUEST_PARTS if name in event["request"]}
    for one in event.get("exception", {}).get("values", ()):
        one["value"] = ""
    if "logentry" in event:
        event["logentry"] = {
            "message": event["logentry"].get("message", "")
        }  # as the program has it, without what it fills in
    return event


class TraceMiddleware:
    """A span for each request; in the settings only if OTEL_EXPORTER_OTLP_ENDPOINT is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.trace = _package("opentelemetry.trace", "OTEL_EXPORTER_OTLP_ENDPOINT")
        self.propagate = _package("opentelemetry.propagate", "OTEL_EXPORTER_OTLP_ENDPOINT")
        self.tracer = self.trace.get_tracer("overplane", __version__)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        came_with = {"traceparent": request.META.get("HTTP_TRACEPARENT", "")}
        context = self.propagate.extract(came_with)
        kind = self.trace.SpanKind.SERVER
        with self.tracer.start_as_current_span("request", context, kind, record_exception=False) as span:
            response = self.get_response(request)
            request_id, route, actor = request.META.get(OF_REQUEST, (None, None, None))
            span.update_name(f"{request.method} {route}")
            known = {
                "http.request.method": request.method, "http.route": route, "http.response.status_code": response.status_code,
                "overplane.request_id": request_id, "overplane.actor": actor,
            }  # fmt: skip
            span.set_attributes({name: value for name, value in known.items() if value is not None})
        return response


def send_traces() -> None:
    sdk = _package("opentelemetry.sdk.trace", "OTEL_EXPORTER_OTLP_ENDPOINT")
    export = _package("opentelemetry.sdk.trace.export", "OTEL_EXPORTER_OTLP_ENDPOINT")
    otlp = _package("opentelemetry.exporter.otlp.proto.http.trace_exporter", "OTEL_EXPORTER_OTLP_ENDPOINT")
    resources = _package("opentelemetry.sdk.resources", "OTEL_EXPORTER_OTLP_ENDPOINT")
    resource = resources.Resource.create({"service.name": "overplane", "service.version": __version__})
    provider = sdk.TracerProvider(resource=resource)
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    _package("opentelemetry.trace", "OTEL_EXPORTER_OTLP_ENDPOINT").set_tracer_provider(provider)


def begin() -> None:
    """At the start of each process; a worker's after it was forked."""
    if settings.SENTRY_DSN:
        report_errors()
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        send_traces()
