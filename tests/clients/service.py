"""The service as it runs in production, with its worker, on a new SQLite file."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0  # seconds


class Service(NamedTuple):
    url: str
    key: str


@contextmanager
def running(directory: Path) -> Iterator[Service]:
    port = _free_port()
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{directory / 'clients.sqlite3'}",
        "DATA_DIR": str(directory),
        "PORT": str(port),
        "BASE_URL": f"http://127.0.0.1:{port}",
        "WEB_CONCURRENCY": "1",
        "LOG_LEVEL": "ERROR",
    }
    environment.pop("BIND", None)
    _manage(environment, "prepare")
    key = _manage(environment, "create_api_key", "clients").strip()
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "overplane/gunicorn.py", "overplane.wsgi"]
    commands = [gunicorn, [sys.executable, "manage.py", "run_worker"]]
    processes = [
        subprocess.Popen(one, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for one in commands
    ]
    try:
        service = Service(environment["BASE_URL"], key)
        _wait_for(service, processes[0])
        yield service
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(PATIENCE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"manage.py {' '.join(arguments)} failed.\n{done.stderr}")
    return done.stdout


def _wait_for(service: Service, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{service.url}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The service does not start.")
