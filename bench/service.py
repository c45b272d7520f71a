"""The service as it runs in production: gunicorn on a PostgreSQL of its own."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.databases import PostgresServer, start_postgresql

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """`url` of its database, `key` of its API. Call `close` when done."""

    def __init__(self, *, workers: int = 2, durable: bool = True, **environment: str) -> None:
        self.server: PostgresServer = start_postgresql(durable=durable)
        self.port = free_port()
        self.environment = os.environ | {
            **self.database_environment(),
            "DATA_DIR": tempfile.mkdtemp(prefix="overplane-bench-"),
            "PORT": str(self.port),
            "WEB_CONCURRENCY": str(workers),
            "WEB_THREADS": "8",
            "LOG_LEVEL": "ERROR",
            **environment,
        }
        self.manage("prepare")
        self.key = self.manage("create_api_key", "bench").strip()
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "overplane/gunicorn.py", "overplane.wsgi"]
        self.process = subprocess.Popen(
            gunicorn, cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            if self.is_ready():
                return
            time.sleep(0.1)
        raise RuntimeError("the service does not start")

    def database_environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url()}

    def database_url(self) -> str:
        """How the service reaches its server."""
        return self.server.url

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def is_ready(self) -> bool:
        try:
            return Client(self).call("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.server.destroy()


class Client:
    """One kept connection. `call` answers (status, body, headers). `key`: that of the service if there is none."""

    def __init__(self, service: Service, key: str = "") -> None:
        self.service, self.key = service, key
        self.connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        status, raw, answered = self.exchange(method, path, body, **headers)
        return status, json.loads(raw) if raw[:1] in b"{[" else raw, answered

    def exchange(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes, Any]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=30)
        key = self.key or getattr(self.service, "key", "")
        sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        try:
            payload = None if body is None else json.dumps(body)
            self.connection.request(method, path, payload, sent | {n.replace("_", "-"): v for n, v in headers.items()})
            answer = self.connection.getresponse()
            return answer.status, answer.read(), answer.headers
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            raise ConnectionError("the service is away") from None
