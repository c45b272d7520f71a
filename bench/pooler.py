"""Behind PgBouncer in transaction mode: no PATCH writes another attribute, however few connections the service shares.

Needs the program `pgbouncer`. With `DATABASE_POOLER=transaction` every answer must be 200; without it, answers may fail
and must never be wrong. Webhooks arrive through it, and the feed waits.
"""

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench import webhooks
from bench.service import Client, Service, free_port

CUSTOMER = "/api/crm/customer"
ATTRIBUTES = ("gender", "territory", "industry", "language", "website", "lead_name", "tax_category", "image")
CLIENTS, PATCHES, CONNECTIONS = 16, 50, 4
SECONDS, A_SECOND = 10, 100


def _wait_for(port: int) -> None:
    """Until somebody listens there; ten seconds at most."""
    ends = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)


class PooledService(Service):
    """`mode`: its DATABASE_POOLER."""

    def __init__(self, mode: str, **environment: str) -> None:
        super().__init__(workers=3, durable=False, DATABASE_POOLER=mode, **environment)

    def database_url(self) -> str:
        program, port = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin"), free_port()
        assert program, "install pgbouncer"
        users, config = self.server.home / "users.txt", self.server.home / "pgbouncer.ini"
        users.write_text('"overplane" ""\n')
        config.write_text(
            f"[databases]\npostgres = host=127.0.0.1 port={self.server.port} dbname=postgres user=overplane\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
            f"auth_file = {users}\npool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\n"
        )
        self.pooler = subprocess.Popen(
            [program, "-q", config], user=self.server.user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait_for(port)
        return f"postgresql://overplane@127.0.0.1:{port}/postgres"

    def close(self) -> None:
        super().close()
        self.pooler.terminate()
        self.pooler.wait()


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
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        service.close()
    print(f"DATABASE_POOLER={mode}: answers {dict(answers)}, wrong {len(wrong)}")
    assert not wrong
    assert mode == "none" or set(answers) == {200, "read 200"}


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
    for mode in ("none", "transaction"):
        patches(mode)
    events()
