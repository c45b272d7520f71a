"""A browser of somebody in the back office: fetches pages, logs in, fills forms, and writes down what was sent."""

import http.client
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from faults.calls import Api
from faults.history import OK, REFUSED, UNKNOWN, Call
from tests.form_controls import Fields

CUSTOMERS = "/admin/crm/customer"
FORM = "application/x-www-form-urlencoded"
JOB_SECONDS = 20  # for a check or an import of some rows; one that takes longer is left alone
IS_GOING_ON = 'id="progress"'  # on the page of a job


class Lost(Exception):
    """No answer, or one of the server's failures."""


@dataclass(frozen=True, slots=True)
class Page:
    """`location`: where it leads, if it does."""

    status: int
    text: str
    location: str
    request_id: str


class Browser:
    def __init__(self, api: Api, password: str) -> None:
        self.api, self.password = api, password
        self.cookies: dict[str, str] = {}

    def page(self, method: str, path: str, body: str = "", kind: str = FORM) -> Page:
        """Logs in first if that is asked for."""
        page = self._exchange(method, path, body, kind)
        if "/admin/login/" in page.location:
            self._log_in()
            page = self._exchange(method, path, body, kind)
        return page

    def _exchange(self, method: str, path: str, body: str, kind: str) -> Page:
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
        text = raw.decode("utf-8", "replace")
        return Page(status, text, answered.get("Location", ""), answered.get("Request-Id", ""))

    def _log_in(self) -> None:
        self._exchange("GET", "/admin/login/", "", FORM)
        sent = {"username": "admin", "password": self.password, "next": "/admin/", **self.token()}
        page = self._exchange("POST", "/admin/login/", urlencode(sent), FORM)
        if page.status != 302:
            raise Lost(f"the login answers {page.status}")

    def token(self) -> dict[str, str]:
        return {"csrfmiddlewaretoken": self.cookies.get("csrftoken", "")}

    def form(self, path: str, form_id: str) -> dict[str, str]:
        """What is in the form of this page; empty if there is no such page."""
        page = self.page("GET", path)
        fields = Fields(form_id)
        if page.status == 200:
            fields.feed(page.text)
        return {name: values[-1] for name, values in fields.values.items() if "__prefix__" not in name}

    def send(self, call: Call, path: str, sent: dict[str, Any]) -> Page:
        """A form, written down as a call. The page that comes instead of a redirection says why it was refused."""
        call.start = time.monotonic()
        try:
            page = self.page("POST", path, urlencode(sent | self.token(), doseq=True))
            call.status, call.request_id = page.status, page.request_id
            if page.status == 302 and page.location.startswith(CUSTOMERS):
                call.outcome = OK
            elif page.text.startswith("{"):  # what a script of the page sent
                call.outcome, call.code = (REFUSED, "conflict") if '"refused"' in page.text else (OK, "")
                call.code = "gone" if '"refused": "gone"' in page.text else call.code
            else:
                call.outcome = REFUSED
                call.code = "gone" if page.status in (302, 404) else "conflict" if "_again" in page.text else "invalid"
            call.status = 404 if call.code == "gone" else call.status
        except Lost as lost:
            call.outcome, call.status = UNKNOWN, int(str(lost)) if str(lost).isdigit() else 0
            raise
        finally:
            call.end = time.monotonic()
            self.api.history.add(call)
        return page

    def awaited(self, path: str, mark: str = "") -> str:
        """The job's page as soon as it offers what it offers when it is done, or, without a mark, has ended; else empty."""
        until = time.monotonic() + JOB_SECONDS
        while path and time.monotonic() < until:
            text = self.page("GET", path).text
            if mark in text and IS_GOING_ON not in text:
                return text
            time.sleep(0.3)
        return ""
