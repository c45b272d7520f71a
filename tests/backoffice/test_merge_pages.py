"""The pages of duplicates and of merging."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm import line_item_services, merged, merging, services
from crm.backoffice.pages.merge import compare_url
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer, MergedCustomer, SupplierNumberAtCustomer
from overplane.events.models import Event
from overplane.jobs import kinds
from overplane.jobs.models import Job
from tests.backoffice.merge_form import form
from tests.backoffice.people import member
from tests.domain.customers import ORIGIN, make, rows_of


@pytest.mark.django_db
def test_compares_side_by_side_and_merges_what_was_chosen() -> None:
    client = member("Manager")
    a, b, c = make("Alpha", 2, territory="North"), make("Beta", 1, tax_id="T-1"), make("Gamma", 1)
    output = client.get(compare_url([a, b, c])).content.decode()
    assert all(text in output for text in ("Alpha", "Beta", "Gamma", "North", "T-1", "Beta 1"))
    answer = client.post(reverse("merge"), form(b, a, c, customer_name=c, tax_id=b, territory=a))
    assert answer["Location"] == reverse("admin:crm_customer_change", args=[b])
    left = Customer.objects.get()
    assert (left.pk, left.customer_name, left.tax_id, left.territory) == (b, "Gamma", "T-1", "North")
    assert rows_of(b) == [(1, "Beta 1"), (2, "Alpha 1"), (3, "Alpha 2"), (4, "Gamma 1")]
    assert set(Event.objects.exclude(actor="user:anna").values_list("type")) == set()


@pytest.mark.django_db(transaction=True)
def test_a_change_in_the_meantime_stops_the_merge_and_shows_the_values_of_now() -> None:
    client = member("Manager")
    a, b = make("Alpha"), make("Beta")
    sent = form(a, b)
    services.update_customer(b, {"territory": "Brand new"}, origin=ORIGIN)
    output = client.post(reverse("merge"), sent).content.decode()
    assert "changed in the meantime" in output
    assert "Brand new" in output
    assert Customer.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_a_merge_would_lose_is_told_and_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a deployment with a table of customers that nobody has registered: here supplier numbers are that table."""
    monkeypatch.setattr(merging, "LINE_ITEMS", ())
    client = member("Manager")
    a, b, c = make("Alpha", 1), make("Beta", 1), make("Gamma")
    events = Event.objects.count()
    page = client.post(reverse("merge"), form(a, c, b, customer_name=b))
    assert page.status_code == 200
    assert "These customers have supplier numbers at customer, which a merge cannot keep yet." in page.content.decode()
    assert (rows_of(a), rows_of(b)) == ([(1, "Alpha 1")], [(1, "Beta 1")])
    assert (Customer.objects.count(), Event.objects.count()) == (3, events)
    # Those who have none of it can still be merged; what the one that is kept has, it keeps.
    assert client.post(reverse("merge"), form(a, c)).status_code == 302
    assert rows_of(a) == [(1, "Alpha 1")]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_nothing_is_merged_without_choice_and_permission() -> None:
    a, b = make("Alpha"), make("Beta")
    sent = form(a, b)
    manager = member("Manager")
    wrong: list[dict[str, Any]] = [
        sent | {"kept": ""},
        sent | {"kept": "customer_other"},
        sent | {"id": [a]},
        sent | {"id": [a, a]},
        sent | {"id": [a, "customer_gone"]},
        sent | {"id": [a, b, "x", "y", "z"]},
        sent | {f"version-{a}": "nonsense"},
        sent | {"field-territory": "customer_other"},
    ]
    for one in wrong:
        assert manager.post(reverse("merge"), one).status_code in (200, 302), one
    for role in ("Viewer", "Editor"):
        client = member(role, role.lower())
        assert client.post(reverse("merge"), sent).status_code == 403
        assert client.get(compare_url([a, b])).status_code == 403
    assert Client().get(compare_url([a, b])).status_code == 302
    assert Customer.objects.count() == 2


@pytest.mark.django_db
def test_chooses_the_first_value_there_is_of_its_own() -> None:
    client = member("Manager")
    a, b = make("Alpha"), make("Beta", territory="South")
    output = client.get(compare_url([a, b])).content.decode()
    assert f'name="field-customer_name" value="{a}" checked' in output
    assert f'name="field-territory" value="{b}" checked' in output


