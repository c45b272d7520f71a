"""A whole change of the history is restored at once, and rows that were deleted in the form come back."""

import html
import re

import pytest
from django.test import Client
from django.urls import reverse

from crm import line_item_services, services
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer, SupplierNumberAtCustomer
from overplane.events.models import Event
from overplane.origin import Origin
from tests.backoffice.people import member
from tests.domain.customers import ORIGIN, make
from tests.filled_forms import new_form

pytestmark = pytest.mark.django_db
WHOLE = "Restore the whole change"


def page(client: Client, name: str, customer: str) -> str:
    return client.get(reverse(f"admin:crm_customer_{name}", args=[customer])).content.decode()


def restored(client: Client, customer: str, **sent: object) -> str:
    url = reverse("admin:crm_customer_restore", args=[customer])
    answer = client.post(url, sent, follow=True)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def change() -> Event:
    return Event.objects.filter(type="customer.updated").earliest("seq")


def values(*names: str) -> tuple[object, ...]:
    return Customer.objects.values_list(*names).get()


@pytest.mark.slow
def test_a_change_of_several_values_is_restored_by_one_button() -> None:
    customer = make("Nordlicht", territory="North", customer_group="Energy", disabled=True)
    changed = {"territory": "South", "customer_group": "Retail", "disabled": False}
    services.update_customer(customer, changed, origin=ORIGIN)
    client = member("Editor")
    assert WHOLE in page(client, "history", customer)
    assert f'value="{change().pk}:"' in page(client, "change", customer)
    assert "The old values are back." in restored(client, customer, event=change().pk)
    assert values(*changed) == ("North", "Energy", True)
    assert Event.objects.filter(type="customer.updated").count() == 2


def test_there_is_no_such_button_for_one_value_or_for_a_viewer() -> None:
    customer = make("Nordlicht", territory="North", customer_group="Energy")
    services.update_customer(customer, {"territory": "South"}, origin=ORIGIN)
    assert WHOLE not in page(member("Editor"), "history", customer)
    services.update_customer(customer, {"territory": "East", "customer_group": "Retail"}, origin=ORIGIN)
    viewer = member("Viewer", "vera")
    assert WHOLE not in page(viewer, "history", customer) + page(viewer, "change", customer)
    url = reverse("admin:crm_customer_restore", args=[customer])
    assert viewer.post(url, {"event": change().pk}).status_code == 403
    assert values("territory") == ("East",)


@pytest.mark.slow
def test_what_others_changed_since_stays_and_is_named() -> None:
    customer = make("Nordlicht", territory="North", customer_group="Energy")
    services.update_customer(customer, {"territory": "South", "customer_group": "Retail"}, origin=ORIGIN)
    services.update_customer(customer, {"territory": "West"}, origin=Origin("user:bert"))
    output = restored(member("Editor"), customer, restore=f"{change().pk}:")
    assert "The old value is back." in output
    assert "Changed since, and left as it is: Territory (bert (back office))." in output
    assert values("territory", "customer_group") == ("West", "Energy")
    # One value that somebody chose comes back whatever came after it.
    restored(member("Editor", "emil"), customer, event=change().pk, field="territory")
    assert values("territory") == ("North",)


def test_where_all_was_changed_since_nothing_is_written() -> None:
    customer = make("Nordlicht", territory="North", customer_group="Energy")
    for territory in ("South", "West"):
        services.update_customer(customer, {"territory": territory, "customer_group": territory}, origin=ORIGIN)
    output = restored(member("Editor"), customer, event=change().pk)
    assert "is back" not in output
    assert "Changed since" in output
    assert values("territory", "customer_group") == ("West", "West")


def test_a_change_of_a_row_is_restored_as_a_whole_too() -> None:
    customer = make("Nordlicht", 2)
    row = SupplierNumberAtCustomer.objects.get(idx=2)
    changed = {"company": "New", "supplier_number": "99"}
    line_item_services.update_line_item(SUPPLIER_NUMBERS, row.pk, changed, origin=ORIGIN)
    event = Event.objects.get(type=SUPPLIER_NUMBERS.updated)
    assert "The old values are back." in restored(member("Editor"), customer, event=event.pk)
    assert SupplierNumberAtCustomer.objects.filter(pk=row.pk).values_list("company", "supplier_number", "idx").get() == (
        row.company, row.supplier_number, 2,
    )  # fmt: skip


def rows() -> list[tuple[object, ...]]:
    return list(SupplierNumberAtCustomer.objects.order_by("idx").values_list("pk", "idx", "company", "supplier_number"))


@pytest.mark.slow
@pytest.mark.parametrize("button", ["_continue", "_save"])
def test_rows_that_were_deleted_in_the_form_come_back_by_undo(button: str) -> None:
    customer = make("Nordlicht", 4)
    SupplierNumberAtCustomer.objects.update(company="Overplane")
    before, client = rows(), member("Editor")
    sent = [
        {"id": pk, "customer": customer, "idx": idx, "company": company, "supplier_number": number, "initial-idx": idx}
        | {f"initial-{name}": value for name, value in (("company", company), ("supplier_number", number))}
        | ({"DELETE": "on"} if idx in (2, 3) else {})
        for pk, idx, company, number in before
    ]
    form = new_form(*sent, initial=4, customer_name="Nordlicht") | {button: "1"}
    answer = client.post(reverse("admin:crm_customer_change", args=[customer]), form, follow=True)
    assert [idx for _pk, idx, *_rest in rows()] == [1, 2]
    token = re.search(r'data-undo="([^"]+)"', answer.content.decode())
    assert token, "the message offers no undo"
    client.post(reverse("admin:crm_customer_undo"), {"token": token[1]})
    # Under new ids: the feed has told that the old ones are deleted.
    assert [row[1:] for row in rows()] == [row[1:] for row in before]
    assert rows()[::3] == before[::3]


def test_customers_that_are_deleted_are_gone_and_the_page_says_so_before() -> None:
    customer, client = make("Nordlicht"), member("Manager")
    url = reverse("admin:crm_customer_delete", args=[customer])
    assert "It cannot be undone." in client.get(url).content.decode()
    assert "data-undo=" not in client.post(url, {"post": "yes"}, follow=True).content.decode()
