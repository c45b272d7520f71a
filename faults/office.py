"""Somebody in the back office: changes customers in forms and cells, many at once, merges, restores, undoes, deletes, imports files."""

import json
import re
import threading
import time
from urllib.parse import urlencode

from faults.calls import Api
from faults.history import OK, Call
from faults.pages import CUSTOMERS, Browser, Lost, Page
from faults.pool import Pool, token

THINK_SECONDS = 0.2
BOUNDARY = "-----faults"
UNDO = re.compile(r'data-undo="([^"]+)"')
VERSION = re.compile(r'name="version-([^"]+)" value="(\d+)"')
EVENT = re.compile(r'name="event" value="(\d+)"')
RUN = re.compile(r"created_by_import=(run_\w+)")
VERBS = {
    "change": 10, "cell": 10, "bulk": 4, "bulk_delete": 1, "restore": 3, "merge": 2, "add": 3, "delete": 1, "import_file": 2,
}  # fmt: skip


class Office:
    def __init__(self, api: Api, pool: Pool, password: str) -> None:
        self.api, self.pool, self.dice, self.browser = api, pool, api.dice, Browser(api, password)
        self.count = 0

    def run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            verb = self.dice.choices([*VERBS], [*VERBS.values()])[0]
            try:
                getattr(self, verb)()
            except Lost:
                continue  # what was sent is in the history
            finally:
                time.sleep(0.05)
        self.api.close()

    def think(self) -> None:
        """Between the page and what is sent, when others may change the same customer."""
        time.sleep(self.dice.random() * THINK_SECONDS)

    def value(self, word: str) -> str:
        self.count += 1
        return f"{word} {self.api.name}{self.count}"

    def call(self, verb: str, path: str, **more: object) -> Call:
        return Call(self.api.name, verb, path, **more)

    # One customer

    def change(self) -> None:
        one = self.pool.pick(self.dice)
        path = f"{CUSTOMERS}/{one.id}/change/" if one else ""
        form = self.browser.form(path, "customer_form") if one else {}
        if not one or not form:
            return
        self.think()
        changes = {"territory": self.value(one.token)}
        rows = {}
        if "supplier_numbers-0-supplier_number" in form and self.dice.random() < 0.5:
            rows["supplier_numbers-0-supplier_number"] = self.value(one.token)
        seen = {"seen": {"territory": form["territory"] or None}}
        call = self.call("office", path, target=one.id, sent=changes, notes=seen)
        self.maybe_undo(call, self.browser.send(call, path, form | changes | rows))

    def cell(self) -> None:
        """What stood in it is read from the form, which says it as the list does."""
        one = self.pool.pick(self.dice)
        form = self.browser.form(f"{CUSTOMERS}/{one.id}/change/", "customer_form") if one else {}
        if not one or not form:
            return
        self.think()
        name = self.dice.choice(["territory", "customer_name"])
        path, changes = f"{CUSTOMERS}/{one.id}/cell/", {name: self.value(one.token)}
        was = form[name]
        call = self.call("office_cell", path, target=one.id, sent=changes, notes={"seen": {name: was or None}})
        sent = {"field": name, "value": changes[name], "was": was}
        self.maybe_undo(call, self.browser.send(call, path, sent))

    def restore(self) -> None:
        """What one of its changes replaced, from its history."""
        if one := self.pool.pick(self.dice):
            events = EVENT.findall(self.browser.page("GET", f"{CUSTOMERS}/{one.id}/history/").text)
            if events:
                path = f"{CUSTOMERS}/{one.id}/restore/"
                self.browser.send(
                    self.call("office_restore", path, target=one.id), path, {"event": self.dice.choice(events)}
                )

    def add(self) -> None:
        word = token(self.dice)
        form = self.browser.form(f"{CUSTOMERS}/add/", "customer_form")
        if form:
            sent = {"customer_name": self.value(word), "industry": self.value(word)}
            call = self.call("office_add", CUSTOMERS, sent=sent, notes={"token": word})
            self.browser.send(call, f"{CUSTOMERS}/add/", form | sent)

    def delete(self) -> None:
        if one := self.pool.pick(self.dice):
            self.pool.forget(one.id)
            path = f"{CUSTOMERS}/{one.id}/delete/"
            if self.browser.page("GET", path).status == 200:  # where one is asked, and logs in first if need be
                self.browser.send(self.call("office_delete", path, target=one.id), path, {"post": "yes"})

    # Several

    def bulk(self) -> None:
        ids = [one.id for one in self.pool.several(self.dice, self.dice.choice([2, 5]))]
        value = f"Region {self.api.name}{self.dice.getrandbits(40)}"  # of several customers, so it traces none
        if ids and self.is_shown():
            call = self.call("office_bulk", f"{CUSTOMERS}/", sent={"ids": ids, "values": {"territory": value}})
            sent = {"action": "set_territory", "_selected_action": ids, "value": value, "index": "0"}
            self.maybe_undo(call, self.browser.send(call, f"{CUSTOMERS}/", sent))

    def bulk_delete(self) -> None:
        ids = [one.id for one in self.pool.several(self.dice, 2)]
        for one in ids:
            self.pool.forget(one)
        if ids and self.is_shown():
            call = self.call("office_bulk_delete", f"{CUSTOMERS}/", sent={"ids": ids})
            sent = {"action": "delete_selected", "_selected_action": ids, "post": "yes", "index": "0"}
            self.browser.send(call, f"{CUSTOMERS}/", sent)

    def is_shown(self) -> bool:
        """The list, where the customers are chosen; logs in first if need be."""
        return self.browser.page("GET", f"{CUSTOMERS}/").status == 200

    def merge(self) -> None:
        chosen = self.pool.to_merge(self.dice, self.dice.choice([2, 2, 3]))
        if len(chosen) < 2:
            return
        survivor, others = chosen[0], chosen[1:]
        ids = [one.id for one in chosen]
        page = self.browser.page("GET", f"/admin/merge/?{urlencode({'id': ids}, doseq=True)}")
        versions = {f"version-{one}": number for one, number in VERSION.findall(page.text)}
        if len(versions) == len(ids):
            call = self.call("office_merge", "/admin/merge/", target=survivor.id, sent={"from": ids[1:]})
            sent = {"id": ids, "kept": survivor.id, "field-industry": ids[-1], **versions}
            page = self.browser.send(call, "/admin/merge/", sent)
            if call.outcome == OK:
                self.pool.merged(survivor.id, others)
            self.maybe_undo(call, page)

    def maybe_undo(self, call: Call, page: Page) -> None:
        """By the button of the message, as a second call of the same customers."""
        if call.outcome != OK or self.dice.random() > 0.4:
            return
        if page.text.startswith("{"):
            undo = json.loads(page.text).get("undo")
        else:
            found = UNDO.search(self.browser.page("GET", page.location).text)
            undo = found[1] if found else None
        if undo:
            verb = "office_unmerge" if call.verb == "office_merge" else "office_undo"
            sent = {"restore": call.sent["from"]} if verb == "office_unmerge" else None
            taken_back = self.call(verb, f"{CUSTOMERS}/undo/", target=call.target, sent=sent)
            self.browser.send(taken_back, f"{CUSTOMERS}/undo/", {"token": undo})

    # Files

    def import_file(self) -> None:
        """Upload, mapping, check, and the job that writes; then, now and then, its undo."""
        words = [token(self.dice) for _ in range(self.dice.randint(5, 30))]
        text = "Company name,Territory\n" + "".join(f"{word} file,{word}\n" for word in words)
        call = self.call("office_import", "/admin/import/", sent=words, start=time.monotonic())
        try:
            self._import(call, text)
        finally:
            call.end = time.monotonic()
            self.api.history.add(call)

    def _import(self, call: Call, text: str) -> None:
        browser = self.browser
        browser.page("GET", "/admin/import/")
        parts = {**browser.token(), "encoding": "utf-8"}
        body = "".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in parts.items()
        )
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="office.csv"\r\n\r\n{text}\r\n--{BOUNDARY}--\r\n'
        mapping = browser.page("POST", "/admin/import/", body, f"multipart/form-data; boundary={BOUNDARY}").location
        form = browser.form(mapping, "mapping") if mapping else {}
        if not form:
            return
        report = browser.page("POST", mapping, urlencode(form | browser.token())).location
        if not browser.awaited(report, "/apply/"):
            return
        job = browser.page("POST", f"{report}apply/", urlencode(browser.token())).location
        found = RUN.search(browser.awaited(job, "/undo/"))
        if not found:
            return
        call.outcome, call.answer = OK, found[1]
        if self.dice.random() < 0.4:
            undo = browser.page("POST", f"{job}undo/", urlencode(browser.token())).location
            ended = browser.awaited(undo)
            call.notes["undone"] = bool(ended) and 'class="problem"' not in ended
