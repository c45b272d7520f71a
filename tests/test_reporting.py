"""What leaves for Sentry and for a collector of traces: no value of anybody. Without the settings nothing is imported."""

import json
import subprocess
import sys
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

from overplane import reporting
from overplane.log_lines import OF_REQUEST
from overplane.reporting import TraceMiddleware, report_errors, without_values

CANARY = "canary-4711"


@pytest.mark.slow
def test_nothing_is_imported_that_was_not_asked_for() -> None:
    script = "import sys, overplane.wsgi; print([name for name in sys.modules if name.startswith(('sentry', 'opentelemetry'))])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_setting_without_its_package_says_what_to_install(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SENTRY_DSN = "https://key@sentry.example/1"
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)  # as if it were not installed
    with pytest.raises(
        ImproperlyConfigured, match=r"SENTRY_DSN is set: pip install -r requirements-observability\.txt"
    ):
        reporting.begin()


def test_an_event_loses_every_value() -> None:
    event = {
        "level": "error",
        "breadcrumbs": {"values": [{"message": CANARY}]},
        "extra": {"sys.argv": [CANARY]},
        "user": {"username": CANARY},
        "request": {"method": "POST", "url": CANARY, "query_string": CANARY, "headers": {"A": CANARY}, "data": CANARY},
        "logentry": {"message": "%s failed", "params": [CANARY], "formatted": CANARY},
        "exception": {"values": [{"type": "DataError", "value": CANARY}]},
    }
    sent = without_values(event)
    assert CANARY not in json.dumps(sent)
    assert sent["exception"]["values"][0]["type"] == "DataError"
    assert (sent["logentry"], sent["request"]) == ({"message": "%s failed"}, {"method": "POST"})


def test_sentry_gets_the_error_and_no_value(settings: Any) -> None:
    sentry = pytest.importorskip("sentry_sdk")
    settings.SENTRY_DSN = "https://key@sentry.example/1"
    sent: list[Any] = []

    class Kept(sentry.transport.Transport):
        def capture_envelope(self, envelope: Any) -> None:
            sent.extend(item.payload.json for item in envelope.items)

    report_errors(transport=Kept())
    try:
        secret = CANARY + "-local"
        raise ValueError(f"{CANARY} {secret}")
    except ValueError:
        sentry.capture_exception()
    finally:
        sentry.flush()
        sentry.init()  # without an address it sends nothing any more
    (event,) = sent
    assert event["exception"]["values"][0]["type"] == "ValueError"
    text = json.dumps({name: value for name, value in event.items() if name != "exception"})
    frames = event["exception"]["values"][0]["stacktrace"]["frames"]
    assert CANARY not in text
    assert event["exception"]["values"][0]["value"] == ""
    assert all("vars" not in frame for frame in frames)


def test_a_span_names_route_and_actor_and_goes_on_with_the_caller_s_trace() -> None:
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(memory))

    def respond(request: HttpRequest) -> HttpResponse:
        request.META[OF_REQUEST] = "req_1", "api/crm/customer/<str:id>", "api_key:key_1"
        return HttpResponse(CANARY)

    middleware = TraceMiddleware(respond)
    middleware.tracer = provider.get_tracer("test")
    request = HttpRequest()
    request.method = "GET"
    request.META = {"HTTP_TRACEPARENT": f"00-{'1' * 32}-{'2' * 16}-01", "QUERY_STRING": CANARY, "PATH_INFO": CANARY}
    assert middleware(request).content == CANARY.encode()
    (span,) = memory.get_finished_spans()
    assert span.name == "GET api/crm/customer/<str:id>"
    assert span.context.trace_id == int("1" * 32, 16)
    assert dict(span.attributes) == {
        "http.request.method": "GET", "http.route": "api/crm/customer/<str:id>", "http.response.status_code": 200,
        "overplane.request_id": "req_1", "overplane.actor": "api_key:key_1",
    }  # fmt: skip
    assert CANARY not in span.to_json()
