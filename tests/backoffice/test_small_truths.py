"""What pages say, beside what they do: rates, states, what is deleted and what a bulk change replaces."""

import re
from pathlib import Path

import django
import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse
from django.utils import translation

from crm import services
from crm.backoffice import dashboard
from crm.backoffice.pages.merge import compare_url
from crm.models import Customer
from overplane.api import keys
from overplane.events.models import Event
from overplane.jobs import queue
from tests.backoffice.people import User, member
from tests.domain.customers import ORIGIN, make
from tests.filled_forms import filled

LIST = "/admin/crm/customer/"
RATE = "2,5\N{NO-BREAK SPACE}%"


@pytest.fixture
def german(db: None) -> Client:
    client = member("Manager")
    client.cookies["django_language"] = "de"
    return client


def text(client: Client, address: str) -> str:
    return client.get(address).content.decode()


@pytest.mark.slow
def test_a_rate_is_written_as_the_language_writes_it(german: Client) -> None:
    customer = make("Nordlicht", default_commission_rate=1)
    twin = make("Nordlicht", default_commission_rate=3)
    services.update_customer(customer, {"default_commission_rate": 2.5}, origin=ORIGIN)
    german.post(reverse("admin:crm_customer_columns"), {"column": ["default_commission_rate"]})
    event = Event.objects.get(type="customer.updated")
    pages = [
        LIST,
        reverse("admin:crm_customer_change", args=[customer]),
        reverse("admin:crm_customer_history", args=[customer]),
        reverse("admin:overplane_events_event_change", args=[event.pk]),
        compare_url([customer, twin]),
    ]
    assert [page for page in pages if RATE not in text(german, page)] == []


@pytest.mark.slow
def test_a_rate_in_conflict_is_written_so_too(german: Client) -> None:
    customer = make("Nordlicht", default_commission_rate=1)
    address = reverse("admin:crm_customer_change", args=[customer])
    sent = filled(german.get(address)) | {"default_commission_rate": "4"}
    services.update_customer(customer, {"default_commission_rate": 2.5}, origin=ORIGIN)
    assert RATE in german.post(address, sent).content.decode()


@pytest.mark.django_db
def test_states_are_words_and_never_a_red_cross() -> None:
    client = member("Administrator")
    keys.mint("sync", read_only=False)
    User.objects.create_user("gone", is_active=False)
    own = User.objects.get(username="anna")
    pages = {
        "/admin/auth/user/": ["active", "disabled"],
        "/admin/overplane_api/apikey/": ["read and write"],
        reverse("admin:auth_user_change", args=[own.pk]): ["Superuser"],
        "/admin/auth/group/": [],
    }
    for address, words in pages.items():
        page = text(client, address)
        assert not re.search(r"icon-(yes|no|unknown)\.svg", page), address
        assert all(word in page for word in words), address


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "is_offered"), [("Editor", False), ("Manager", True)])
def test_a_merge_is_offered_to_those_who_may(role: str, is_offered: bool) -> None:
    client = member(role)
    ids = [make("A"), make("B")]
    assert ('value="merge_selected"' in text(client, LIST)) is is_offered
    answer = client.post(LIST, {"action": "merge_selected", "_selected_action": ids}, follow=True)
    assert answer.status_code == 200
    assert ("Merge customers" in answer.content.decode()) is is_offered


@pytest.mark.django_db
def test_the_page_to_delete_one_says_what_the_page_to_delete_many_says() -> None:
    client = member("Manager")
    customer = make("Nordlicht", 3)
    address = reverse("admin:crm_customer_delete", args=[customer])
    page = text(client, address)
    assert "1 customer</strong>, 3 supplier numbers" in page
    assert "It cannot be undone." in page
    assert f'href="{reverse("admin:crm_customer_change", args=[customer])}">No, go back' in page
    assert client.post(address, {"post": "yes"}).status_code == 302
    assert not Customer.objects.exists()


@pytest.mark.django_db
def test_a_bulk_change_shows_what_it_replaces() -> None:
    client = member("Manager")
    ids = [make(f"C{i}", territory=("North", "North", "South", None)[i]) for i in range(4)]
    sent = {"action": "set_territory", "_selected_action": ids}
    page = client.post(LIST, sent)
    assert page.context["old_values"][0] == ("North", 2)
    assert set(page.context["old_values"][1:]) == {("South", 1), (None, 1)}  # databases sort nothing first or last
    assert "What they have now" in page.content.decode()


@pytest.mark.django_db
def test_an_empty_box_asks_before_it_clears_all() -> None:
    client = member("Manager")
    ids = [make(f"C{i}", territory="North") for i in range(2)]
    sent = {"action": "set_territory", "_selected_action": ids, "value": " "}
    page = client.post(LIST, sent).content.decode()
    assert "The box is empty: territory of 2 customers would be taken away." in page
    assert Customer.objects.filter(territory="North").count() == 2
    assert client.post(LIST, sent | {"clear": "1"}).status_code == 302
    assert Customer.objects.filter(territory=None).count() == 2


