"""Imports and exports over HTTP: a file is sent, the job awaited, gone on with if it broke off, and taken back now and then."""

import csv
import http.client
import io
import time

from faults.history import OK, Call
from faults.pool import Known, token
from faults.workload import CUSTOMER, Client

IMPORT, EXPORT = "/api/crm/import", "/api/crm/export"
JOB_SECONDS = 20  # one that takes longer is left alone
GOING_ON = ("queued", "checking", "writing", "undoing")
TAUGHT = 3  # customers of each import that the other clients learn of


class HttpTransfers(Client):
    verbs = {"import_new": 4, "import_upserts": 4, "export": 3}
    pause = 0.3

    def import_new(self) -> None:
        """Now and then checked first and then applied; now and then canceled, and gone on with."""
        words = [token(self.dice) for _ in range(self.dice.randint(5, 40))]
        lines = [f"{self.value(word)},{self.value(word)}" for word in words]
        text = "\n".join(["customer_name,territory", *lines, ""])
        call = Call(self.api.name, "http_import", IMPORT, sent=words, start=time.monotonic())
        is_checked = self.dice.random() < 0.4
        run = self.sent(text, "?dry_run=true" if is_checked else "")
        if run and is_checked:
            run = run if self.ended(run) == "checked" and self.act(run, "apply") else ""
        elif run and self.dice.random() < 0.3:
            self.act(run, "cancel")
        if run and self.ended(run) == "done":
            call.outcome, call.answer = OK, run
            if self.dice.random() < 0.4:
                call.notes["undone"] = self.act(run, "undo") and self.ended(run) == "undone"
            else:
                self._teach(run)
        self._note(call)

    def import_upserts(self) -> None:
        """Customers by their tax ids, as the other clients upsert them."""
        words = self.dice.sample(self.pool.upserted, self.dice.randint(2, 6))
        lines = [f"{word},{self.value(word)},{self.value(word)}" for word in words]
        text = "\n".join(["tax_id,customer_name,territory", *lines, ""])
        call = Call(self.api.name, "http_upserts", IMPORT, sent=words, start=time.monotonic())
        run = self.sent(text, "?mode=upsert&match_on=tax_id")
        if run and self.ended(run) == "done":
            call.outcome, call.answer = OK, run
        self._note(call)

    def export(self) -> None:
        """Whom it lists, as a walk through the list would see them at one moment."""
        call = Call(self.api.name, "export", EXPORT, start=time.monotonic())
        begun = self.api.call("begin_export", "POST", EXPORT, {"columns": ["id"], "rows": "none", "format": "csv"})
        if begun.outcome == OK:
            export = f"{EXPORT}/{begun.answer['id']}"
            if self._awaited(export) == "done":
                text = self._file(f"{export}/file")
                if text is not None:
                    call.outcome, call.status = OK, 200
                    call.answer = [line[0] for line in csv.reader(io.StringIO(text)) if line][1:]
        self._note(call)

    # Steps

    def sent(self, text: str, query: str = "") -> str:
        """The run's id; empty if none is known."""
        notes = {"type": "text/csv"}
        call = self.api.call("send_import", "POST", f"{IMPORT}{query}", text, key=self.key(), notes=notes)
        return call.answer["id"] if call.outcome == OK else ""

    def act(self, run: str, action: str) -> bool:
        return self.api.call(f"{action}_import", "POST", f"{IMPORT}/{run}/{action}", {}, key=self.maybe_key()).is_done

    def ended(self, run: str) -> str:
        """The status in which it stays; what broke off or was canceled is gone on with once."""
        path = f"{IMPORT}/{run}"
        status = self._awaited(path)
        if status in ("canceled", "broken_off"):
            self.act(run, "resume")
            status = self._awaited(path)
        return status

    def _awaited(self, path: str) -> str:
        until, status = time.monotonic() + JOB_SECONDS, ""
        while time.monotonic() < until:
            call = self.api.call("poll", "GET", f"{path}?wait=1", notes={"quiet": True})
            status = call.answer["status"] if call.outcome == OK else status
            if call.outcome == OK and status not in GOING_ON:
                return status
            time.sleep(0.1)
        return ""

    def _file(self, path: str) -> str | None:
        try:
            status, _, raw = self.api.exchange("GET", path, None, {"Authorization": f"Bearer {self.api.key}"})
        except (OSError, http.client.HTTPException):
            return None
        return raw.decode("utf-8-sig") if status == 200 else None

    def _teach(self, run: str) -> None:
        """From now on others change some of them, too."""
        text = self._file(f"{IMPORT}/{run}/result")
        ids = [line[1] for line in csv.reader(io.StringIO(text or "")) if len(line) > 2 and line[2] == "created"]
        for customer_id in ids[:TAUGHT]:
            call = self.api.call("retrieve", "GET", f"{CUSTOMER}/{customer_id}", target=customer_id)
            if call.outcome == OK:
                self.pool.put(Known(customer_id, call.answer["customer_name"].split(" ")[0], call.version))

    def _note(self, call: Call) -> None:
        call.end = time.monotonic()
        self.api.history.add(call)
