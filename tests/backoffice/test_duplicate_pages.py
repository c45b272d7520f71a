"""The pages of likely duplicates: the list, what people say of a pair, several groups merged at once, what is proposed."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from crm import services
from crm.backoffice import duplicate_words, survivorship
from crm.backoffice.pages.merge import compare_url
from crm.duplicates import finding
from crm.models import Customer, DuplicatePair, MergedCustomer
from overplane.jobs.models import Job
from tests.backoffice.people import member
from tests.domain.customers import ORIGIN, make

ONE = {"tax_id": "DE123456789", "primary_address": "Hauptstr. 12, 10115 Berlin", "mobile_no": "030 1234567"}
LIST, CONFIRM = "duplicates", "confirm_duplicates"


def text_of(client: Client, query: str = "") -> str:
    return client.get(reverse(LIST) + query).content.decode()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_searches_by_a_job_and_lists_with_reasons_in_words() -> None:
    client = member("Manager")
    a, b = make("Nordlicht GmbH", **ONE), make("Nordlicht", **ONE | {"primary_address": "Gartenweg 3, 80331 München"})
    assert "There was no search yet" in text_of(client)
    for _ in range(2):
        assert client.post(reverse(LIST)).status_code == 302
    assert Job.objects.count() == 1
    assert "under way" in text_of(client)
    call_command("run_worker", until_idle=True)
    listed = text_of(client)
    assert "same tax ID, very strong" in listed
    assert "primary address differs, against" in listed
    assert compare_url([a, b]).replace("&", "&amp;") in listed
    assert '<span class="quiet count">1</span>' in listed  # in the menu
    services.delete_customers([a], origin=ORIGIN)
    assert "There are no such pairs" in text_of(client)


@pytest.mark.slow
@pytest.mark.django_db
def test_filters_and_remembers_what_is_no_duplicate() -> None:
    client = member("Manager")
    make("Nordlicht", **ONE), make("Nordlicht", **ONE)
    finding.find_all()
    pair = DuplicatePair.objects.get()
    judge = reverse("judge_duplicate", args=[pair.pk])
    assert judge in text_of(client, "?level=nearly_certain")
    assert judge not in text_of(client, "?level=likely")
    assert (
        client.post(judge, {"state": "dismissed", "query": "state=open"})["Location"] == f"{reverse(LIST)}?state=open"
    )
    assert judge not in text_of(client)
    assert "Open again" in text_of(client, "?state=dismissed")
    client.post(judge, {"state": "open"})
    assert judge in text_of(client)
    viewer = member("Viewer", "viewer")
    assert judge not in text_of(viewer)
    assert viewer.post(judge).status_code == 403
    assert client.post(reverse("judge_duplicate", args=["pair_gone"])).status_code == 302


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_several_groups_are_merged_each_by_itself_unless_one_was_changed() -> None:
    client = member("Manager")
    a, b = make("Nordlicht", **ONE), make("Nordlicht", **ONE)
    other = {"tax_id": "DE987654321", "primary_address": "Ring 5, 20095 Hamburg", "mobile_no": "040 7654321"}
    c, d = make("Suedwind", **other), make("Suedwind", **other)
    finding.find_all()
    groups = client.get(reverse(CONFIRM)).context["groups"]
    assert sorted([one.pk for one in group.customers] for group in groups) == sorted([[a, b], [c, d]])
    sent = [group.ids for group in groups]
    services.update_customer(d, {"territory": "North"}, origin=ORIGIN)
    assert client.post(reverse(CONFIRM), {"group": sent}).status_code == 302
    assert set(Customer.objects.values_list("pk", flat=True)) == {a, c, d}
    assert MergedCustomer.objects.get().customer_id == a
    output = client.get(reverse(CONFIRM)).content.decode()
    assert "1 group merged" in output
    assert "1 group was changed meanwhile" in output
    assert member("Editor", "editor").get(reverse(CONFIRM)).status_code == 403


@pytest.mark.django_db
def test_the_merge_page_proposes_the_fuller_value_or_the_newer_one_and_says_why() -> None:
    a = make("Nordlicht", territory="North", primary_address="Ring 5")
    b = make("Nordlicht GmbH", territory="South", primary_address="Ring 5 20095 Hamburg", email_id="a@b.example")
    services.update_customer(a, {"territory": "West"}, origin=ORIGIN)
    Customer.objects.filter(pk=b).update(created_at=Customer.objects.get(pk=a).created_at - timedelta(days=3))
    customers = list(Customer.objects.filter(pk__in=[a, b]))
    proposed = survivorship.proposals(customers, a)
    assert (proposed["customer_name"].customer_id, proposed["customer_name"].why) == (b, "the most complete")
    assert proposed["primary_address"].customer_id == b
    assert (proposed["email_id"].customer_id, proposed["email_id"].why) == (b, "the only value")
    assert proposed["territory"].customer_id == a
    assert proposed["territory"].why.startswith("changed last, ")
    page = member("Manager").get(compare_url([a, b])).content.decode()
    assert "the most complete" in page
    assert f'name="field-customer_name" value="{b}" checked' in page


def test_reasons_in_words() -> None:
    reasons = [
        {"attribute": "tax_id", "agreement": "same", "weight": 9.1},
        {"attribute": "primary_address", "agreement": "different", "weight": -3.0},
        {"attribute": "customer_name", "agreement": "alike", "weight": 5.0},
    ]
    said = "same tax ID, very strong; primary address differs, against; similar customer name, strong"
    assert duplicate_words.sentence(reasons) == said
    assert duplicate_words.in_short(reasons) == "same tax ID, similar customer name"
