"""Imports by the command, each of a file of its own: killed now and then and gone on with, and sometimes taken back."""

import csv
import json
import random
import subprocess
import threading
import time
from pathlib import Path

from faults.history import OK, UNKNOWN, Call, History
from faults.pool import TRACKED, token
from faults.system import System

MOST_TRIES = 12  # of one import: the database may be away for some of them
MOST_UNDOING = 4  # what fails so often fails for another reason
DONE, NOTHING_TO_DO = 0, 2


class Importer:
    """`kills`: how many of the imports are killed on their way."""

    def __init__(self, system: System, history: History, dice: random.Random, *, kills: float) -> None:
        self.system, self.history, self.dice, self.kills = system, history, dice, kills
        self.count = 0

    def run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            self.import_one()
            stopped.wait(self.dice.uniform(0, 1))

    def import_one(self) -> None:
        self.count += 1
        file = self.system.folder / f"import{self.count}.csv"
        words = self._write(file)
        call = Call("importer", "import", file.name, sent=words, start=time.monotonic())
        run_id = self._import(file)
        if run_id and self.dice.random() < 0.3:
            call.notes["undone"] = self._tried("undo_import", run_id)
        call.outcome, call.answer = (OK, run_id) if run_id else (UNKNOWN, None)
        call.end = time.monotonic()
        self.history.add(call)

    def _write(self, file: Path) -> list[str]:
        """Some customers, some of them with rows; the words of all of them."""
        words = [token(self.dice) for _ in range(self.dice.randint(30, 110))]
        rows = ["supplier_numbers.company", "supplier_numbers.supplier_number"]
        with file.open("w", newline="") as out:
            lines = csv.writer(out)
            lines.writerow([*TRACKED, *rows])
            for word in words:
                lines.writerow(
                    [*(f"{word} {name[:2]}" for name in TRACKED), word if self.dice.random() < 0.5 else "", ""]
                )
        return words

    def _import(self, file: Path) -> str | None:
        """The run's id when all of it is written; None if that is not known."""
        more: list[str] = []
        for attempt in range(MOST_TRIES):
            is_killed = attempt < 2 and self.dice.random() < self.kills
            code, text = self._command("import_customers", str(file), "--json", *more, kill=is_killed)
            report = json.loads(text) if text.startswith("{") else {}
            if code == DONE:
                return report["run"]
            # The last attempt may have ended what it reported to nobody.
            if code == NOTHING_TO_DO and more:
                return self._run_of(file)
            more = ["--resume"] if self._run_of(file) else []
        return None

    def _run_of(self, file: Path) -> str | None:
        """The run that has begun with this file, as the command lists it."""
        _, text = self._command("undo_import")
        return next((line.split()[0] for line in text.splitlines() if file.name in line), None)

    def _tried(self, *arguments: str) -> bool:
        for _ in range(MOST_UNDOING):
            code, _ = self._command(*arguments)
            if code in (0, 1):  # 1: some were changed since, and stay
                return True
        return False

    def _command(self, *arguments: str, kill: bool = False) -> tuple[int, str]:
        writing = self.system.folder / f"writing{self.count}"
        writing.unlink(missing_ok=True)
        process = subprocess.Popen(
            [*self.system.importing, *arguments], cwd=self.system.root, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=self.system.served | {"FAULTS_WRITING": str(writing)},
        )  # fmt: skip
        if kill:
            while process.poll() is None and not writing.exists():
                time.sleep(0.01)
            time.sleep(self.dice.uniform(0, 0.3))  # as long as some batches take
            process.kill()
        text, _ = process.communicate()
        return process.returncode, text
