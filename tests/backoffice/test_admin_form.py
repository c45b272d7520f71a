"""The customer form: two people at once, rows by the hundred, what it says and does not say."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from crm import line_item_services, services
from crm.backoffice.admin.line_items import PAGE_SIZE
from crm.backoffice.admin.links import safe_links
from crm.duplicates import finding
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer, SupplierNumberAtCustomer
from overplane.database.attributes import attributes
from overplane.events.models import Event
from tests.backoffice.people import member
from tests.domain.customers import ORIGIN, make, rows_of
from tests.filled_forms import defaults, filled

ROW = "supplier_numbers-{}-{}"


def address(customer_id: str, query: str = "") -> str:
    return reverse("admin:crm_customer_change", args=[customer_id]) + query


def opened(client: Client, customer_id: str, query: str = "") -> dict[str, Any]:
    return filled(client.get(address(customer_id, query)))


def saved(client: Client, customer_id: str, form: dict[str, Any], query: str = "") -> None:
    answer = client.post(address(customer_id, query), form)
    assert answer.status_code == 302, answer.context["errors"]


def conflict(client: Client, customer_id: str, form: dict[str, Any]) -> HttpResponse:
    answer = client.post(address(customer_id), form)
    assert answer.status_code == 200
    assert "Changed by somebody else" in answer.content.decode()
    return answer


@pytest.mark.slow
@pytest.mark.django_db
def test_a_form_sent_back_as_it_came_changes_nothing() -> None:
    client = member("Editor")
    customer_id = make(
        "Acme", 3, territory="North", default_commission_rate=2.5, customer_details="two\nlines", disabled=True
    )
    before = Event.objects.count()
    saved(client, customer_id, opened(client, customer_id))
    assert Event.objects.count() == before
    assert Customer.objects.get().version == 1


@pytest.mark.django_db
def test_changes_of_different_fields_both_survive() -> None:
    client = member("Editor")
    customer_id = make("Acme", territory="North")
    form = opened(client, customer_id) | {"industry": "Glass"}
    services.update_customer(customer_id, {"territory": "South", "disabled": True}, origin=ORIGIN)
    saved(client, customer_id, form)
    left = Customer.objects.get()
    assert (left.territory, left.disabled, left.industry) == ("South", True, "Glass")


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "theirs", "mine", "expected"),
    [
        ("territory", "South", "East", "East"),
        ("territory", None, "East", "East"),
        ("territory", "South", "", None),
        ("default_commission_rate", 3, "4.25", "4.25"),
        ("customer_details", "theirs\nlong", "mine\r\nlong", "mine\nlong"),
    ],
)
def test_the_same_field_changed_by_two_is_chosen(name: str, theirs: Any, mine: str | None, expected: Any) -> None:
    client = member("Editor")
    customer_id = make("Acme", territory="North", default_commission_rate=1, customer_details="old")
    form = opened(client, customer_id) | {"industry": "Glass"}
    services.update_customer(customer_id, {name: theirs}, origin=ORIGIN)
    page = conflict(client, customer_id, form | {name: mine})
    field_conflict = page.context["choices"][0].conflict
    assert Customer.objects.get().industry is None, "nothing is written before the choice"
    again = dict(page.context["sent"]) | {field_conflict.initial_html_name: field_conflict.theirs_text}
    saved(client, customer_id, again | {field_conflict.html_name: field_conflict.mine_text})
    left = Customer.objects.get()
    value = getattr(left, name)
    assert (f"{value.normalize():f}" if name == "default_commission_rate" else value) == expected
    assert left.industry == "Glass"


@pytest.mark.django_db
def test_the_same_change_by_two_is_no_conflict() -> None:
    client = member("Editor")
    customer_id = make("Acme")
    form = opened(client, customer_id) | {"disabled": "on", "territory": "North"}
    services.update_customer(customer_id, {"disabled": True, "territory": "North"}, origin=ORIGIN)
    saved(client, customer_id, form)
    assert Customer.objects.get().version == 2


@pytest.mark.slow
@pytest.mark.django_db
def test_theirs_may_be_kept_and_a_third_change_is_noticed_again() -> None:
    client = member("Editor")
    customer_id = make("Acme", territory="North")
    form = opened(client, customer_id) | {"territory": "East"}
    services.update_customer(customer_id, {"territory": "South"}, origin=ORIGIN)
    page = conflict(client, customer_id, form)
    assert page.context["choices"][0].who == "anna (back office)"
    field_conflict = page.context["choices"][0].conflict
    again = dict(page.context["sent"]) | {field_conflict.initial_html_name: field_conflict.theirs_text}
    services.update_customer(customer_id, {"territory": "West"}, origin=ORIGIN)
    conflict(client, customer_id, again | {"territory": field_conflict.mine_text})
    saved(client, customer_id, again | {"territory": field_conflict.theirs_text})
    assert Customer.objects.get().territory == "West"


@pytest.mark.slow
@pytest.mark.django_db
def test_rows_conflict_too_and_say_which() -> None:
    client = member("Editor")
    customer_id = make("Acme", 2)
    form = opened(client, customer_id) | {ROW.format(1, "supplier_number"): "mine"}
    second = SupplierNumberAtCustomer.objects.get(idx=2)
    line_item_services.update_line_item(SUPPLIER_NUMBERS, second.pk, {"supplier_number": "theirs"}, origin=ORIGIN)
    page = conflict(client, customer_id, form)
    assert "Supplier number, row 2 (supplier numbers)" in page.content.decode()


@pytest.mark.slow
@pytest.mark.django_db
def test_a_row_that_somebody_removed_is_told_and_nothing_is_lost() -> None:
    client = member("Manager")
    customer_id = make("Acme", 2)
    form = opened(client, customer_id)
    second = SupplierNumberAtCustomer.objects.get(idx=2)
    line_item_services.delete_line_item(SUPPLIER_NUMBERS, second.pk, origin=ORIGIN)
    answer = client.post(address(customer_id), form | {ROW.format(1, "supplier_number"): "changed"})
    assert "removed by somebody else" in answer.content.decode()
    moved = {ROW.format(0, "idx"): "2", ROW.format(1, "idx"): "1"}
    saved(client, customer_id, form | moved | {"territory": "North"})  # moved only, it is not missed
    assert rows_of(customer_id) == [(1, "Acme 1")]
    assert Customer.objects.get().territory == "North"


@pytest.mark.slow
@pytest.mark.django_db
def test_a_row_that_nobody_typed_in_is_not_stored() -> None:
    """The page gives a new row its place: that is not typing."""
    client = member("Editor")
    customer_id = make("Acme", 1)
    form = opened(client, customer_id) | {"supplier_numbers-TOTAL_FORMS": "3"}
    form |= {ROW.format(i, name): value for i in (1, 2) for name, value in defaults(SupplierNumberAtCustomer).items()}
    form |= {ROW.format(1, "idx"): "2", ROW.format(1, "company"): " ", ROW.format(2, "idx"): "3"}
    saved(client, customer_id, form)
    assert rows_of(customer_id) == [(1, "Acme 1")]
    saved(client, customer_id, form | {ROW.format(2, "supplier_number"): "typed"})
    assert rows_of(customer_id) == [(1, "Acme 1"), (2, "typed")]
    assert Event.objects.filter(type="supplier_number_at_customer.created").count() == 2


@pytest.mark.django_db
def test_a_customer_that_somebody_deleted_is_told() -> None:
    client = member("Editor")
    customer_id = make("Acme")
    form = opened(client, customer_id)
    services.delete_customer(customer_id, origin=ORIGIN)
    answer = client.post(address(customer_id), form | {"territory": "North"}, follow=True)
    assert "deleted" in answer.content.decode()
    assert not Customer.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db
def test_rows_beyond_a_hundred_come_by_the_page() -> None:
    client = member("Manager")
    customer_id = make("Acme", PAGE_SIZE + 5)
    first, second = opened(client, customer_id), opened(client, customer_id, "?supplier_numbers=2")
    assert first["supplier_numbers-TOTAL_FORMS"] == str(PAGE_SIZE)
    assert second["supplier_numbers-TOTAL_FORMS"] == "5"
    old_link = opened(client, customer_id, "?rows=2")  # as links were when there was one kind of line item
    assert old_link["supplier_numbers-TOTAL_FORMS"] == "5"
    second |= {ROW.format(0, "idx"): "105", ROW.format(4, "DELETE"): "on"}
    second |= {ROW.format(1, "idx"): "101", ROW.format(2, "idx"): "102", ROW.format(3, "idx"): "103"}
    answer = client.post(address(customer_id, "?supplier_numbers=2"), second | {"_continue": "1"})
    assert answer["Location"].endswith("?supplier_numbers=2")
    rows = rows_of(customer_id)
    assert [position for position, _ in rows] == list(range(1, PAGE_SIZE + 5))
    assert [name for _, name in rows[PAGE_SIZE:]] == ["Acme 102", "Acme 103", "Acme 104", "Acme 101"]
    for nonsense in ("0", "-1", "x", "99999", "1e3"):
        assert client.get(address(customer_id, f"?supplier_numbers={nonsense}")).status_code == 200


@pytest.mark.slow
@pytest.mark.django_db
def test_every_attribute_is_on_the_page_in_a_section_with_its_label() -> None:
    client = member("Editor")
    page = client.get(address(make("Acme"))).content.decode()
    for label in (
        "Billing currency",
        "Allow sales invoice without sales order",
        "Allow sales invoice without delivery note",
    ):
        assert label in page
    assert set(attributes(Customer)) <= set(filled(client.get(address(Customer.objects.get().pk)))) | {
        name for name, known in attributes(Customer).items() if known.default is False
    }


@pytest.mark.parametrize(
    ("values", "links"),
    [
        ({"website": "https://example.com/a?b=c"}, ["https://example.com/a?b=c"]),
        ({"website": "example.com"}, ["https://example.com"]),
        ({"website": "javascript:alert(1)"}, []),
        ({"website": "javascript://example.com/%0aalert(1)"}, []),
        ({"website": "https://user@example.com"}, []),
        ({"website": 'https://example.com/" onclick="x'}, []),
        ({"email_id": "info@example.com"}, ["mailto:info@example.com"]),
        ({"email_id": "info@example.com?bcc=all@example.com"}, []),
        ({"mobile_no": "+49 (170) 123-456"}, ["tel:+49170123456"]),
        ({"mobile_no": "123;ext=4"}, []),
    ],
)
def test_only_what_is_an_address_beyond_doubt_becomes_a_link(values: dict[str, str], links: list[str]) -> None:
    output = "".join(safe_links(Customer(customer_name="Acme", **values)))
    assert output.count("<a ") == len(links)
    assert all(f'href="{link}"' in output for link in links)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"tax_id": "de 811-234"}, "same tax ID"),
        ({"email_id": "INFO@example.com"}, "same e-mail"),
        ({"customer_name": "Nordlicht Werke"}, "same customer name"),
        ({"customer_name": "Nordlicht Werk"}, "similar customer name"),
        ({"customer_name": "Nor"}, None),
        ({"customer_name": "\0", "self": "\0"}, None),
        ({}, None),
    ],
)
def test_hints_at_customers_that_are_there_already(typed: dict[str, str], why: str | None) -> None:
    client = member("Viewer")
    there = make("Nordlicht Werke GmbH", tax_id="DE811234", email_id="info@example.com")
    finding.find_all()
    url = reverse("admin:crm_customer_duplicates_of")
    duplicates = client.get(url, typed).json()["customers"]
    assert [one["why"] for one in duplicates] == ([why] if why else [])
    assert client.get(url, typed | {"self": there}).json()["customers"] == []
