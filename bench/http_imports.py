"""The same file over HTTP: curl's request, a worker beside the service, and the time until its status is `done`."""

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bench.goals import watched
from bench.machine import family, megabytes
from bench.service import ROOT, Service


class OverHttp(NamedTuple):
    """Seconds of the upload and of all, megabytes that a web process grew by, and the worker's at the most, processors that
    others used."""

    upload: float
    seconds: float
    web_growth: float
    worker: float
    noise: float


def web_peak(service: Service) -> float:
    return megabytes(family(service.process.pid)[1:])


def measure(file: Path) -> OverHttp:
    service = Service()
    worker = subprocess.Popen([sys.executable, "manage.py", "run_worker"], cwd=ROOT, env=service.environment)
    try:
        for _ in range(20):
            call(service, "GET", "/api/crm/customer")
        before, started = web_peak(service), time.perf_counter()
        with watched(service.server.pid) as noise:
            with file.open("rb") as content:
                run = call(service, "POST", "/api/crm/import", content, file.stat().st_size)
            upload = time.perf_counter() - started
            while run["status"] not in ("done", "refused", "broken_off"):
                run = call(service, "GET", f"/api/crm/import/{run['id']}?wait=25")
        seconds = time.perf_counter() - started
        if run["status"] != "done":
            raise RuntimeError(str(run))
        return OverHttp(upload, seconds, web_peak(service) - before, megabytes([worker.pid]), noise.processors)
    finally:
        worker.terminate()
        worker.wait()
        service.close()


def call(service: Service, method: str, path: str, body: object = None, length: int = 0) -> dict:
    caller = http.client.HTTPConnection("127.0.0.1", service.port, timeout=600)
    headers = {"Authorization": f"Bearer {service.key}"}
    if length:
        headers |= {"Content-Type": "text/csv", "Content-Length": str(length)}
    caller.request(method, path, body, headers)  # type: ignore[arg-type]  # an open file is sent piece by piece
    answer = json.loads(caller.getresponse().read())
    caller.close()
    return answer
