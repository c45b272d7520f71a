"""The reference page as its readers have it: what stands in it, and its samples with their own ids, key and address."""

import json
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from crm.api.duplicate_descriptions import PAIR_ID
from crm.api.import_schemas import EXPORT_ID, RUN_ID
from crm.api.line_item_components import CUSTOMER_ID, example_id
from crm.api.merge_descriptions import OTHER_ID
from crm.line_items import LINE_ITEMS, LineItem
from crm.models import DuplicatePair
from overplane.api.pages import description
from overplane.api.reference.calls import KEY
from overplane.api.reference.pages import page
from overplane.api.reference.sections import FILE, Reference, Section
from overplane.api.webhooks.components import DELIVERY_ID, ENDPOINT_ID
from overplane.ids import new_id
from overplane.jobs.worker import Worker
from tests.conftest import Api
from tests.contract.values import values_of

WEBHOOKS = "/api/crm/webhook-endpoint"
EVENT = re.compile(r"\bevt_\w+")
SYNC = "Export, then go on from its cursor"
RECEIVER = "A receiver"
MENDING = "Upload, mend, take back"
IMPORTS, EXPORTS = "/api/crm/import", "/api/crm/export"
EMPTY = {"meta", "link", "input", "circle", "path", "br"}


class Sample(NamedTuple):
    section: str
    title: str
    language: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.section}: {self.title} ({self.language})"


class Page(HTMLParser):
    """Its ids, links and tags, the texts of each element that has a class, and the samples."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.samples: list[Sample] = []
        self._texts: list[str] = []
        self._open: list[tuple[str, dict[str, Any], int]] = []
        self.feed(text)
        assert not self._open, self._open
        self.text = "".join(self._texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self.ids += [attributes["id"]] if attributes.get("id") else []
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]
        if tag not in EMPTY:
            self._open.append((tag, attributes, len(self._texts)))

    def handle_endtag(self, tag: str) -> None:
        if tag in EMPTY:
            return
        opened, attributes, start = self._open.pop()
        assert opened == tag, (opened, tag)
        text = "".join(self._texts[start:])
        if attributes.get("class") == "title":
            self._title = text
        if tag == "pre" and (language := self._inherited("data-language")):
            section = self._inherited("id", of="section")
            self.samples.append(Sample(section, self._title, language, text))

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    def _inherited(self, name: str, of: str = "") -> str:
        return next((a[name] for tag, a, _ in reversed(self._open) if name in a and of in ("", tag)), "")


# Made when a test asks for it: all of it takes two seconds, which each process would spend that only reads this file.
parsed = cache(Page)


@cache
def described() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(description())
    return document


@cache
def reference() -> Reference:
    return Reference(described(), base_url="http://testserver")


@cache
def sections() -> dict[str, Section]:
    return {section.anchor: section for chapter in reference().chapters() for section in chapter.sections}


def whole_page() -> Page:
    return parsed(page())


def samples_in(language: str) -> list[Sample]:
    return [sample for sample in whole_page().samples if sample.language == language]


def needs_more(sample: Sample) -> bool:
    """Is it called, instead of calling? (A shell cannot be.) Does it need a worker beside it?"""
    return is_receiver(sample) or sample.title == MENDING


def is_receiver(sample: Sample) -> bool:
    return sample.title == RECEIVER and sample.language != "curl"


def calls_in(language: str) -> list[Sample]:
    return [sample for sample in samples_in(language) if not needs_more(sample)]


def line_item(api: Api, kind: LineItem, customer_id: str) -> str:
    answer = api.post(f"/api/crm/{kind.id_prefix}", {"customer_id": customer_id} | values_of(kind, 1))
    assert answer.status_code == 201, answer.content
    return answer.json()["id"]


def import_for(section: str, api: Api) -> str:
    """An import in a state that this call fits."""
    query = "?dry_run=true" if section == "applyImport" else "?skip_errors=true&again=true"
    content = "name,email_id\nAcme,\n" + ("" if section == "applyImport" else "Bravo,nobody\n")
    sent = {"authorization": f"Bearer {api.key}"}
    answer = api.client.generic("POST", IMPORTS + query, content.encode(), "text/csv", headers=sent)
    assert answer.status_code == 202, answer.content
    run_id = answer.json()["id"]
    if section == "resumeImport":
        assert api.post(f"{IMPORTS}/{run_id}/cancel", None).status_code == 200
    elif section != "cancelImport":
        Worker().run(until_idle=True)
    return run_id


def pair_of(*customers: str) -> str:
    """As the worker would find it."""
    first, second = sorted(customers)
    pair = DuplicatePair.objects.create(
        id=new_id("pair"), first_id=first, second_id=second, score=0.9, reasons=[], compared_at=timezone.now(),
        first_hash=0, second_hash=0,
    )  # fmt: skip
    return pair.pk


def prepared(samples: list[Sample], api: Api, base_url: str) -> Iterator[tuple[Sample, str]]:
    """Each as its reader would run it: with a customer and its line items, the reader's key and the address."""
    for sample in samples:
        customer = api.create(customer_name="Acme", email_id="acme@example.com")["id"]
        ids = {example_id(kind): line_item(api, kind, customer) for kind in LINE_ITEMS} | {CUSTOMER_ID: customer}
        if OTHER_ID in sample.text:
            ids[OTHER_ID] = api.create(customer_name="Acme Inc")["id"]
        if "/unmerge" in sample.text:
            answer = api.post(f"/api/crm/customer/{customer}/merge", {"from": [ids[OTHER_ID]]})
            assert answer.status_code == 200, answer.content
        if PAIR_ID in sample.text:
            ids[PAIR_ID] = pair_of(customer, api.create(customer_name="Acme Inc")["id"])
        if ENDPOINT_ID in sample.text:
            ids[ENDPOINT_ID] = api.post(WEBHOOKS, {"url": "https://example.com/webhooks"}).json()["id"]
        if DELIVERY_ID in sample.text:
            ids[DELIVERY_ID] = api.post(f"{WEBHOOKS}/{ids[ENDPOINT_ID]}/ping", {}).json()["id"]
        if sample.language != "javascript":  # a page sends a file that it is given
            Path(FILE).write_text("name\nAcme\n")
        if RUN_ID in sample.text:
            ids[RUN_ID] = import_for(sample.section, api)
        if EXPORT_ID in sample.text:
            ids[EXPORT_ID] = api.post(EXPORTS, {}).json()["id"]
            Worker().run(until_idle=True)
        # A longer id may hold a shorter one.
        own = {example: ids[example] for example in sorted(ids, key=len, reverse=True)}
        own |= {KEY: api.key, settings.BASE_URL: base_url}
        for event in EVENT.findall(sample.text):
            own[event] = api.feed("?limit=1").json()["data"][0]["id"]
        text = sample.text
        for placeholder, value in own.items():
            text = text.replace(placeholder, value)
        yield sample, text


def assert_only_what_came_after(events: list[Any], created: str) -> None:
    """The export has the customers that were there before: they do not come again, and what was done since does."""
    assert [(event["type"], event["data"]["object"]["id"]) for event in events] == [("customer.created", created)]
