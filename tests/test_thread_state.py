"""What belongs to a request or a job ends with it: the thread that did the work goes on as if nothing had been."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone, translation

from overplane import log_lines
from overplane.api.middleware import RequestMiddleware
from overplane.api.pages import description
from overplane.api.reference.pages import page
from overplane.background import in_background, prefetch
from overplane.jobs import kinds, queue, worker
from overplane.jobs.kinds import Kind, Run
from overplane.jobs.models import Job, State
from tests.backoffice.people import member
from tests.conftest import CUSTOMER, Api
from tests.served import ROOT, served

State_ = dict[str, Any]
BEFORE: State_ = {"id": "req_before", "language": "de", "time zone": "Asia/Tokyo"}
FRESH: State_ = {"language": "en", "time zone": "UTC"}


def state() -> State_:
    zone = timezone.get_current_timezone_name()
    return {"id": log_lines.request_id.get(), "language": translation.get_language(), "time zone": zone}


def forget_everything() -> None:
    """What careless code does: it sets things for the thread and never puts them back."""
    log_lines.request_id.set("req_careless")
    translation.activate("de")
    timezone.activate("America/Lima")


@pytest.fixture
def used_thread() -> Iterator[None]:
    """The thread has a language, a time zone and an id already, as if something else were going on in it."""
    token = log_lines.request_id.set(BEFORE["id"])
    with translation.override(BEFORE["language"]), timezone.override(BEFORE["time zone"]):
        yield
    log_lines.request_id.reset(token)


def careless(request: HttpRequest) -> HttpResponse:
    seen.append(state())
    forget_everything()
    return HttpResponse()


def broken(request: HttpRequest) -> HttpResponse:
    forget_everything()
    raise ZeroDivisionError


seen: list[State_] = []


def test_a_request_begins_fresh_and_leaves_nothing(used_thread: None) -> None:
    seen.clear()
    answer = RequestMiddleware(careless)(RequestFactory().get("/admin/"))
    assert seen == [FRESH | {"id": answer["Request-Id"]}]
    assert state() == BEFORE


def test_nor_does_one_that_breaks(used_thread: None) -> None:
    with pytest.raises(ZeroDivisionError):
        RequestMiddleware(broken)(RequestFactory().get("/admin/"))
    assert state() == BEFORE


@pytest.mark.django_db
def test_nor_do_calls_and_pages(api: Api, used_thread: None) -> None:
    staff = member("Viewer")
    api.create()
    calls: list[Callable[[], Any]] = [
        lambda: api.get(CUSTOMER),
        lambda: api.get("/api/nowhere"),
        lambda: api.post(CUSTOMER, b"{"),
        lambda: b"".join(api.get("/api/crm/customer/export").streaming_content),
        lambda: staff.get(reverse("admin:index"), headers={"accept-language": "de"}),
        lambda: staff.get("/nosuch", headers={"accept-language": "en"}),
        lambda: staff.get("/healthz", headers={"host": "evil.example"}),
    ]
    for call in calls:
        call()
        assert state() == BEFORE


def look_and_forget(run: Run) -> dict[str, Any]:
    initial = state()
    forget_everything()
    return initial


def forget_and_break(run: Run) -> None:
    forget_everything()
    raise ZeroDivisionError


@pytest.mark.django_db
def test_nor_does_a_job(monkeypatch: pytest.MonkeyPatch, used_thread: None) -> None:
    job_kinds = {f.__name__: Kind(f.__name__, f, f.__name__) for f in (look_and_forget, forget_and_break)}
    monkeypatch.setattr(kinds, "known", job_kinds)
    with translation.override("en"):
        broken = queue.enqueue("forget_and_break", {}, "user:anna")
        looked = queue.enqueue("look_and_forget", {}, "user:anna")
    assert worker.Worker().run_one()
    assert state() == BEFORE
    assert worker.Worker().run_one()
    assert state() == BEFORE
    assert Job.objects.get(pk=broken.pk).state == State.FAILED
    assert Job.objects.get(pk=looked.pk).result == FRESH | {"id": looked.pk}


def states() -> Iterator[State_]:
    yield state()
    forget_everything()
    yield state()


def test_what_is_read_ahead_is_in_the_language_of_who_asks_and_sets_nothing(used_thread: None) -> None:
    careless = {"id": "req_careless", "language": "de", "time zone": "America/Lima"}
    assert list(prefetch(states())) == [BEFORE, careless]
    assert state() == BEFORE


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_reading_ahead_opens_is_closed() -> None:
    opened: list[Any] = []

    def items() -> Iterator[int]:
        connections["default"].ensure_connection()
        opened.append(connections["default"])
        yield 1

    assert list(prefetch(items())) == [1]
    assert [one.connection for one in opened] == [None]


@pytest.mark.django_db
def test_an_import_tells_what_is_wrong_in_the_language_of_who_asked(imported: Any) -> None:
    with translation.override("de"):
        ran = imported("customer_name,default_commission_rate\nAcme,viel\n")
    assert [problem["message"] for problem in ran.report["problems"]] == ["Muss eine Zahl sein, geschrieben wie 12,5."]


def test_steps_beside_a_block_are_taken_to_their_end_in_its_language() -> None:
    said = []

    def steps() -> Iterator[None]:
        for _ in range(3):
            said.append(translation.get_language())
            yield

    with translation.override("de"), in_background(steps()):
        pass
    assert said == ["de"] * 3


def test_who_fails_beside_whom() -> None:
    taken = []

    def failing() -> Iterator[None]:
        yield
        raise OSError("full")

    def endless() -> Iterator[None]:
        while True:
            taken.append(1)
            yield

    with pytest.raises(OSError, match="full"), in_background(failing()):
        pass
    with pytest.raises(ValueError, match="wrong"), in_background(endless()):
        raise ValueError("wrong")
    assert taken


def test_an_error_in_the_block_says_what_failed_beside_it() -> None:
    def failing() -> Iterator[None]:
        yield
        raise OSError("full")

    def fail() -> None:
        with in_background(failing()) as thread:
            thread.join()
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong") as failure:
        fail()
    assert failure.value.__notes__ == ["In the background: OSError('full')"]


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("made_once", [description, page], ids=["description", "reference"])
def test_what_is_made_once_is_the_same_whoever_asks_first(made_once: Any) -> None:
    made_once.cache_clear()
    english = made_once()
    made_once.cache_clear()
    with translation.override("de"), timezone.override("Asia/Tokyo"):
        assert made_once() == english


@pytest.mark.slow
@pytest.mark.half("postgresql")
@pytest.mark.django_db(transaction=True)
def test_a_server_s_thread_speaks_to_each_in_their_own_language(tmp_path: Path) -> None:
    """One thread for all of them, with the worker that production has."""
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"]  # which every page names
    subprocess.run(collect, cwd=ROOT, env=os.environ | {"DATA_DIR": str(tmp_path)}, check=True)
    with served(tmp_path, WEB_CONCURRENCY="1", WEB_THREADS="1") as service:
        for language, word in (
            ("de", "Diese Seite gibt es nicht"),
            ("", "There is no such page"),
            ("de", "Diese Seite"),
        ):
            headers = {"Accept": "text/html"} | ({"Accept_Language": language} if language else {})
            status, body, _ = service.call("GET", "/nosuch", **headers)
            assert (status, word in body.decode()) == (404, True), body
            assert b"There is no such route" in service.call("GET", "/api/nowhere", **headers)[1]