@pytest.mark.django_db
def test_changes_lead_to_their_customer() -> None:
    client = member("Viewer")
    customer = make("Nordlicht")
    link = f'<a href="{reverse("admin:crm_customer_change", args=[quote(customer)])}">'
    event = Event.objects.get()
    for address in ("changelist", "change"):
        args = [event.pk] if address == "change" else []
        assert link in text(client, reverse(f"admin:overplane_events_event_{address}", args=args))


def test_the_title_of_an_event_names_its_customer(german: Client) -> None:
    customer = make("Nordlicht")
    event = Event.objects.get(subject=customer)
    page = text(german, reverse("admin:overplane_events_event_change", args=[event.pk]))
    assert "<title>Nordlicht | Angelegt | Overplane CRM</title>" in page


@pytest.mark.slow
def test_a_closed_choice_is_called_alike_wherever_it_stands(german: Client) -> None:
    customer = make("Nordlicht", customer_type="Individual")
    services.update_customer(customer, {"customer_type": "Partnership"}, origin=ORIGIN)
    queue.enqueue(dashboard.KIND, {}, "system:worker")
    queue.finish(queue.claim("worker"), dashboard.count_customers(), 0, None)
    event = Event.objects.get(type="customer.updated")
    german.post(reverse("admin:crm_customer_columns"), {"column": ["customer_type"]})
    words = {
        LIST: ["Personengesellschaft"],
        reverse("admin:crm_customer_change", args=[customer]): ["Personengesellschaft", "Einzelperson"],
        reverse("admin:crm_customer_history", args=[customer]): ["Personengesellschaft", "Einzelperson"],
        reverse("admin:overplane_events_event_change", args=[event.pk]): ["Personengesellschaft", "Einzelperson"],
        reverse("admin:index"): ["Personengesellschaft"],
    }
    assert [(page, word) for page in words for word in words[page] if f">{word}<" not in text(german, page)] == []
    cell = german.post(f"{LIST}{customer}/cell/", {"field": "customer_type", "value": "Company", "was": "Partnership"})
    assert (cell.json()["shown"], cell.json()["raw"]) == ("Firma", "Company")


@pytest.mark.slow
@pytest.mark.parametrize("written", ["2,5", "2,5 %", RATE, "2.5", "2.50 %"])
def test_a_number_is_read_as_the_language_writes_it(german: Client, written: str) -> None:
    customer = make("Nordlicht", default_commission_rate=7.25)
    address = reverse("admin:crm_customer_change", args=[customer])
    form = filled(german.get(address))
    assert form["default_commission_rate"] == form["initial-default_commission_rate"] == "7,25"
    german.post(address, form | {"territory": "South"})
    assert Event.objects.latest("seq").changed.split() == ["territory"]  # what was shown is what was there
    german.post(address, filled(german.get(address)) | {"default_commission_rate": written})
    assert Customer.objects.get(pk=customer).default_commission_rate == 2.5
    cell = {"field": "default_commission_rate", "value": "0,75 %", "was": "2,5"}
    answer = german.post(f"{LIST}{customer}/cell/", cell).json()
    assert (answer["shown"], answer["raw"]) == ("0,75\N{NO-BREAK SPACE}%", "0,75")
    assert "refused" in german.post(f"{LIST}{customer}/cell/", cell | {"value": "1"}).json()  # a conflict is still seen


def test_a_number_that_may_mean_two_things_is_refused(german: Client) -> None:
    customer = make("Nordlicht")
    sent = {"field": "default_commission_rate", "was": ""}
    answers = [german.post(f"{LIST}{customer}/cell/", sent | {"value": one}).json() for one in ("1.234,5", "viel")]
    assert [one["message"] for one in answers] == ["Muss eine Zahl sein, geschrieben wie 12,5."] * 2
    english = {"accept-language": "en"}
    german.cookies["django_language"] = "en"
    assert "refused" in german.post(f"{LIST}{customer}/cell/", sent | {"value": "1,5"}, headers=english).json()


def test_django_s_own_texts_of_people_are_german_too() -> None:
    """Those that Django's German lacks are in ours. The mail for a forgotten password is not sent by us."""
    lacking = set()
    for app in ("admin", "auth"):
        catalogue = Path(django.__file__).parent / f"contrib/{app}/locale/de/LC_MESSAGES/django.po"
        for block in catalogue.read_text().split("\n\n"):
            if block.endswith('msgstr ""') and not block.startswith("#~"):
                lacking.add("".join(re.findall(r'"(.*)"', block)))
    with translation.override("de"):
        assert {one for one in lacking if translation.gettext(one) == one} == {"In case you’ve forgotten, you are:"}


@pytest.mark.parametrize("model", ["auth_user", "auth_group", "axes_accessattempt", "overplane_api_apikey"])
@pytest.mark.parametrize("chosen", ["x", "\0", "9" * 30])
def test_a_selection_of_what_cannot_be_is_no_fault(db: None, model: str, chosen: str) -> None:
    client = member("Administrator")
    sent = {"action": "delete_selected", "_selected_action": [chosen]}
    assert client.post(reverse(f"admin:{model}_changelist"), sent).status_code in (200, 302)
