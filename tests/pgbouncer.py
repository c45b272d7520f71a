"""PgBouncer before a PostgreSQL. `PGBOUNCER` names a program that is not the machine's own, as a newer one."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.databases import unprivileged_user

PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin"
KEEPS_PREPARED = (1, 21)  # the first version that does


def program() -> str | None:
    return os.environ.get("PGBOUNCER") or shutil.which("pgbouncer", path=PLACES)


def version() -> tuple[int, ...]:
    """Of the program, which there must be."""
    said = subprocess.run([str(program()), "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in said.split()[1].split(".")[:2])


@contextmanager
def pgbouncer(to: int, *, mode: str = "transaction", size: int = 4, **settings: str) -> Iterator[int]:
    """Its port, in whose place that of the server, `to`, may stand in a URL. `size`: connections to the server."""
    known = program()
    assert known, "install pgbouncer"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        home.chmod(0o755)  # it does not run as root
        (home / "users").write_text('"overplane" ""\n')
        usual = {"pool_mode": mode, "default_pool_size": str(size), "auth_type": "trust"}
        # When the server is back he is asked again at once, and meanwhile nobody waits for two minutes (see docs/growing.md).
        usual |= {"server_login_retry": "1", "query_wait_timeout": "10"}
        if version() >= KEEPS_PREPARED:  # what newer versions have as their default, or not, is said here
            usual["max_prepared_statements"] = "0"
        lines = usual | settings | {"listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": ""}
        lines |= {"auth_file": home / "users"}
        (home / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={to} user=overplane\n[pgbouncer]\n"
            + "".join(f"{name} = {value}\n" for name, value in lines.items())
        )
        process = subprocess.Popen(
            [known, "-q", home / "pgbouncer.ini"], user=unprivileged_user(),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int) -> None:
    ends = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < ends, f"nothing listens at port {port}"
            time.sleep(0.05)
