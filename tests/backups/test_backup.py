"""Backing up a service while it is written to, and restoring that: into a new cluster, and over the old database."""

import http.server
import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from overplane.backups import postgresql, sqlite
from overplane.backups.archive import MANIFEST, SECRET
from tests.conftest import CUSTOMER, Api
from tests.databases import start_postgresql
from tests.served import ROOT, Service, database_url, served

POSTGRESQL = connection.vendor == "postgresql"


class Installation:
    """A database and a DATA_DIR of its own. `server`: a URL, of the database of PostgreSQL in which another one is made."""

    def __init__(self, home: Path, name: str, server: str) -> None:
        self.home, self.name, self.server = home / name, f"backup_{name}_{os.getpid()}", server
        self.home.mkdir(exist_ok=True)
        host = server.rpartition("/")[0]
        self.url = f"{host}/{self.name}" if POSTGRESQL else f"sqlite:///{self.home / 'db.sqlite3'}"
        self.variables = {
            "DATABASE_URL": self.url, "DATA_DIR": str(self.home), "SECRET_KEY": "", "WEBHOOK_ALLOW_PRIVATE": "1",
        }  # fmt: skip
        if POSTGRESQL:
            with psycopg.connect(server, autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE {self.name} TEMPLATE template0")

    def drop(self) -> None:
        if POSTGRESQL:
            with psycopg.connect(self.server, autocommit=True) as admin:
                admin.execute(f"DROP DATABASE {self.name} WITH (FORCE)")

    def manage(self, *arguments: str, code: int = 0) -> str:
        ran = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=os.environ | self.variables,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    @contextmanager
    def served(self) -> Iterator[Service]:
        with served(self.home, **self.variables) as service:
            yield service

    @contextmanager
    def worker(self) -> Iterator[None]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_worker"], cwd=ROOT, env=os.environ | self.variables
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def new_cluster() -> Iterator[str]:
    """As after the loss of a machine: nothing of the old server is there, neither its identity nor its numbers."""
    if not POSTGRESQL:
        yield ""
        return
    server = start_postgresql()
    yield server.url
    server.destroy()


@pytest.fixture
def installations(
    django_db_setup: None, tmp_path: Path, new_cluster: str
) -> Iterator[tuple[Installation, Installation]]:
    old, new = Installation(tmp_path, "old", database_url()), Installation(tmp_path, "new", new_cluster)
    yield old, new
    old.drop()


class Receiver(http.server.BaseHTTPRequestHandler):
    received: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.received.append(self.headers["webhook-id"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def receiving() -> Iterator[tuple[str, list[str]]]:
    received: list[str] = []
    handler = type("Handler", (Receiver,), {"received": received})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", received
        server.shutdown()


def created(service: Service, key: str, name: str) -> str | None:
    body = json.dumps({"customer_name": name, "supplier_numbers": [{"company": "A"}]}).encode()
    status, answer, _ = service.call("POST", CUSTOMER, key, body, Content_Type="application/json")
    return json.loads(answer)["id"] if status == 201 else None


@contextmanager
def writing(service: Service, key: str) -> Iterator[list[str]]:
    """Three clients that write all the time; the ids of what was acknowledged."""
    acknowledged, ended = [], threading.Event()

    def write(number: int) -> None:
        while not ended.wait(0.01):  # busy, but not the whole machine, on which the backup is to end too
            if name := created(service, key, f"client {number}"):
                acknowledged.append(name)

    threads = [threading.Thread(target=write, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield acknowledged
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def ids(service: Service, key: str) -> set[str]:
    found: set[str] = set()
    query = "limit=1000"
    while True:
        page = json.loads(service.get(f"{CUSTOMER}?{query}", key)[1])
        found |= {one["id"] for one in page["data"]}
        if not page["has_more"]:
            assert page["total"] == len(found)
            return found
        query = f"limit=1000&starting_after={page['data'][-1]['id']}"


def cursor(service: Service, key: str) -> str:
    return json.loads(service.get("/api/crm/event?limit=1", key)[1])["next_cursor"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_backup_of_a_busy_service_is_restored(
    installations: tuple[Installation, Installation], tmp_path: Path
) -> None:
    old, new = installations
    backup = tmp_path / "backups" / "first"
    key = old.manage("prepare").split("First API key: ")[1].split()[0]
    with receiving() as (address, received), old.served() as service:
        body = json.dumps({"url": address}).encode()
        assert service.call("POST", "/api/crm/webhook-endpoint", key, body, Content_Type="application/json")[0] == 201
        with writing(service, key) as acknowledged:
            while len(acknowledged) < 50:
                time.sleep(0.05)
            before = set(acknowledged)
            at = cursor(service, key)
            said = old.manage("backup", str(backup))
            during = len(acknowledged) - len(before)
        everything = ids(service, key)
    assert during > 10, "nobody wrote meanwhile"
    assert "The secret key is in the backup" in said
    is_for_its_owner_only(backup)
    restored(new, backup, before, everything, key, at, address, received)
    restored_over_the_old(old, backup, before, everything, key)


def is_for_its_owner_only(backup: Path) -> None:
    for path in (backup, *backup.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert {"manifest.json", "secret_key"} < {path.name for path in backup.iterdir()}
    assert [path for path in backup.parent.iterdir() if path != backup] == []


def restored(
    new: Installation, backup: Path, before: set[str], everything: set[str], key: str, at: str, address: str,
    received: list[str],
) -> None:  # fmt: skip
    said = new.manage("restore", str(backup))
    assert "Restored and verified" in said
    assert "Next: manage.py prepare" in said
    assert (new.home / SECRET).read_text() == (backup / SECRET).read_text()
    with receiving_again(address, received), new.served() as service:
        there = ids(service, key)
        assert before <= there < everything
        assert service.get(f"/api/crm/event?after={at}", key)[0] == 410
        events, after = [], "start"
        while True:
            page = json.loads(service.get(f"/api/crm/event?after={after}&limit=1000&types=customer.created", key)[1])
            events += [one["data"]["object"]["id"] for one in page["data"]]
            after = page["next_cursor"]
            if not page["has_more"]:
                break
        assert sorted(events) == sorted(there)
        count = len(received)
        with new.worker():
            name = created(service, key, "after the restore")
            assert name
            ends = time.monotonic() + 30
            while len(received) - count < len(there) * 2 + 2 and time.monotonic() < ends:
                time.sleep(0.1)
            # The suite's own server is quick and not durable.
            said = new.manage("doctor", code=1 if POSTGRESQL else 0)
            wrong = [line for line in said.splitlines() if line.startswith("WRONG")]
            assert [line for line in wrong if "durability" not in line] == []
        page = json.loads(service.get(f"/api/crm/event?after={after}", key)[1])
        assert page["data"][0]["id"] in received[count:]
        assert len(ids(service, key)) == len(there) + 1


@contextmanager
def receiving_again(address: str, received: list[str]) -> Iterator[None]:
    handler = type("Handler", (Receiver,), {"received": received})
    port = int(address.rpartition(":")[2].strip("/"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def restored_over_the_old(old: Installation, backup: Path, before: set[str], everything: set[str], key: str) -> None:
    old.manage("restore", str(backup), "--force")
    with old.served() as service:
        there = ids(service, key)
        assert before <= there < everything
        assert created(service, key, "goes on")
        assert service.get("/readyz")[0] == 200


@pytest.mark.slow
def test_it_refuses_what_would_destroy_or_mislead(live_api: Api, tmp_path: Path) -> None:
    live_api.create()
    backup = tmp_path / "backup"
    call_command("backup", str(backup))
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", str(backup))
    manifest = json.loads((backup / MANIFEST).read_text())
    assert (manifest["counts"]["crm_customer"], manifest["has_files"]) == (1, False)
    for change, reason in (
        ({}, "is not empty"),
        ({"migrations": ["crm.9999_later"]}, "Install that version first"),
        ({"database": "another"}, "The backup is of another"),
        ({"format": 7}, "another format"),
    ):
        (backup / MANIFEST).write_text(json.dumps(manifest | change))
        with pytest.raises(CommandError, match=reason):
            call_command("restore", str(backup))
    with pytest.raises(CommandError, match="is no backup"):
        call_command("restore", str(tmp_path))
    assert live_api.get(CUSTOMER).json()["total"] == 1


@pytest.mark.slow
def test_a_damaged_backup_leaves_what_is_there(live_api: Api, tmp_path: Path) -> None:
    live_api.create()
    backup = tmp_path / "backup"
    call_command("backup", str(backup), files=True)
    live_api.create()
    copy = backup / (postgresql.FILE if POSTGRESQL else sqlite.FILE)
    content = copy.read_bytes()
    copy.write_bytes(content[: len(content) // 2])
    with pytest.raises(CommandError):
        call_command("restore", str(backup), force=True)
    assert live_api.get(CUSTOMER).json()["total"] == 2


@pytest.mark.skipif(not POSTGRESQL, reason="SQLite needs no program")
def test_without_the_programs_it_says_which_to_install(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgresql, "PROGRAMS", tmp_path)
    with pytest.raises(
        CommandError, match="pg_dump is not installed on this machine: apt-get install postgresql-client"
    ):
        call_command("backup", str(tmp_path / "backup"))
    assert list(tmp_path.iterdir()) == []
