"""Somebody in the back office: logs in, changes customers with their rows in one form, adds and deletes some, imports files."""

import http.client
import threading
import time
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from faults.calls import Api
from faults.history import OK, REFUSED, UNKNOWN, Call
from faults.pool import Pool, token
from tests.form_controls import Fields

CUSTOMERS = "/admin/crm/customer"
FORM = "application/x-www-form-urlencoded"
JOB_SECONDS = 20  # for a check or an import of some rows; one that takes longer is left alone
BOUNDARY = "-----faults"


class Lost(Exception):
    """No answer, or one of the server's failures."""


class Office:
    def __init__(self, api: Api, pool: Pool, password: str) -> None:
        self.api, self.pool, self.password, self.dice = api, pool, password, api.dice
        self.cookies: dict[str, str] = {}
        self.count = 0

    def run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            verb = self.dice.choices([self.change, self.add, self.delete, self.import_file], [10, 3, 1, 1])[0]
            try:
                verb()
            except Lost:
                continue  # what was sent is in the history
            finally:
                time.sleep(0.1)
        self.api.close()

    # Pages

    def page(self, method: str, path: str, body: str = "", kind: str = FORM) -> tuple[int, str, str]:
        """Status, text and where it leads. Logs in first if that is asked for."""
        status, text, location = self._exchange(method, path, body, kind)
        if "/admin/login/" in location:
            self._log_in()
            status, text, location = self._exchange(method, path, body, kind)
        return status, text, location

    def _exchange(self, method: str, path: str, body: str, kind: str) -> tuple[int, str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Content-Type": kind, "Cookie": cookies, "Accept": "text/html", "Accept-Encoding": "identity"}
        try:
            status, answered, raw = self.api.exchange(method, path, body or None, headers)
        except (OSError, http.client.HTTPException):
            raise Lost from None
        for line in answered.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        if status >= 500:
            raise Lost(str(status))
        return status, raw.decode("utf-8", "replace"), answered.get("Location", "")

    def _log_in(self) -> None:
        self._exchange("GET", "/admin/login/", "", FORM)
        sent = {"username": "admin", "password": self.password, "next": "/admin/", **self._token()}
        status, _, _ = self._exchange("POST", "/admin/login/", urlencode(sent), FORM)
        if status != 302:
            raise Lost(f"the login answers {status}")

    def _token(self) -> dict[str, str]:
        return {"csrfmiddlewaretoken": self.cookies.get("csrftoken", "")}

    def form(self, path: str, form_id: str) -> dict[str, str]:
        """What is in the form of this page; empty if there is no such page."""
        status, text, _ = self.page("GET", path)
        fields = Fields(form_id)
        if status == 200:
            fields.feed(text)
        return {name: values[-1] for name, values in fields.values.items() if "__prefix__" not in name}

    def send(self, call: Call, path: str, sent: dict[str, str]) -> None:
        """A form, written down as a call. The page that comes instead of a redirection says why it was refused."""
        call.start = time.monotonic()
        try:
            call.status, text, location = self.page("POST", path, urlencode(sent | self._token()))
            if call.status == 302 and location.startswith(CUSTOMERS):
                call.outcome = OK
            else:
                call.outcome = REFUSED
                call.code = "gone" if call.status in (302, 404) else "conflict" if "_again" in text else "invalid"
                call.status = 404 if call.code == "gone" else call.status
        except Lost as lost:
            call.outcome, call.status = UNKNOWN, int(str(lost)) if str(lost).isdigit() else 0
            raise
        finally:
            call.end = time.monotonic()
            self.api.history.add(call)

    # What is done there

    def value(self, word: str) -> str:
        self.count += 1
        return f"{word} office{self.count}"

    def change(self) -> None:
        one = self.pool.pick(self.dice)
        path = f"{CUSTOMERS}/{one.id}/change/" if one else ""
        form = self.form(path, "customer_form") if one else {}
        if not one or not form:
            return
        changes = {"territory": self.value(one.token)}
        rows = {}
        if "supplier_numbers-0-supplier_number" in form and self.dice.random() < 0.5:
            rows["supplier_numbers-0-supplier_number"] = self.value(one.token)
        self.send(Call(self.api.name, "office", path, target=one.id, sent=changes), path, form | changes | rows)

    def add(self) -> None:
        word = token(self.dice)
        form = self.form(f"{CUSTOMERS}/add/", "customer_form")
        if form:
            sent = {"customer_name": self.value(word), "industry": self.value(word)}
            call = Call(self.api.name, "office_add", CUSTOMERS, sent=sent, notes={"token": word})
            self.send(call, f"{CUSTOMERS}/add/", form | sent)

    def delete(self) -> None:
        if one := self.pool.pick(self.dice):
            self.pool.forget(one.id)
            path = f"{CUSTOMERS}/{one.id}/delete/"
            if self.page("GET", path)[0] == 200:  # where one is asked, and logs in first if need be
                self.send(Call(self.api.name, "office_delete", path, target=one.id), path, {"post": "yes"})

    def import_file(self) -> None:
        """Upload, mapping, check, and the job that writes; then, now and then, its undo."""
        words = [token(self.dice) for _ in range(self.dice.randint(5, 30))]
        text = "Company name,Territory\n" + "".join(f"{word} file,{word}\n" for word in words)
        call = Call(self.api.name, "office_import", "/admin/import/", sent=words, start=time.monotonic())
        try:
            if self._imported(text):
                call.outcome = OK
        finally:
            call.end = time.monotonic()
            self.api.history.add(call)

    def _imported(self, text: str) -> bool:
        self.page("GET", "/admin/import/")
        parts = {"csrfmiddlewaretoken": self._token()["csrfmiddlewaretoken"], "encoding": "utf-8"}
        body = "".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in parts.items()
        )
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="office.csv"\r\n\r\n{text}\r\n--{BOUNDARY}--\r\n'
        _, _, mapping = self.page("POST", "/admin/import/", body, f"multipart/form-data; boundary={BOUNDARY}")
        form = self.form(mapping, "mapping") if mapping else {}
        if not form:
            return False
        _, _, report = self.page("POST", mapping, urlencode(form | self._token()))
        if not self._awaited(report, "/apply/"):
            return False
        _, _, job = self.page("POST", f"{report}apply/", urlencode(self._token()))
        return self._awaited(job, "/undo/")

    def _awaited(self, path: str, mark: str) -> bool:
        """Until the job's page offers what it offers when it is done."""
        until = time.monotonic() + JOB_SECONDS
        while path and time.monotonic() < until:
            _, text, _ = self.page("GET", path)
            if mark in text:
                return True
            time.sleep(0.3)
        return False
