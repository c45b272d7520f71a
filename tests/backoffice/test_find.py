"""What `Ctrl K` asks the server for: customers by words, and what was opened last, with views and actions."""

from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm import line_item_services, services
from crm.line_items import SUPPLIER_NUMBERS
from overplane.backoffice.models import SavedView
from tests.backoffice.people import member
from tests.domain.customers import ORIGIN, make

pytestmark = pytest.mark.django_db
FIND, START = "/admin/find/", "/admin/find/start/"
OF_EVERYBODY = 3  # statements: the session, the person, the permissions


def records(words: str, client: Client | None = None) -> list[dict[str, Any]]:
    return (client or member("Viewer", name=f"viewer{hash(words)}")).get(FIND, {"q": words}).json()["records"]


def number(customer: str, **values: str) -> str:
    return line_item_services.add_line_item(SUPPLIER_NUMBERS, customer, values, origin=ORIGIN).output["id"]


def test_a_record_is_found_by_name_number_and_id() -> None:
    customer_id = make("Nordlicht", mobile_no="(647)561-7697")
    row = number(customer_id, supplier_number="2195750", company="Overplane NL")
    make("Someone else")
    notes = {
        "nordl": "", "6475617697": "mobile phone (647)561-7697", "561 76": "mobile phone (647)561-7697",
        "2195750": "supplier number 2195750, Overplane NL", f" {customer_id} ": f"ID {customer_id}",
        row: "supplier number 2195750, Overplane NL",
    }  # fmt: skip
    for words, note in notes.items():
        (one,) = records(words)
        assert (one["title"], one["note"], one["letters"]) == ("Nordlicht", note, "NO")
        assert one["url"] == reverse("admin:crm_customer_change", args=[quote(customer_id)])


def test_names_that_begin_with_the_words_come_first_and_eight_are_shown() -> None:
    for i in range(9):
        make(f"The Acme {i}")
    make("Elsewhere", email_id="acme@x.example")
    make("Acme")
    titles = [one["title"] for one in records("acme")]
    assert titles == ["Acme", *(f"The Acme {i}" for i in range(7))]


@pytest.mark.parametrize("words", ["", " ", "a", "\0", "\u0301\u0301"])
def test_too_little_finds_nothing(words: str) -> None:
    make("a")
    assert records(words) == []


def test_long_words_are_cut() -> None:
    make("Acme")
    assert records("x" * 5000) == []


def test_it_is_for_those_who_may_see_customers() -> None:
    user = get_user_model().objects.create_user("nobody", password="a password that is long", is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.get(FIND, {"q": "acme"}).status_code == client.get(START).status_code == 403
    assert b"data-find" not in client.get("/admin/").content
    assert Client().get(FIND, {"q": "acme"}).status_code == 302
    assert member("Viewer").post(FIND).status_code == 405


def test_it_costs_two_statements_at_most() -> None:
    for i in range(20):
        number(make(f"Nord {i}"), supplier_number=f"44556{i}")
    client = member("Manager")
    for address, own in ((f"{FIND}?q=nord", 1), (f"{FIND}?q=44556", 2), (f"{START}?opened=customer_1", 2)):
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        assert len(queries) == OF_EVERYBODY + own, [one["sql"] for one in queries]


def test_what_was_opened_last_comes_with_its_name_of_now() -> None:
    first, second, gone = make("First"), make("Second"), make("Gone")
    services.delete_customer(gone, origin=ORIGIN)
    services.update_customer(first, {"customer_name": "Renamed"}, origin=ORIGIN)
    sent = ",".join(map(quote, [second, gone, first, "customer_x", "\0"]))
    answer = member("Viewer").get(START, {"opened": sent}).json()
    assert [one["title"] for one in answer["opened"]] == ["Second", "Renamed"]
    assert member("Viewer", name="bert").get(START).json()["opened"] == []


def test_views_and_actions_are_those_of_the_person() -> None:
    client, other = member("Manager"), member("Viewer", name="bert")
    anna = get_user_model().objects.get(username="anna")
    view = SavedView.objects.create(user=anna, page="crm.customer", name="Mine", query="territory=North")
    SavedView.objects.create(user=anna, page="crm.customer", name="Ours", is_shared=True)
    answer = client.get(START).json()
    assert [one["title"] for one in answer["views"]] == ["Mine", "Ours"]
    assert answer["views"][0]["url"] == f"/admin/crm/customer/?territory=North&view={view.pk}"
    assert [one["title"] for one in answer["actions"]] == ["New customer"]
    answer = other.get(START).json()
    assert [one["title"] for one in answer["views"]] == ["Ours"]
    assert answer["actions"] == []


def test_names_are_sent_as_they_are() -> None:
    make("<b>Acme</b>", tax_id="</script>")
    (one,) = records("</script>")
    assert (one["title"], one["note"]) == ("<b>Acme</b>", "tax ID </script>")
