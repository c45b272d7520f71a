"""The reference pages: everything that the description has, samples that work, nothing from elsewhere."""

import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone

from crm.components import CUSTOMER_ID, ROW_ID
from crm.models import CUSTOMERS, SUPPLIER_NUMBERS
from crm.services import new_customer
from overplane.api import reference
from overplane.api.error_codes import MEANINGS
from overplane.api.pages import description
from overplane.events.descriptions import EVENT_ID
from overplane.events.models import Event
from overplane.problems import Code
from tests.conftest import CUSTOMER, Api

DESCRIBED = json.loads(description())
SAMPLES = Path(__file__).parent / "samples"
CHAPTERS = reference.Reference(DESCRIBED, base_url="http://testserver").chapters()
SECTIONS = {section.anchor: section for chapter in CHAPTERS for section in chapter.sections}


def words(anchor: str) -> list[str]:
    """The sample call as a shell would take it apart."""
    return shlex.split(SECTIONS[anchor].curl.replace("\\\n", ""))


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self.ids += [attributes["id"]] if attributes.get("id") else []
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]


@pytest.fixture
def page(client: Client) -> Page:
    return Page(client.get("/docs").content.decode())


def test_has_a_section_for_every_operation(page: Page) -> None:
    operations = {one["operationId"] for path in DESCRIBED["paths"].values() for one in path.values()}
    assert operations <= set(page.ids)


def test_has_a_line_for_every_error_code_where_doc_url_points(page: Page, api: Api) -> None:
    assert set(MEANINGS) == set(Code)
    assert {f"error-{code}" for code in Code} <= set(page.ids)
    doc_url = urlsplit(api.get(f"{CUSTOMER}?teritory=x").json()["error"]["doc_url"])
    assert (doc_url.path, doc_url.fragment) == ("/docs", "error-parameter_unknown")


def test_every_link_leads_somewhere(page: Page, client: Client) -> None:
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif link.startswith("/static/"):
            assert finders.find(link.removeprefix("/static/")), link
        elif link != "data:,":
            assert client.get(link).status_code == 200, link


def test_needs_nothing_from_elsewhere_and_nothing_inline(page: Page, client: Client) -> None:
    assert "default-src 'self'" in client.get("/docs")["Content-Security-Policy"]
    for tag, attributes in page.tags:
        assert tag != "style"
        assert tag != "script" or attributes["src"].startswith("/static/")
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
    for name in ("reference/reference.css", "reference/reference.js"):
        assert not re.search(r"https?:|@import|url\(", Path(finders.find(name)).read_text())


@pytest.mark.parametrize(
    ("name", "file"), [("Customer", "customer.json"), ("SupplierNumberAtCustomer", "supplier-number-at-customer.json")]
)
def test_shows_the_documented_sample_objects(name: str, file: str) -> None:
    documented = json.loads((SAMPLES / file).read_text())
    shown = reference.Reference(DESCRIBED, base_url="").sample(DESCRIBED["components"]["schemas"][name])
    assert {**documented, "customer_id": CUSTOMER_ID} == {"customer_id": CUSTOMER_ID} | {
        attribute: value for attribute, value in shown.items() if attribute in documented
    }


@pytest.mark.parametrize(
    ("anchor", "documented"),
    [
        ("retrieveCustomer", 'curl $BASE/api/crm/customer/customer_abc123 -H "Authorization: Bearer sk_test_..."'),
        ("listCustomers", 'curl $BASE/api/crm/customer -H "Authorization: Bearer sk_test_..."'),
        (
            "createCustomer",
            'curl $BASE/api/crm/customer -H "Authorization: Bearer sk_test_..." -X POST'
            """ -H "Content-Type: application/json" -d '{"customer_name":"customer_name_example"}'""",
        ),
        (
            "updateCustomer",
            'curl $BASE/api/crm/customer/customer_abc123 -H "Authorization: Bearer sk_test_..." -X PATCH'
            """ -H "Content-Type: application/json" -d '{"customer_name":"customer_name_example","gender":"gender_example"}'""",
        ),
        (
            "deleteCustomer",
            'curl $BASE/api/crm/customer/customer_abc123 -H "Authorization: Bearer sk_test_..." -X DELETE',
        ),
    ],
)
def test_shows_the_documented_calls(anchor: str, documented: str) -> None:
    assert words(anchor) == shlex.split(documented.replace("$BASE", "http://testserver"))


@pytest.mark.parametrize("anchor", [anchor for anchor, section in SECTIONS.items() if section.curl])
def test_every_call_that_is_shown_works(api: Api, anchor: str) -> None:
    values = new_customer({"customer_name": "Acme"}, now=timezone.now())
    CUSTOMERS.insert([values | {"id": CUSTOMER_ID, "search_text": "acme"}])
    row = {"customer_id": CUSTOMER_ID, "idx": 1, "company": None, "supplier_number": None, "version": 1}
    SUPPLIER_NUMBERS.insert([row | {"id": ROW_ID}])
    _, url, *options = words(anchor)
    if url.endswith(EVENT_ID):
        known = {"type": "customer.deleted", "created_at": timezone.now(), "actor": "user:anna", "object_version": 2}
        epoch, seq = int(EVENT_ID[4:10], 32), int(EVENT_ID[10:], 32)
        Event.objects.create(epoch=epoch, seq=seq, subject=CUSTOMER_ID, object_id=CUSTOMER_ID, **known)
    given = dict(zip(options[::2], options[1::2], strict=True))
    sent = given.get("-d", "").encode() or None
    answer = api.call(given.get("-X", "GET"), url.removeprefix("http://testserver"), sent)
    assert SECTIONS[anchor].answer_title.startswith(f"{answer.status_code} "), answer.content
