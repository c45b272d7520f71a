"""What machines ask: by any name, by http and https; kept from strangers, and cheap."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from crm.import_runs import ImportRun, RunState
from overplane.api import probes
from overplane.caching import Recent
from overplane.database import disk
from overplane.jobs import kinds, queue
from overplane.jobs.models import Job, State
from tests.conftest import CUSTOMER, Api
from tests.connections import only_postgresql

PROBES = ["/healthz", "/readyz", "/metrics"]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", PROBES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_they_answer_by_whatever_name_and_without_a_redirect(
    client: Client, settings: Any, path: str, method: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.MIDDLEWARE = list(settings.MIDDLEWARE)
    for host in ("10.1.2.3:8000", "evil.example", "a b"):
        answer = client.generic(method, path, headers={"host": host})
        assert answer.status_code == 200, (host, answer.content)
        assert "Request-Id" in answer
    assert client.get("/docs", headers={"host": "evil.example"}).status_code == 400
    assert client.post(path).status_code == 405


def test_a_full_disk_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LEAST_FREE", 2**62)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert re.fullmatch(r"disk: DATA_DIR has \d+ MB left, and needs \d+", answer.json()["problems"][0])


def test_a_folder_that_takes_nothing_is_not_ready(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "gone"
    answer = client.get("/readyz")
    assert (answer.status_code, str(tmp_path) in answer.content.decode()) == (503, False)
    assert answer.json()["problems"] == ["disk: nothing can be written to DATA_DIR (No such file or directory)"]


@pytest.mark.parametrize(
    "sent",
    [{"REMOTE_ADDR": "10.0.0.7"}, {"REMOTE_ADDR": ""}, *({one: "x"} for one in probes.FORWARDED)],
    ids=lambda sent: next(iter(sent)),
)
def test_strangers_read_no_metrics(client: Client, sent: dict[str, str]) -> None:
    assert client.get("/metrics").status_code == 200
    answer = client.get("/metrics", **sent)
    assert (answer.status_code, b"overplane_" in answer.content) == (403, False)


def test_a_token_lets_in_and_nothing_else_does(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "to-be-guessed"
    far = {"REMOTE_ADDR": "10.0.0.7", "HTTP_X_FORWARDED_FOR": "10.0.0.8"}
    assert client.get("/metrics", headers={"authorization": "Bearer to-be-guessed"}, **far).status_code == 200
    for wrong in ("", "Bearer", "Bearer wrong", "Basic to-be-guessed", "Bearer \xfc", "Bearer to-be-guessed2"):
        answer = client.get("/metrics", headers={"authorization": wrong})
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer"), wrong


@pytest.mark.slow
def test_the_database_is_asked_once_for_all(
    client: Client, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(probes, "readiness", Recent(60))
    monkeypatch.setattr(probes, "collected", Recent(60))
    for path in ("/readyz", "/metrics"):
        first = client.get(path)
        with django_assert_num_queries(0):
            answers = [client.get(path) for _ in range(3)]
        assert {one.status_code for one in answers} == {first.status_code} == {200}


def metrics(client: Client) -> dict[str, float]:
    lines = client.get("/metrics").content.decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] not in ("#", ""))
    }


@pytest.mark.slow
@pytest.mark.half("postgresql")
def test_odd_requests_do_not_make_the_metrics_longer(client: Client) -> None:
    paths = ("/api/crm/customer/{}", "/api/odd-{}", "/api/crm/{}/odd", "/healthz?odd={}", "/odd/{}")

    def ask(name: str) -> None:
        for path in paths:
            for method in (f"ODD{name}", "GET", "DELETE"):
                client.generic(method, path.format(name))

    def counted() -> tuple[set[str], int]:
        content = client.get("/metrics").content.decode()
        return set(re.findall('method="[^"]*",route="[^"]*"', content)), len(content)

    ask("first")
    counted()  # which is a request, too
    series, size = counted()
    for number in range(100):
        ask(str(number))
    assert counted()[0] == series
    assert counted()[1] < size + 10_000  # numbers with more digits; and some are refused for their number


def test_the_queue_and_the_build_are_measured(client: Client) -> None:
    kind = next(iter(kinds.known))
    for _ in range(3):
        queue.enqueue(kind, {}, "user:1")
    running = queue.claim("worker")
    assert running
    queue.beat(running, 25, 100)
    queued = Job.objects.filter(state=State.QUEUED)
    queued.update(run_after="2024-01-15T09:30:00Z")
    seen = metrics(client)
    assert (seen['overplane_jobs{state="queued"}'], seen['overplane_jobs{state="running"}']) == (2, 1)
    assert seen[f'overplane_job_progress{{kind="{kind}"}}'] == 0.25
    assert seen["overplane_jobs_oldest_seconds"] > 10_000_000
    queued.delete()
    assert metrics(client)["overplane_jobs_oldest_seconds"] == 0
    assert any(name.startswith("overplane_build_info{") for name in seen)


def test_imports_are_measured_also_without_a_job(client: Client) -> None:
    now = timezone.now()
    runs = (
        (RunState.CHECKING, 0, None), (RunState.WRITING, 4000, None), (RunState.WRITING, 300, None),
        (RunState.WRITING, 50, now), (RunState.DONE, 7, now), (RunState.UNDOING, 8, now),
    )  # fmt: skip
    for number, (state, position, ended) in enumerate(runs):
        ImportRun.objects.create(
            id=f"run_{number}", created_at=now, settings={}, state=state, position=position, finished_at=ended
        )
    seen = metrics(client)
    by_state = {
        state: seen[f'overplane_imports{{state="{state}"}}'] for state in ("queued", "checking", "writing", "undoing")
    }
    assert by_state == {"queued": 0, "checking": 1, "writing": 2, "undoing": 1}
    assert seen["overplane_import_rows"] == 4300


def test_the_time_of_the_database_is_a_part_of_the_request_s(api: Api, client: Client) -> None:
    labels = '{method="GET",route="api/crm/customer"}'
    names = [f"overplane_{of}_seconds_sum{labels}" for of in ("database", "request")]
    before = metrics(client)
    for _ in range(3):
        assert api.get(CUSTOMER).status_code == 200
    after = metrics(client)
    database, whole = (after[name] - before.get(name, 0) for name in names)
    assert 0 < database < whole


@only_postgresql
def test_connections_are_counted(client: Client) -> None:
    seen = metrics(client)
    assert seen['overplane_database_connections{state="active"}'] >= 1
    assert seen["overplane_database_connections_limit"] >= 20


def test_refusals_are_counted(api: Api, client: Client, settings: Any) -> None:
    name = 'overplane_rate_limit_refusals_total{limit="key"}'
    before = metrics(client).get(name, 0)
    settings.RATE_LIMIT = 1
    statuses = [api.get(CUSTOMER).status_code for _ in range(3)]
    assert metrics(client)[name] - before == statuses.count(429) > 0
