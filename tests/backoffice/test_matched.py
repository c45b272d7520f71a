"""A searched list says below a name what was found of the customer, when it is not the name itself."""

import re

import pytest
from django.contrib.admin.utils import quote
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from crm import line_item_services
from crm.backoffice.admin import matched
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer
from tests.backoffice.people import member
from tests.domain.customers import ORIGIN, make

pytestmark = pytest.mark.django_db
LIST = "/admin/crm/customer/"


def number(customer: str, **values: str) -> str:
    return line_item_services.add_line_item(SUPPLIER_NUMBERS, customer, values, origin=ORIGIN).output["id"]


def said(words: str) -> dict[str, str]:
    """By name, what stands below it."""
    page = member("Viewer", name=f"viewer{words}").get(LIST, {"q": words}).content.decode()
    rows = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', page, re.DOTALL)
    texts = [
        [re.sub(r"<[^>]+>", "", part).strip() for part in re.split(r'(?=<small class="matched">)', row)] for row in rows
    ]
    return {re.sub(r"^[A-Z]{2}(?=[A-Z][a-z])", "", text[0]): " ".join(text[1:]) for text in texts}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("nordlicht", ""),
        ("6475617697", "mobile phone (647)561-7697"),
        ("+1 647 561 7697", "mobile phone (647)561-7697"),
        ("5617", "mobile phone (647)561-7697"),
        ("info@", "e-mail info@nord.example"),
        ("2195750", "supplier number 2195750, Overplane NL"),
        ("de811", "tax ID DE811"),
        ("nordlicht kai", "first name Kai"),
        ("kai 5617697 2195", "first name Kai · mobile phone (647)561-7697 · supplier number 2195750, Overplane NL"),
        ("nord.example info", "e-mail info@nord.example"),
    ],
)
def test_the_list_says_what_was_found(words: str, expected: str) -> None:
    customer_id = make(
        "Nordlicht", mobile_no="(647)561-7697", email_id="info@nord.example", tax_id="DE811", first_name="Kai"
    )
    number(customer_id, supplier_number="1", company="Overplane DE")
    number(customer_id, supplier_number="2195750", company="Overplane NL")
    make("Someone else", mobile_no="1")
    assert said(words) == {"Nordlicht": expected}


def test_ids_are_said_too() -> None:
    customer_id = make("Nordlicht")
    row = number(customer_id, supplier_number="77", company="Overplane NL")
    assert said(customer_id) == {"Nordlicht": f"ID {customer_id}"}
    assert said(row) == {"Nordlicht": "supplier number 77, Overplane NL"}


def test_a_list_that_nobody_searched_says_nothing() -> None:
    make("Nordlicht")
    assert said("") == {"Nordlicht": ""}


def test_it_is_german_for_who_reads_german() -> None:
    make("Nordlicht", mobile_no="(647)561-7697")
    with translation.override("de"):
        (match,) = matched.of_page(list(Customer.objects.all()), "5617697").popitem()[1]
    assert match.label == "Mobiltelefon"


def test_values_are_shown_as_text() -> None:
    make("Nordlicht", tax_id="<b>7</b>")
    page = member("Viewer").get(LIST, {"q": "<b>7"}).content.decode()
    assert "&lt;b&gt;7&lt;/b&gt;</bdi></small>" in page


def test_line_items_are_read_once_a_page_and_only_if_needed() -> None:
    for i in range(5):
        number(make(f"Nord {i}", tax_id="DE1"), supplier_number=f"44556{i}")
    customers = list(Customer.objects.all())
    for words, statements in (("44556", 1), ("de1", 0), ("nord", 0), ("", 0)):
        with CaptureQueriesContext(connection) as queries:
            matches = matched.of_page(customers, words)
        assert len(queries) == statements
        assert len(matches) == (5 if words in ("44556", "de1") else 0)


def test_the_line_is_no_part_of_the_link() -> None:
    customer_id = make("Nordlicht", tax_id="DE1")
    page = member("Viewer").get(LIST, {"q": "de1"}).content.decode()
    assert re.search(
        rf'href="{re.escape(quote(customer_id))}/change/">(?:(?!</a>).)*<bdi>Nordlicht</bdi></a><small',
        page,
    )
