"""The service as `make run` starts it: gunicorn on the suite's own database, and callers that speak to it."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).parent.parent


class Service:
    """A new connection for each call, so that any of its workers may get it. `log` is what it writes."""

    def __init__(self, port: int, process: subprocess.Popen, log: Path) -> None:
        self.port, self.process, self._log = port, process, log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def call(
        self, method: str, path: str, key: str = "", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        caller = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"Authorization": f"Bearer {key}", "Connection": "close"}
        with closing(caller):
            caller.request(
                method, path, body, sent | {name.replace("_", "-"): value for name, value in headers.items()}
            )
            with caller.getresponse() as answer:
                return answer.status, answer.read(), answer.headers

    def get(self, path: str, key: str = "") -> tuple[int, bytes]:
        status, body, _ = self.call("GET", path, key)
        return status, body

    def many(self, count: int, path: str, key: str) -> Counter[int]:
        with ThreadPoolExecutor(8) as pool:
            return Counter(status for status, _ in pool.map(lambda _: self.get(path, key), range(count)))

    def raw(self, sent: bytes) -> bytes:
        """All that comes back for these bytes, until the service closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as caller:
            caller.sendall(sent)
            caller.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: caller.recv(65536), b""))


def database_url(port: int | None = None) -> str:
    """Of the suite's own database; by another port where something stands before it."""
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{known['NAME']}"
    return f"postgresql://{known['USER']}:{known['PASSWORD']}@{known['HOST']}:{port or known['PORT']}/{known['NAME']}"


def manage(home: Path, *arguments: str, **variables: str) -> str:
    """What a command of manage.py says, with the same settings as the service there."""
    environment = os.environ | {"DATA_DIR": str(home)} | variables
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def served(home: Path, *, awaited: str = "/readyz", root: Path = ROOT, **variables: str) -> Iterator[Service]:
    """`awaited`: what answers 200 before this goes on; nothing if it is empty. `root`: of the code."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(variables.get("PORT") or probe.getsockname()[1])
    environment = os.environ | {
        "DATABASE_URL": variables.get("DATABASE_URL") or database_url(), "DATA_DIR": str(home), "PORT": str(port), "WEB_CONCURRENCY": "2",
        "LOG_LEVEL": "ERROR", "GRACEFUL_SECONDS": "10",
    } | variables  # fmt: skip
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "overplane/gunicorn.py", "overplane.wsgi"],
            cwd=root, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            running = Service(port, process, home / "log")
            if awaited:
                _wait_for(running, awaited)
            yield running
        finally:
            process.terminate()
            process.wait(60)


def _wait_for(service: Service, path: str) -> None:
    for _ in range(300):
        try:
            if service.get(path)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the service does not start: {service.log[-2000:]}")
