"""Behind PgBouncer in transaction mode: no PATCH writes another attribute, however few connections the service shares.

Needs the program `pgbouncer`; `PGBOUNCER` names another one, as a newer one. Every answer must be 200, also where nobody has
declared the pooler. Webhooks arrive through it, and the feed waits. (`python -m faults --pooler MODE` goes through every door.)
"""

import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import webhooks
from bench.service import Client, Service
from tests import pgbouncer

CUSTOMER = "/api/crm/customer"
ATTRIBUTES = ("gender", "territory", "industry", "language", "website", "lead_name", "tax_category", "image")
CLIENTS, PATCHES, CONNECTIONS = 16, 50, 4
SECONDS, A_SECOND = 10, 100


class PooledService(Service):
    """`mode`: its DATABASE_POOLER."""

    def __init__(self, mode: str, **environment: str) -> None:
        self.pooler = ExitStack()
        self.settings = {"max_prepared_statements": "200"} if mode == "transaction-prepared" else {}
        super().__init__(workers=3, durable=False, DATABASE_POOLER=mode, **environment)

    def database_url(self) -> str:
        port = self.pooler.enter_context(pgbouncer.pgbouncer(self.server.port, size=CONNECTIONS, **self.settings))
        return f"postgresql://overplane@127.0.0.1:{port}/postgres"

    def close(self) -> None:
        super().close()
        self.pooler.close()


def patches(mode: str) -> None:
    service = PooledService(mode)
    answers: Counter[Any] = Counter()
    wrong: list[tuple[str, Any]] = []

    def client(number: int) -> None:
        caller, name = Client(service), ATTRIBUTES[number % len(ATTRIBUTES)]
        expected: dict[str, Any] | None = None
        for i in range(PATCHES):
            if expected is None:
                status, expected, _ = caller.call("POST", CUSTOMER, {"customer_name": f"c{number}"})
                expected = expected if status == 201 else None
                continue
            value = f"{name} {i}"
            status, _body, _ = caller.call("PATCH", f"{CUSTOMER}/{expected['id']}", {name: value})
            answers[status] += 1
            status_read, stored, _ = caller.call("GET", f"{CUSTOMER}/{expected['id']}")
            answers[f"read {status_read}"] += 1
            if status == 200:
                expected |= {name: value}
            if status == 200 and status_read == 200 and _without_time(stored) != _without_time(expected):
                wrong.append((name, stored))
            if status_read == 200:
                expected = stored

    threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
    began = time.monotonic()
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began
    finally:
        service.close()
    print(f"DATABASE_POOLER={mode}: answers {dict(answers)} in {seconds:.1f} s, wrong {len(wrong)}")
    assert not wrong
    assert set(answers) == {200, "read 200"}


def _without_time(output: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in output.items() if name != "updated_at"}


def events() -> None:
    service = PooledService("transaction", WEBHOOK_ALLOW_PRIVATE="1")
    with tempfile.TemporaryDirectory() as name, webhooks.Bench(Path(name) / "lines", service) as bench:
        bench.endpoint("/good")
        bench.warm()
        bench.write(SECONDS, A_SECOND)
        bench.wait()
        webhooks.report(bench, f"through the pooler, {A_SECOND} events/s")
        caller = Client(service)
        _, page, _ = caller.call("GET", "/api/crm/event")
        threading.Timer(1, lambda: bench.create(Client(service), 0)).start()
        started = time.monotonic()
        status, page, _ = caller.call("GET", f"/api/crm/event?after={page['next_cursor']}&wait=25")
        print(f"a change after 1 s was told after {time.monotonic() - started:.2f} s")
        assert (status, len(page["data"])) == (200, 1)


def main() -> None:
    version = pgbouncer.version()
    print(f"PgBouncer {version[0]}.{version[1]}")
    for mode in ("none", "transaction", *(["transaction-prepared"] if version >= pgbouncer.KEEPS_PREPARED else [])):
        patches(mode)
    events()
