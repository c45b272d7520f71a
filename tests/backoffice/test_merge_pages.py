"""The pages of duplicates and of merging."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from crm import merging, services
from crm.backoffice.pages.merge import compare_url
from crm.models import Customer
from overplane.events.models import Event
from overplane.jobs.models import Job
from tests.backoffice.merge_form import form
from tests.backoffice.people import member
from tests.domain.customers import ORIGIN, make, rows_of


@pytest.mark.django_db(transaction=True)
def test_searches_by_a_job_and_lists_what_is_left() -> None:
    client, url = member("Manager"), reverse("duplicates")
    a, b = make("Nordlicht GmbH"), make("Nordlicht")
    assert "There was no search yet" in client.get(url).content.decode()
    assert client.post(url).status_code == client.post(url).status_code == 302
    assert Job.objects.count() == 1
    assert "under way" in client.get(url).content.decode()
    call_command("run_worker", until_idle=True)
    listed = client.get(url).content.decode()
    assert "same name" in listed
    assert compare_url([a, b]).replace("&", "&amp;") in listed
    services.delete_customers([a], origin=ORIGIN)
    assert "No duplicates are left" in client.get(url).content.decode()


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


@pytest.mark.django_db(transaction=True)
def test_nothing_is_merged_without_choice_confirmation_and_permission() -> None:
    a, b = make("Alpha"), make("Beta")
    sent = form(a, b)
    manager = member("Manager")
    wrong: list[dict[str, Any]] = [
        sent | {"sure": ""},
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
        assert client.get(reverse("duplicates")).status_code == 200
    assert Client().get(compare_url([a, b])).status_code == 302
    assert Customer.objects.count() == 2


@pytest.mark.django_db
def test_chooses_the_first_value_there_is_of_its_own() -> None:
    client = member("Manager")
    a, b = make("Alpha"), make("Beta", territory="South")
    output = client.get(compare_url([a, b])).content.decode()
    assert f'name="field-customer_name" value="{a}" checked' in output
    assert f'name="field-territory" value="{b}" checked' in output
