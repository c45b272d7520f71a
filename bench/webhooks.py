"""Webhooks: nothing is missed though worker and receiver are killed, how late events arrive, who disturbs whom.

The delay is from before the client's request to the line that the receiver writes, so the API's own time is in it.
"""

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench import goals
from bench.service import ROOT, Client, Service, free_port
from bench.transfers import generate

KILLS = int(os.environ.get("WEBHOOK_KILLS", "20"))
SECONDS = int(os.environ.get("WEBHOOK_SECONDS", "60"))
IMPORTED = int(os.environ.get("WEBHOOK_IMPORTED", "200000"))
CUSTOMERS, THREADS = 100, 4
P99_GOAL, IMPORT_GOAL, NEIGHBOURS_GOAL = 1_000, 2_000, 50  # milliseconds; the last one: more than without the bad ones


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="overplane-webhooks-") as name:
        for number, what in enumerate((kills, lag, lag_beside_an_import, neighbours)):
            with Bench(Path(name) / str(number)) as bench:
                what(bench)


class Bench:
    """A service with its worker, and a receiver; each of both can be killed and started again."""

    def __init__(self, file: Path, service: Service | None = None) -> None:
        self.file, self.port = file, free_port()
        self.service = service or Service(WEBHOOK_ALLOW_PRIVATE="1", WEB_CONCURRENCY="1")
        self.customers = [self.create(Client(self.service), i) for i in range(CUSTOMERS)]
        self.processes: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> "Bench":
        self.start("receiver")
        self.start("worker")
        return self

    def __exit__(self, *error: object) -> None:
        for name in self.processes:
            self.kill(name)
        self.service.close()

    def create(self, client: Client, number: int) -> str:
        status, answer, _ = client.call("POST", "/api/crm/customer", {"customer_name": f"Customer {number}"})
        assert status == 201, answer
        return answer["id"]

    def start(self, name: str) -> None:
        commands = {
            "worker": ["manage.py", "run_worker"],
            "receiver": ["-m", "bench.receiver", str(self.port), str(self.file)],
        }
        self.processes[name] = subprocess.Popen(
            [sys.executable, *commands[name]], cwd=ROOT, env=self.service.environment, stderr=subprocess.DEVNULL
        )

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def endpoint(self, path: str, port: int | None = None, types: str = "[]") -> None:
        code = (
            "from overplane.events.webhooks import services;"
            f"services.create_endpoint({{'url': 'http://127.0.0.1:{port or self.port}{path}', 'event_types': {types}}})"
        )
        self.service.manage("shell", "-v", "0", "-c", code)

    def write(self, seconds: float, per_second: float) -> int:
        """Changes customers at this rate; how many changes."""
        count, lock, started = iter(range(int(seconds * per_second))), threading.Lock(), time.time()

        def work() -> None:
            client = Client(self.service)
            while True:
                with lock:
                    number = next(count, None)
                if number is None:
                    return
                time.sleep(max(started + number / per_second - time.time(), 0))
                customer = self.customers[number % CUSTOMERS]
                status, answer, _ = client.call("PATCH", f"/api/crm/customer/{customer}", {"website": str(time.time())})
                assert status == 200, answer

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return int(seconds * per_second)

    def warm(self) -> None:
        """Until the worker has the endpoints, and forgets what was measured so far."""
        self.write(1, 20)
        self.wait()
        os.truncate(self.file, 0)

    def lines(self) -> Iterator[list[str]]:
        if self.file.exists():
            for line in self.file.read_text().splitlines():
                yield line.split(" ")

    def wait(self, seconds: float = 900) -> None:
        """Until the deliveries of every endpoint that is none of the bad ones have ended."""
        sql = (
            "SELECT count(*) FROM overplane_webhooks_endpoint e WHERE url LIKE '%%/good%%' AND (EXISTS (SELECT FROM"
            " overplane_webhooks_delivery d WHERE d.endpoint_id = e.id AND d.status = 'pending')"
            " OR e.seq < (SELECT max(seq) FROM overplane_events_event))"
        )
        until = time.monotonic() + seconds
        with psycopg.connect(self.service.server.url, autocommit=True) as connection:
            while connection.execute(sql).fetchone() != (0,):
                assert time.monotonic() < until, "some never arrive"
                time.sleep(0.5)

    def events(self) -> set[str]:
        with psycopg.connect(self.service.server.url) as connection:
            return {str(row[0]) for row in connection.execute("SELECT seq FROM overplane_events_event")}


