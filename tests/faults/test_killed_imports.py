"""kill -9 of web processes during uploads and of workers during runs: the table equals the file, one run, one event."""

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from crm.models import Customer, ImportRun
from overplane.api import keys
from overplane.events.models import Event
from overplane.jobs import queue
from overplane.jobs.models import Job, JobFile
from tests.served import ROOT, Service, database_url, served

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
IMPORT = "/api/crm/import"
# Of each sort: during uploads, before an answer, during runs. `KILLS=10` is for a quiet night.
KILLS = int(os.environ.get("KILLS", "1"))
COUNT = 5_000 * (KILLS + 1)  # two batches and more between two kills


def file_of(count: int) -> bytes:
    rows = [f"Customer {i},c{i}@mail.example,{i}" for i in range(count)]
    return "\n".join(["customer_name,email_id,tax_id", *rows, ""]).encode()


@pytest.fixture
def service(transactional_db: None, tmp_path: Path) -> Iterator[Service]:
    with served(tmp_path) as running:
        yield running


@contextmanager
def a_worker(home: Path) -> Iterator[subprocess.Popen]:
    environment = os.environ | {"DATABASE_URL": database_url(), "DATA_DIR": str(home), "LOG_LEVEL": "ERROR"}
    with (home / "worker.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_worker"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(30)


def kill_web_processes(service: Service) -> None:
    """gunicorn's own process starts others in their place."""
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)


def half_an_upload(service: Service, key: str, content: bytes) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as caller:
        head = f"POST {IMPORT} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Type: text/csv\r\n"
        caller.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[: len(content) // 2])
        time.sleep(0.3)
        kill_web_processes(service)
        time.sleep(0.5)


def begun(service: Service, key: str, content: bytes) -> str:
    """A client that sends the same request until it is answered, while the processes that have it are killed."""
    for attempt in range(20):
        try:
            status, body, _ = service.call(
                "POST", IMPORT, key, content, Idempotency_Key="once", Content_Type="text/csv"
            )
        except OSError:
            time.sleep(0.3)
            continue
        if attempt < KILLS:
            kill_web_processes(service)  # it has not heard of it
            time.sleep(0.5)
        elif status == 202:
            return str(json.loads(body)["id"])
    raise AssertionError(service.log[-2000:])


def positions(run_id: str) -> Iterator[int]:
    """How far the run is, until it moves no more."""
    for _ in range(1200):
        run = ImportRun.objects.get(pk=run_id)
        yield run.position
        if run.state in ("done", "refused"):
            return
        time.sleep(0.05)
    raise AssertionError(f"{run.state} at row {run.position}")


def killed_in_the_middle(run_id: str, home: Path) -> None:
    start = ImportRun.objects.get(pk=run_id).position
    with a_worker(home) as worker:
        for position in positions(run_id):
            if position > start:
                worker.kill()
                worker.wait(30)
                break
    assert ImportRun.objects.get(pk=run_id).state == "writing"
    # As a minute later: nobody hears of the worker any more. After three attempts the job is given up.
    Job.objects.filter(state="running").update(heartbeat_at=timezone.now() - queue.STALE - timedelta(seconds=1))
    assert queue.recover()


def test_nothing_is_lost_and_nothing_is_done_twice(service: Service, tmp_path: Path) -> None:
    key, content = keys.mint("killer")[1], file_of(COUNT)
    for _ in range(KILLS):
        half_an_upload(service, key, content)
    assert not ImportRun.objects.exists()
    assert not JobFile.objects.exists()
    run_id = begun(service, key, content)
    for _ in range(KILLS):
        killed_in_the_middle(run_id, tmp_path)
        if not open_jobs():
            assert service.call("POST", f"{IMPORT}/{run_id}/resume", key)[0] == 202
    with a_worker(tmp_path):
        list(positions(run_id))
        waited = json.loads(service.get(f"{IMPORT}/{run_id}?wait=25", key)[1])
    assert (waited["status"], waited["counts"]["created"], waited["error"]) == ("done", COUNT, None)
    as_in_the_file(service, key, run_id)


def open_jobs() -> bool:
    return Job.objects.filter(kind="crm.import_file", state__in=("queued", "running")).exists()


def as_in_the_file(service: Service, key: str, run_id: str) -> None:
    ids = dict(Customer.objects.values_list("customer_name", "id"))
    assert sorted(ids) == sorted(f"Customer {i}" for i in range(COUNT))
    assert Customer.objects.count() == COUNT
    assert ImportRun.objects.count() == JobFile.objects.count() == 1
    assert Event.objects.filter(type="customer.created").count() == COUNT
    assert Event.objects.filter(type="import.finished").count() == 1
    text = service.call("GET", f"{IMPORT}/{run_id}/result", key)[1].decode()
    rows = list(csv.reader(io.StringIO(text)))[1:]
    assert rows == [[str(i + 2), ids[f"Customer {i}"], "created", "", ""] for i in range(COUNT)]
