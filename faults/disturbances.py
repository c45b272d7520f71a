"""Doing what the plan says, at its time, each in a thread of its own; and a line for each of what came of it."""

import threading
import time
from collections.abc import Callable

from faults.databases import Postgresql
from faults.network import Cable
from faults.plan import Fault
from faults.system import System

CUT, DELAYED = 0.3, 0.3  # of the answers, while it lasts
# Seconds that the clock is set, forwards or back. A delivery that is planned while the clock is ahead waits until the true
# one has come as far; the run waits for it in the end.
FARTHEST_STEP = 20


class Disturber:
    def __init__(self, system: System, cable: Cable, plan: list[Fault]) -> None:
        self.system, self.cable, self.plan = system, cable, plan
        self.log: list[str] = []
        self.began = time.monotonic()
        self.threads: list[threading.Thread] = []
        # Of what starts and stops processes one comes after the other; else one would start what another just kills.
        self.lock = threading.Lock()

    def run(self) -> None:
        for fault in self.plan:
            time.sleep(max(self.began + fault.at - time.monotonic(), 0))
            thread = threading.Thread(target=self._do, args=[fault], daemon=True)
            thread.start()
            self.threads.append(thread)

    def end(self) -> None:
        for thread in self.threads:
            thread.join()
        self.cable.cut = self.cable.delayed = 0.0
        self.system.heal()

    def _do(self, fault: Fault) -> None:
        action: Callable[[Fault], None] = getattr(self, fault.name)
        outcome = "done"
        try:
            action(fault)
        except Exception as error:  # noqa: BLE001 (several at once disturb each other too; the run goes on)
            outcome = f"{type(error).__name__}: {str(error)[:80]}".replace("\n", " ")
        self.log.append(f"{fault} {outcome}")

    # Processes

    def kill_web_worker(self, fault: Fault) -> None:
        self.system.kill_web_worker(int(fault.number * 8))

    def kill_web(self, fault: Fault) -> None:
        with self.lock:
            self.system.kill_web()

    def restart_web(self, fault: Fault) -> None:
        self.system.restart_web()

    def stop_web(self, fault: Fault) -> None:
        self._stop_and_start("web")

    def stop_worker(self, fault: Fault) -> None:
        self._stop_and_start("worker")

    def _stop_and_start(self, name: str) -> None:
        with self.lock:
            try:
                self.system.stop(name)
            finally:
                self.system.start(name)

    def kill_worker(self, fault: Fault) -> None:
        with self.lock:
            self.system.kill("worker")
            time.sleep(fault.lasts / 3)
            self.system.start("worker")

    def kill_import(self, fault: Fault) -> None:
        """Whoever imports does that to its own: only it knows when there is something to kill."""

    # The cable

    def cut_answers(self, fault: Fault) -> None:
        self.cable.cut = CUT
        time.sleep(fault.lasts)
        self.cable.cut = 0.0

    def delay_answers(self, fault: Fault) -> None:
        self.cable.delayed = DELAYED
        time.sleep(fault.lasts)
        self.cable.delayed = 0.0

    # The machine

    def step_clock(self, fault: Fault) -> None:
        self.system.step_clock(int((fault.number * 2 - 1) * FARTHEST_STEP))
        time.sleep(fault.lasts)
        self.system.step_clock(0)

    def fill_disk(self, fault: Fault) -> None:
        with self.lock:
            self.system.database.disk.fill()
            time.sleep(fault.lasts / 2)
            self.system.database.disk.free()
            if isinstance(self.system.database, Postgresql):
                self.system.database.start()

    # The database

    def hold_lock(self, fault: Fault) -> None:
        self.system.database.lock(self.system.url, fault.lasts * 2)  # up to twice as long as a request waits for it

    def _server(self) -> Postgresql:
        assert isinstance(self.system.database, Postgresql)
        return self.system.database

    def kill_backend(self, fault: Fault) -> None:
        self._server().kill_backend(self.system.url)

    def stop_database(self, fault: Fault) -> None:
        with self.lock:
            self._server().stop_at_once()
            time.sleep(fault.lasts / 3)
            self._server().start()

    def kill_database(self, fault: Fault) -> None:
        with self.lock:
            self._server().kill_server()
            self._server().start()

    def exhaust_connections(self, fault: Fault) -> None:
        self._server().exhaust(fault.lasts)