def kills(bench: Bench) -> None:
    before = bench.events()
    bench.endpoint("/good")
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            bench.write(1, 50)

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(KILLS):
        time.sleep(random.uniform(1, 6))
        name = ("worker", "receiver")[number % 2]
        bench.kill(name)
        bench.start(name)
    ended.set()
    writer.join()
    bench.wait()
    got = [line for line in bench.lines() if len(line) == 6]
    ids = {str(int(line[2][10:], 32)) for line in got}
    missing, newest, inverted, seen = (bench.events() - before) - ids, dict[str, int](), 0, set[str]()
    for _, _, event, customer, version, _ in got:
        if event not in seen:
            inverted += int(version) < newest.get(customer, 0)
            newest[customer] = max(int(version), newest.get(customer, 0))
        seen.add(event)
    print(
        f"{KILLS} kills: {len(ids)} events, {len(missing)} missing, {inverted} inverted,"
        f" {len(got) - len(seen)} delivered again",
        flush=True,
    )
    assert not missing
    assert not inverted


def report(bench: Bench, what: str) -> float:
    """The 99th percentile, milliseconds."""
    ours = set(bench.customers)
    late = sorted((float(line[0]) - float(line[5])) * 1000 for line in bench.lines() if line[3] in ours)
    p50, p99 = late[len(late) // 2], late[len(late) * 99 // 100]
    print(f"{what}: {len(late)} deliveries, p50 {p50:.0f} ms, p99 {p99:.0f} ms, worst {late[-1]:.0f} ms", flush=True)
    return p99


def lag(bench: Bench) -> None:
    bench.endpoint("/good")
    bench.warm()
    started = time.monotonic()
    count = bench.write(SECONDS, 200)
    rate = count / (time.monotonic() - started)
    bench.wait()
    p99 = report(bench, f"{rate:.0f} events/s for {SECONDS} s")
    goals.at_most("webhooks: from write to delivered, p99, ms", p99, P99_GOAL)


def lag_beside_an_import(bench: Bench) -> None:
    # What the import creates is not chosen: thousands of events a second are more than an endpoint takes.
    bench.endpoint("/good", types="['customer.updated']")
    file = bench.file.with_suffix(".csv")
    generate(file, IMPORTED)
    bench.warm()
    with importing(bench, file) as process:
        started, count = time.monotonic(), 0
        while process.poll() is None or time.monotonic() - started < 10:
            count += bench.write(1, 200)
        rate = count / (time.monotonic() - started)
    p99 = report(bench, f"{rate:.0f} events/s beside an import of {IMPORTED}, {time.monotonic() - started:.0f} s")
    goals.at_most("webhooks: the same beside an import, p99, ms", p99, IMPORT_GOAL)


@contextmanager
def importing(bench: Bench, file: Path) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "manage.py", "import_customers", str(file), "--quiet"]
    process = subprocess.Popen(command, cwd=ROOT, env=bench.service.environment, stdout=subprocess.DEVNULL)
    yield process
    assert process.wait() == 0


def neighbours(bench: Bench) -> None:
    for number in range(10):
        bench.endpoint(f"/good/{number}")
    bench.warm()
    bench.write(SECONDS / 2, 10)
    bench.wait()
    alone = report(bench, "ten good endpoints, 10 events/s")
    bench.endpoint("/hang")
    bench.endpoint("/dead", free_port())
    bench.warm()
    bench.write(SECONDS / 2, 10)
    bench.wait()
    beside = report(bench, "the same beside a dead and a hanging one")
    goals.at_most("webhooks: a dead and a hanging endpoint beside, ms", beside - alone, NEIGHBOURS_GOAL)


if __name__ == "__main__":
    main()