def toast(client: Client, url: str) -> str:
    return " ".join(str(message) for message in client.get(url).context["messages"])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_merge_is_taken_back_by_the_button_of_its_message() -> None:
    client = member("Manager")
    a, b, c = make("Alpha", 1), make("Beta", 2), make("Gamma")
    page = client.post(reverse("merge"), form(a, b, c, customer_name=b))["Location"]
    output = client.get(page).content.decode()
    assert "3 customers merged." in output
    token = re.search(r'data-undo="([^"]+)"', output)
    assert token
    client.post(reverse("admin:crm_customer_undo"), {"token": token[1]})
    assert "Undone: 3 customers are as they were." in toast(client, page)
    assert [rows_of(i) for i in (a, b, c)] == [[(1, "Alpha 1")], [(1, "Beta 1"), (2, "Beta 2")], []]
    assert Customer.objects.get(pk=a).customer_name == "Alpha"
    # Once more: there is nothing left to take back.
    client.post(reverse("admin:crm_customer_undo"), {"token": token[1]})
    assert Customer.objects.count() == 3


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_button_says_what_was_changed_since() -> None:
    client = member("Manager")
    a, b = make("Alpha"), make("Beta", territory="South")
    page = client.post(reverse("merge"), form(a, b, territory=b))["Location"]
    token = re.search(r'data-undo="([^"]+)"', client.get(page).content.decode())
    assert token
    services.update_customer(a, {"territory": "West"}, origin=ORIGIN)
    client.post(reverse("admin:crm_customer_undo"), {"token": token[1]})
    message = toast(client, page)
    assert "Undone: 1 customer is as it was." in message
    assert "1 customer was changed once more since; that stays" in message
    assert (Customer.objects.get(pk=a).territory, Customer.objects.get(pk=b).territory) == ("West", "South")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_survivors_page_shows_what_is_part_of_it_and_gives_it_back() -> None:
    client = member("Manager")
    a, b, c = make("Alpha"), make("Beta", 1, territory="South"), make("Gamma")
    client.post(reverse("merge"), form(a, b, c, territory=b))
    page = reverse("admin:crm_customer_change", args=[a])
    row = SupplierNumberAtCustomer.objects.get()
    line_item_services.update_line_item(SUPPLIER_NUMBERS, row.pk, {"company": "x"}, origin=ORIGIN)
    services.update_customer(a, {"territory": "West"}, origin=ORIGIN)
    answer = client.get(page)
    assert [(one.name, one.who, one.stays) for one in answer.context["merged"]] == [
        ("Gamma", "anna (back office)", ["Territory"]),
        ("Beta", "anna (back office)", ["Territory", "Supplier numbers"]),
    ]
    output = answer.content.decode()
    assert "Changed since, and stays as it is: Territory, Supplier numbers" in output
    assert 'aria-label="Take back Beta"' in output
    address = reverse("admin:crm_customer_unmerge", args=[a])
    assert member("Editor", "editor").post(address, {"restore": b}).status_code == 403
    assert "Take back" not in member("Viewer", "viewer").get(page).content.decode()
    assert client.get(address).status_code == 405
    assert client.post(address, {"restore": b})["Location"] == page
    message = toast(client, page)
    assert "1 customer is back." in message
    assert "Changed since the merge, and left as it is: Territory, Supplier numbers." in message
    assert Customer.objects.get(pk=b).territory == "South"
    client.post(address, {"restore": b})
    assert "is not merged into" in toast(client, page)
    MergedCustomer.objects.update(merged_at=timezone.now() - timedelta(days=31))
    assert "Take back" not in client.get(page).content.decode()
    client.post(address, {"restore": c})
    assert "can no longer be taken back" in toast(client, page)
    merged.purge()
    assert [one.name for one in client.get(page).context["merged"]] == [c]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_old_addresses_lead_to_the_survivor() -> None:
    client = member("Manager")
    a, b = make("Alpha"), make("Beta")
    client.post(reverse("merge"), form(a, b))
    page = reverse("admin:crm_customer_change", args=[a])
    client.get(page)
    for name in ("change", "history", "delete"):
        assert client.get(reverse(f"admin:crm_customer_{name}", args=[b]))["Location"] == page
        assert "That customer was merged into this one." in toast(client, page)
    assert client.post(reverse("admin:crm_customer_unmerge", args=[b]), {"restore": a})["Location"] == page
    typed = client.post(reverse("admin:crm_customer_change", args=[b]), {"customer_name": "typed before"})
    output = typed.content.decode()
    assert f'was merged into another one. <a href="{page}">Open that one</a>' in output
    assert "typed before" in output
    assert client.get(reverse("admin:crm_customer_history", args=["customer_gone"])).status_code == 404
    history = client.get(reverse("admin:crm_customer_history", args=[a])).content.decode()
    assert "Merged into another" not in history
    client.post(reverse("admin:crm_customer_unmerge", args=[a]), {"restore": b})
    history = client.get(reverse("admin:crm_customer_history", args=[b])).content.decode()
    assert "Merged into another" in history
    assert "Taken back from a merge" in history


@pytest.mark.django_db
def test_who_deletes_a_survivor_is_told_what_goes_with_it() -> None:
    client = member("Manager")
    a, b, c = make("Alpha"), make("Beta"), make("Gamma")
    merging.merge_customers(a, [b, c], origin=ORIGIN)
    address = reverse("admin:crm_customer_delete", args=[a])
    assert "2 merged customers" in client.get(address).content.decode()
    assert client.post(address, {"post": "yes"}).status_code == 302
    assert (Customer.objects.count(), MergedCustomer.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_the_worker_erases_old_merges() -> None:
    a, b = make("Alpha"), make("Beta")
    merging.merge_customers(a, [b], origin=ORIGIN)
    MergedCustomer.objects.update(merged_at=timezone.now() - timedelta(days=31))
    housekeeping = kinds.known["overplane.housekeeping"]
    assert housekeeping.every == timedelta(days=1)
    result = housekeeping.handler(kinds.Run(Job()))
    assert result
    assert result["deleted"]["merged customers past MERGE_UNDO_DAYS"] == 1
    assert MergedCustomer.objects.get().contents is None
