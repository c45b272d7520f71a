"""A file of a gigabyte, sent by curl as it is and as a form: what a web process grows by, and what others wait for meanwhile."""

import json
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from bench import goals
from bench.http_imports import call, web_peak
from bench.service import Client, Service

SIZE = 1024  # MiB
GROWTH_GOAL = 50  # megabytes
WAIT_GOAL = 1000  # milliseconds that the slowest of others' requests took
PACE = 0.02  # seconds between two requests of one caller: some hundred a second of two, as people make them


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="overplane-uploads-") as name:
        file = Path(name) / "large.csv"
        with file.open("wb") as content:
            content.write(b"customer_name\n")
            for _ in range(SIZE):
                content.write((b"x" * 1023 + b"\n") * 1024)
        service = Service()
        try:
            for _ in range(20):
                call(service, "GET", "/api/crm/customer")
            measure(service, "as it is", "-H", "Content-Type: text/csv", "-X", "POST", "-T", str(file))
            measure(service, "as a form", "-F", f"file=@{file}")
        finally:
            service.close()


def measure(service: Service, what: str, *arguments: str) -> None:
    before, ended = web_peak(service), threading.Event()
    waits: list[float] = []
    beside = threading.Thread(target=lambda: waits.extend(lists(service, ended)))
    beside.start()
    started = time.perf_counter()
    run = upload(service, *arguments)
    seconds = time.perf_counter() - started
    ended.set()
    beside.join()
    assert run["status"] == "queued", run
    waits.sort()
    print(
        f"1 GiB {what}: {seconds:.1f} s; {len(waits)} lists meanwhile, half of them within {waits[len(waits) // 2]:.0f} ms"
    )
    print(goals.at_most(f"1 GiB {what}, MB of a web process", web_peak(service) - before, GROWTH_GOAL))
    print(goals.at_most(f"1 GiB {what}, slowest list meanwhile, ms", waits[-1], WAIT_GOAL), flush=True)


def upload(service: Service, *arguments: str) -> dict:
    head = ["-sS", "-H", f"Authorization: Bearer {service.key}", "-H", "Expect:"]
    url = f"http://127.0.0.1:{service.port}/api/crm/import"
    return json.loads(subprocess.run(["curl", *head, *arguments, url], capture_output=True, check=True).stdout)


def lists(service: Service, ended: threading.Event) -> list[float]:
    client = Client(service)
    waits: list[float] = []
    while not ended.is_set():
        started = time.perf_counter()
        status, _, _ = client.call("GET", "/api/crm/customer")
        assert status == 200, status
        waits.append((time.perf_counter() - started) * 1000)
        time.sleep(PACE)
    return waits
