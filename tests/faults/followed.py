"""A service whose lists come from a standby, who calls it, and who works in its back office."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

from tests.databases import PostgresServer
from tests.form_controls import Fields
from tests.served import ROOT, Service, manage

CUSTOMER, IMPORT, EXPORT = "/api/crm/customer", "/api/crm/import", "/api/crm/export"
GROUP = "own"
OWN = f"{CUSTOMER}?customer_group={GROUP}"
PASSWORD = "a password that is long"
MAX_LAG = 3.0


@dataclass
class Followed:
    """A primary, its standby, and the service that knows both. `writer` and `other` are two keys."""

    home: Path
    primary: PostgresServer
    standby: PostgresServer
    service: Service
    writer: str
    other: str

    def create(self, name: str, group: str = GROUP) -> str:
        body = json.dumps({"customer_name": name, "customer_group": group}).encode()
        status, answer, _ = self.service.call("POST", CUSTOMER, self.writer, body, Content_Type="application/json")
        assert status == 201, answer
        return str(json.loads(answer)["id"])

    def names(self, key: str, path: str = OWN) -> list[str]:
        status, body = self.service.get(path, key)
        assert status == 200, body
        return [one["customer_name"] for one in json.loads(body)["data"]]

    def exported(self, key: str) -> int:
        status, body = self.service.get(f"{CUSTOMER}/export?customer_group={GROUP}", key)
        assert status == 200
        end = json.loads(body.splitlines()[-1])
        assert end["end"]
        return int(end["count"])

    def of_standby(self, sql: str) -> Any:
        return value(self.standby, sql)

    def catch_up(self) -> None:
        """Until the standby has what the primary has, and the service has seen for long enough where that is."""
        catch_up(self.standby, self.primary)

    def from_standby(self) -> float:
        """How many lists it has answered."""
        text = self.service.get("/metrics")[1].decode()
        match = re.search(r'^overplane_replica_reads_total\{server="replica_1"\} (\S+)', text, re.MULTILINE)
        return float(match[1]) if match else 0.0

    def wait_until_read_from(self) -> None:
        """For so long that the service has seen where the primary was `MAX_LAG` ago, and allows that the standby is there."""
        self.catch_up()
        began, before = time.monotonic(), self.from_standby()
        while self.from_standby() <= before or time.monotonic() < began + 1.3 * MAX_LAG:
            assert time.monotonic() < began + 120, "the standby is not read from"
            self.names(self.other)
            time.sleep(0.1)

    def file_of_worker(self, environment: dict[str, str]) -> str:
        """What a worker that knows the standby exports."""
        status, job, _ = self.service.call("POST", EXPORT, self.writer, b"{}", Content_Type="application/json")
        assert status == 202, job
        with pytest.MonkeyPatch.context() as patch:
            for name, value in ({"DATABASE_REPLICA_URLS": self.standby.url} | environment).items():
                patch.setenv(name, value)
            path, ends = f"{EXPORT}/{json.loads(job)['id']}", time.monotonic() + 60
            while json.loads(self.service.get(path, self.writer)[1])["status"] == "queued":  # or again, after a pause
                assert time.monotonic() < ends
                manage(self.home, "run_worker", "--until-idle", DATABASE_URL=self.primary.url)
        status, body = self.service.get(f"{path}/file", self.writer)
        assert status == 200, body
        return body.decode()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The standby gets nothing new."""
        self.of_standby("SELECT pg_wal_replay_pause()::text")
        try:
            yield
        finally:
            self.of_standby("SELECT pg_wal_replay_resume()::text")


def doctor(primary: PostgresServer, standby: PostgresServer) -> str:
    urls = {"DATABASE_URL": primary.url, "DATABASE_REPLICA_URLS": standby.url}
    command = [sys.executable, "manage.py", "doctor"]
    return subprocess.run(command, cwd=ROOT, env=os.environ | urls, capture_output=True, text=True, check=False).stdout


def value(server: PostgresServer, sql: str) -> Any:
    with psycopg.connect(server.url, autocommit=True) as connection:
        return connection.execute(sql).fetchone()[0]  # type: ignore[index]  # each asks for one value


def catch_up(standby: PostgresServer, primary: PostgresServer) -> None:
    here, ends = value(primary, "SELECT pg_current_wal_insert_lsn()"), time.monotonic() + 60
    while not value(standby, f"SELECT pg_last_wal_replay_lsn() >= '{here}'"):
        assert time.monotonic() < ends, "the standby does not catch up"
        time.sleep(0.1)


def manage_user(it: Followed, name: str) -> str:
    more = {"DJANGO_SUPERUSER_USERNAME": name, "DJANGO_SUPERUSER_EMAIL": "", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in more.items():
            patch.setenv(variable, value)
        manage(it.home, "createsuperuser", "--noinput", DATABASE_URL=it.primary.url)
    return name


class Staff:
    """Somebody in the back office."""

    def __init__(self, service: Service, name: str) -> None:
        self.service, self.cookies = service, SimpleCookie()
        self.page("GET", "/admin/login/")
        self.page("POST", "/admin/login/", username=name, password=PASSWORD, next="/admin/")

    def page(self, method: str, path: str, **fields: str) -> str:
        token = {"csrfmiddlewaretoken": self.cookies["csrftoken"].value} if fields else {}
        status, body, headers = self.service.call(
            method, path, body=urlencode(fields | token).encode() if fields else None,
            Cookie="; ".join(f"{n}={one.value}" for n, one in self.cookies.items()),
            Content_Type="application/x-www-form-urlencoded",
        )  # fmt: skip
        assert status == (302 if fields else 200), self.service.log[-3000:]
        for line in headers.get_all("Set-Cookie", []):
            self.cookies.load(line)
        return body.decode()

    def add(self, name: str) -> None:
        form = Fields("customer_form")
        form.feed(self.page("GET", "/admin/crm/customer/add/"))
        known = {n: values[-1] for n, values in form.values.items() if "__prefix__" not in n}
        self.page("POST", "/admin/crm/customer/add/", **(known | {"customer_name": name, "csrfmiddlewaretoken": ""}))

    def list(self) -> str:
        return self.page("GET", "/admin/crm/customer/")
