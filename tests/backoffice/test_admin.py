"""The second door: saving and deleting customers and rows in the admin."""

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from crm.models import Customer, SupplierNumberAtCustomer
from overplane.api import keys
from overplane.api.models import ApiKey
from overplane.events.models import Event
from tests.conftest import CUSTOMER, Api
from tests.filled_forms import new_form


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("anna", password="x"))
    return client


def add(staff: Client, *rows: dict[str, Any], **values: Any) -> Customer:
    answer = staff.post(reverse("admin:crm_customer_add"), new_form(*rows, **values))
    assert answer.status_code == 302, answer.context["errors"] if answer.context else answer.content
    return Customer.objects.order_by("-created_at").first()


def test_saves_through_the_services(staff: Client) -> None:
    record = add(
        staff, {"company": "A"}, {"company": "B", "idx": 1}, territory=" North ", customer_type="", disabled="on"
    )
    assert (record.territory, record.customer_type, record.disabled, record.gender) == ("North", "Company", True, None)
    rows = SupplierNumberAtCustomer.objects.order_by("idx").values_list("idx", "company")
    assert list(rows) == [(1, "B"), (2, "A")]
    assert set(Event.objects.values_list("actor", flat=True)) == {"user:anna"}
    assert Event.objects.filter(type="customer.created", subject=record.pk).count() == 1


def test_changes_only_what_was_changed(staff: Client) -> None:
    customer = add(staff, {"company": "A"}, {"company": "B"}, territory="North", default_commission_rate="2.5")
    first, second = SupplierNumberAtCustomer.objects.order_by("idx")
    rows = [
        {"id": first.pk, "customer": customer.pk, "idx": 1, "company": "A", "DELETE": "on"},
        {"id": second.pk, "customer": customer.pk, "idx": 2, "company": "C"},
    ]
    values = new_form(*rows, initial=2, territory="South", default_commission_rate="2.5")
    answer = staff.post(reverse("admin:crm_customer_change", args=[customer.pk]), values)
    assert answer.status_code == 302, answer.context["errors"]
    customer.refresh_from_db()
    assert (customer.territory, customer.version) == ("South", 2)
    assert list(SupplierNumberAtCustomer.objects.values_list("idx", "company")) == [(1, "C")]
    updated = Event.objects.get(type="customer.updated")
    assert updated.changed == " territory "


def test_deletes_one_and_many_through_the_services(staff: Client) -> None:
    ids = [add(staff, customer_name=f"c{i}").pk for i in range(3)]
    staff.post(reverse("admin:crm_customer_delete", args=[ids[0]]), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": ids[1:], "post": "yes"}
    staff.post(reverse("admin:crm_customer_changelist"), chosen)
    assert not Customer.objects.exists()
    assert Event.objects.filter(type="customer.deleted").count() == 3


@pytest.mark.slow
def test_shows_lists_and_forms(staff: Client) -> None:
    customer = add(staff, {"company": "A"}, customer_name="<b>Bold</b>")
    listed = staff.get(reverse("admin:crm_customer_changelist"))
    assert b"&lt;b&gt;Bold" in listed.content
    assert staff.get(reverse("admin:crm_customer_change", args=[customer.pk])).status_code == 200
    assert staff.get(reverse("admin:crm_customer_add")).status_code == 200


def test_a_key_is_shown_once_and_works_until_it_is_revoked(staff: Client) -> None:
    created = staff.post(reverse("admin:overplane_api_apikey_add"), {"name": "shop", "read_only": "on"})
    key = re.search(r"<code>(rk_test_\w+)</code>", created.content.decode())[1]
    record = ApiKey.objects.get()
    assert key[-4:] == record.last_four
    assert key not in str(list(ApiKey.objects.values_list()))
    caller = Api(key)
    assert caller.get(CUSTOMER).status_code == 200
    assert key.encode() not in staff.get(reverse("admin:overplane_api_apikey_changelist")).content
    rolled = staff.post(reverse("admin:overplane_api_apikey_roll", args=[record.pk]), {"hours": "1"})
    successor = re.search(r"<code>(rk_test_\w+)</code>", rolled.content.decode())[1]
    assert caller.get(CUSTOMER).status_code == Api(successor).get(CUSTOMER).status_code == 200
    url = reverse("admin:overplane_api_apikey_changelist")
    staff.post(url, {"action": "revoke", "_selected_action": [record.pk]})
    keys.forget()  # as time does, within 5 seconds
    assert caller.get(CUSTOMER).status_code == 401
    assert Api(successor).get(CUSTOMER).status_code == 200
