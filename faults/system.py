"""The processes of a run: gunicorn with its workers, the job worker, a receiver of webhooks, each to be killed and started."""

import http.client
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bench.service import ROOT, free_port
from faults.databases import DATABASES, Postgresql, Sqlite

STOP_SECONDS = 45  # longer than a graceful stop may take
READY_SECONDS = 120  # far more than a start takes: a machine may be busy with others


class Ground:
    """A database and the service's files, set up once; every run begins with a copy."""

    def __init__(self, kind: str, pooler: str = "") -> None:
        self.database: Postgresql | Sqlite = Postgresql(pooler) if pooler else DATABASES[kind]()
        self.data = Path(tempfile.mkdtemp(prefix="overplane-faults-data-"))
        self.environment = os.environ | {
            "DATABASE_URL": self.database.template(),
            "DATA_DIR": str(self.data),
            "LOG_LEVEL": "WARNING",
            "WEB_CONCURRENCY": "2",
            "WEBHOOK_ALLOW_PRIVATE": "1",
            "DATABASE_POOLER": self.database.declared if isinstance(self.database, Postgresql) else "none",
        }
        try:
            text = manage(self.environment, "prepare")
        except BaseException:  # interrupted half-way
            self.close()
            raise
        self.password, self.key = (re.findall(rf"{what}: (\S+)", text)[0] for what in ("password", "API key"))
        self.clock = self._clock_library()

    def _clock_library(self) -> Path | None:
        """What lets a run set the clock of its processes; None where nothing can be compiled."""
        library = self.data / "clock.so"
        compiler = shutil.which("cc")
        command = [str(compiler), "-O1", "-shared", "-fPIC", "-o", str(library), "faults/clock.c", "-ldl"]
        if compiler is None or subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode:
            return None
        return library

    def impossible(self) -> set[str]:
        """The faults that this machine cannot have."""
        return {
            *([] if self.database.disk.is_own else ["fill_disk"]),
            *([] if self.clock else ["step_clock"]),
        }

    def close(self) -> None:
        self.database.close()
        shutil.rmtree(self.data, ignore_errors=True)


def manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout


class System:
    """`folder`: what the run leaves: logs, history, what the receiver got. `planted`: a fault of `faults.planted`, on purpose."""

    def __init__(self, ground: Ground, name: str, *, planted: str = "", has_clock: bool = False) -> None:
        self.ground, self.name, self.database = ground, name, ground.database
        self.folder = Path(tempfile.mkdtemp(prefix=f"overplane-{name}-"))
        self.port, self.receiver_port = free_port(), free_port()
        data = self.folder / "data"
        data.mkdir()
        shutil.copy(ground.data / "secret_key", data)
        (data / "static").symlink_to(ground.data / "static")
        self.url = self.database.copy(name)
        self.environment = ground.environment | {
            "DATABASE_URL": self.database.served(self.url),
            "DATA_DIR": str(data),
            "PORT": str(self.port),
        }
        if planted:
            self.environment |= {"FAULTS_PLANTED": planted, "FAULTS_REACHED": str(self.folder / "reached")}
        self.planted, self.root = planted, ROOT
        self.clock = self.folder / "clock"
        self.served = dict(self.environment)
        if has_clock:
            self.step_clock(0)
            self.served |= {"LD_PRELOAD": str(ground.clock), "FAULTS_CLOCK": str(self.clock)}
        self.processes: dict[str, subprocess.Popen] = {}

    @property
    def manage_command(self) -> list[str]:
        return [sys.executable, *(["-m", "faults.served"] if self.planted else ["manage.py"])]

    @property
    def importing(self) -> list[str]:
        """Always in small batches: see there."""
        return [sys.executable, "-m", "faults.served"]

    def start(self, name: str) -> None:
        config = "faults/gunicorn.py" if self.planted else "overplane/gunicorn.py"
        got = str(self.folder / "webhooks")
        commands = {
            "web": [sys.executable, "-m", "gunicorn", "-c", config, "overplane.wsgi"],
            "worker": [*self.manage_command, "run_worker"],
            "receiver": [sys.executable, "-m", "bench.receiver", str(self.receiver_port), got],
        }
        with (self.folder / f"{name}.log").open("a") as log:
            self.processes[name] = subprocess.Popen(
                commands[name], cwd=ROOT, env=self.served, stdout=log, stderr=log, start_new_session=True
            )

    def start_all(self) -> None:
        for name in ("receiver", "web", "worker"):
            self.start(name)
        self.wait_for_web()

    def wait_for_web(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if time.monotonic() > until:
                raise RuntimeError(f"the service is not ready, see {self.folder}")
            if self.processes["web"].poll() is not None:  # workers of one that was killed had its port for too long
                self.start("web")
            time.sleep(0.1)

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def heal(self) -> None:
        """Everything runs again."""
        self.database.disk.free()
        if isinstance(self.database, Postgresql):
            self.database.start()
        if self.clock.exists():
            self.step_clock(0)
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.start(name)
        self.wait_for_web()

    # Faults

    def web_workers(self) -> list[int]:
        pid = self.processes["web"].pid
        with suppress(OSError):
            return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    def kill_web_worker(self, index: int) -> None:
        if workers := self.web_workers():
            with suppress(ProcessLookupError):
                os.kill(workers[index % len(workers)], signal.SIGKILL)

    def kill_web(self) -> None:
        """The master; its workers end when they see that it is gone, and keep the port until then, longer than a new one tries."""
        group = self.processes["web"].pid
        self.kill("web")
        with suppress(ProcessLookupError):
            for _ in range(100):
                os.killpg(group, 0)
                time.sleep(0.1)
            os.killpg(group, signal.SIGKILL)
        self.start("web")

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def stop(self, name: str) -> None:
        """SIGTERM, as an operator's service manager sends it: what was begun is ended first."""
        self.processes[name].terminate()
        try:
            self.processes[name].wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.processes[name].pid, signal.SIGKILL)
            self.processes[name].wait()
            raise

    def restart_web(self) -> None:
        self.processes["web"].send_signal(signal.SIGHUP)

    def step_clock(self, seconds: int) -> None:
        """In place: the processes have the file in their memory."""
        with self.clock.open("r+b" if self.clock.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))

    def close(self, *, keep: bool = False) -> None:
        for name in ("web", "worker", "receiver"):
            if name in self.processes:
                with suppress(ProcessLookupError):
                    os.killpg(self.processes[name].pid, signal.SIGKILL)
                self.processes[name].wait()
        if not keep:
            self.database.drop(self.name)
            shutil.rmtree(self.folder, ignore_errors=True)
