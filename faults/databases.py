"""The two databases of a run, and what can be done to them. Prepared once; each run begins with a copy."""

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg

from tests.databases import PostgresServer, binaries
from tests.pgbouncer import pgbouncer

DISK_MB = 700  # PostgreSQL with its log of changes, some runs, and what an import leaves


@dataclass(frozen=True, slots=True)
class Pooler:
    """`declared`: DATABASE_POOLER. `size`: connections to the server, for a service that has some twenty."""

    declared: str
    mode: str = "transaction"
    size: int = 5
    settings: dict[str, str] = field(default_factory=dict)


POOLERS = {
    "undeclared": Pooler("none"),
    "transaction": Pooler("transaction"),
    "transaction-prepared": Pooler("transaction-prepared", settings={"max_prepared_statements": "200"}),
    "session": Pooler("none", mode="session", size=40),
}


class Disk:
    """A small disk of memory, which can be full. Only root may mount one; without it nothing is ever full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
        self.is_own = os.getuid() == 0 and not subprocess.run(command, capture_output=True, check=False).returncode

    def fill(self) -> None:
        with suppress(OSError), (self.folder / "filling").open("wb") as file:
            free = shutil.disk_usage(self.folder).free
            os.posix_fallocate(file.fileno(), 0, max(free - 4096, 1))
            while True:
                file.seek(0, os.SEEK_END)
                file.write(b"\0" * 4096)
                file.flush()

    def free(self) -> None:
        (self.folder / "filling").unlink(missing_ok=True)

    def close(self) -> None:
        if self.is_own:
            subprocess.run(["umount", "-l", str(self.folder)], capture_output=True, check=False)


class Database(Protocol):
    """`disk`: where it keeps its data. `folder`: of the service's other files."""

    name: str
    disk: Disk

    def template(self) -> str: ...
    def copy(self, name: str) -> str: ...
    def drop(self, name: str) -> None: ...
    def served(self, url: str) -> str: ...
    def lock(self, url: str, seconds: float) -> None: ...
    def close(self) -> None: ...


class Postgresql:
    """`pooler`: one of `POOLERS`, if the service is to reach its server through PgBouncer."""

    name = "postgresql"
    declared = "none"

    def __init__(self, pooler: str = "") -> None:
        self.server = PostgresServer(
            next(binaries()), durable=True, max_connections="60", shared_buffers="64MB", max_wal_size="128MB",
            min_wal_size="32MB", restart_after_crash="on",
        )  # fmt: skip
        self.disk = Disk(self.server.home)
        if self.server.user:
            shutil.chown(self.server.home, self.server.user)
        self.server.create().start()
        self._pooled, self._port = ExitStack(), 0
        if pooler:
            how = POOLERS[pooler]
            self.declared = how.declared
            self._port = self._pooled.enter_context(
                pgbouncer(self.server.port, mode=how.mode, size=how.size, **how.settings)
            )

    def served(self, url: str) -> str:
        """How the service reaches what is at this URL."""
        return url.replace(f":{self.server.port}/", f":{self._port}/") if self._port else url

    def _url(self, name: str) -> str:
        return self.server.url.rpartition("/")[0] + f"/{name}"

    def _run(self, sql: str) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(sql)

    def template(self) -> str:
        self._run("CREATE DATABASE prepared")
        return self._url("prepared")

    def copy(self, name: str) -> str:
        self._run(f"CREATE DATABASE {name} TEMPLATE prepared")
        # A copied sequence believes that its next 32 numbers are in the log, where they are not: after a crash PostgreSQL
        # would give them out again. Behind a checkpoint it writes them once more.
        self._run("CHECKPOINT")
        return self._url(name)

    def drop(self, name: str) -> None:
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def lock(self, url: str, seconds: float) -> None:
        """Somebody else holds a customer for a while."""
        with psycopg.connect(url) as connection:
            connection.execute("SELECT id FROM crm_customer ORDER BY updated_at DESC LIMIT 3 FOR UPDATE")
            time.sleep(seconds)

    def exhaust(self, seconds: float) -> None:
        held = []
        with suppress(psycopg.OperationalError):
            while True:
                held.append(psycopg.connect(self.server.url))
        time.sleep(seconds)
        for connection in held:
            connection.close()

    def kill_backend(self, url: str) -> None:
        """`kill -9` of a server process: PostgreSQL then ends all others and recovers, as after any crash."""
        with psycopg.connect(url, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " ORDER BY state_change DESC NULLS LAST"
            ).fetchall()
        for (pid,) in rows[:1]:
            os.kill(pid, signal.SIGKILL)

    def stop_at_once(self) -> None:
        with suppress(RuntimeError):  # it is down already
            self.server.stop("immediate")

    def kill_server(self) -> None:
        with suppress(OSError, ValueError):
            os.kill(self.server.pid, signal.SIGKILL)

    def start(self) -> None:
        """Until it runs: after `kill -9` its children must have ended first, and a full disk may have kept it down."""
        for _ in range(60):
            with suppress(psycopg.OperationalError), psycopg.connect(self.server.url, connect_timeout=3):
                return
            with suppress(RuntimeError):
                self.server.start()
            time.sleep(0.3)
        raise RuntimeError("PostgreSQL does not start again")

    def close(self) -> None:
        self._pooled.close()
        self.disk.free()
        with suppress(RuntimeError):
            self.server.stop("immediate")
        self.disk.close()
        self.server.destroy()


class Sqlite:
    name = "sqlite"

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="overplane-faults-"))
        self.disk = Disk(self.home)

    def _file(self, name: str) -> Path:
        return self.home / f"{name}.sqlite3"

    def template(self) -> str:
        return f"sqlite:///{self._file('prepared')}"

    def copy(self, name: str) -> str:
        with sqlite3.connect(self._file("prepared")) as connection:
            connection.execute(f"VACUUM INTO '{self._file(name)}'")
        return f"sqlite:///{self._file(name)}"

    def served(self, url: str) -> str:
        return url

    def drop(self, name: str) -> None:
        for end in ("", "-wal", "-shm"):
            Path(f"{self._file(name)}{end}").unlink(missing_ok=True)

    def lock(self, url: str, seconds: float) -> None:
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=5, isolation_level=None)
        with suppress(sqlite3.OperationalError):
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            connection.execute("ROLLBACK")
        connection.close()

    def close(self) -> None:
        self.disk.close()
        shutil.rmtree(self.home, ignore_errors=True)


DATABASES = {"postgresql": Postgresql, "sqlite": Sqlite}
