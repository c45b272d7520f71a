"""The list of customers and what is done from it: narrowing, keeping, changing many."""

import csv
from io import StringIO

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from crm import line_item_services, services
from crm.backoffice.admin import bulk
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer
from overplane.api import keys
from overplane.backoffice.models import SavedView
from overplane.events.models import Event
from overplane.jobs.models import Job, State
from overplane.origin import Origin
from tests.backoffice.people import member
from tests.domain.customers import ORIGIN, make

LIST = "/admin/crm/customer/"
EVENTS = "/admin/overplane_events/event/"


def names(page: HttpResponse) -> list[str]:
    return [row.customer_name for row in page.context["cl"].result_list]


def chosen(action: str, *ids: str, **more: str) -> dict[str, object]:
    return {"action": action, "_selected_action": list(ids), "select_across": "0"} | more


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Gamma", "Beta", "Alpha"]),
        ("q=alp", ["Alpha"]),
        ("q=NORTH", []),
        ("territory=North", ["Beta", "Alpha"]),
        ("territory=north", ["Beta", "Alpha"]),
        ("status=disabled", ["Gamma"]),
        ("status=active&customer_type=Individual", ["Beta"]),
        ("created_from=2000-01-01&created_to=2999-12-31", ["Gamma", "Beta", "Alpha"]),
        ("created_to=2000-01-01", []),
        ("updated_to=9999-12-31", ["Gamma", "Beta", "Alpha"]),
        ("o=nothing", ["Gamma", "Beta", "Alpha"]),
        ("o=customer_name", ["Alpha", "Beta", "Gamma"]),
        ("o=-customer_name", ["Gamma", "Beta", "Alpha"]),
        ("password=1&customer_name__regex=x", []),
    ],
)
def test_narrows_and_orders(query: str, expected: list[str]) -> None:
    make("Alpha", territory="North")
    make("Beta", territory="North", customer_type="Individual")
    make("Gamma", territory="South", disabled=True)
    page = member("Viewer").get(f"{LIST}?{query}")
    assert names(page) == expected
    assert page.context["cl"].count_text == str(len(expected))


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        "status=nonsense",
        "created_from=yesterday",
        "after=x",
        "after=~",
        "before=%00~x",
        f"territory={'x' * 301}",
        "q=%00",
    ],
)
def test_a_nonsensical_address_is_no_error(query: str) -> None:
    client = member("Viewer")
    make()
    assert client.get(f"{LIST}?{query}", follow=True).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example/", "/admin/logout/", "javascript:alert(1)", ""]
)
def test_keeping_columns_leads_back_to_the_list_and_nowhere_else(back: str) -> None:
    answer = member("Viewer").post(f"{LIST}columns/", {"column": ["industry", "search_text"], "back": back})
    assert answer["Location"] == LIST
    assert SavedView.objects.get().columns == ["industry"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("disable", {"disabled": True}),
        ("enable", {"disabled": False}),
        ("freeze", {"is_frozen": True}),
        ("unfreeze", {"is_frozen": False}),
        ("set_customer_group", {"customer_group": "Retail"}),
        ("set_territory", {"territory": "Retail"}),
        ("set_account_manager", {"account_manager": "Retail"}),
    ],
)
def test_changes_the_chosen_ones_with_an_event_each(action: str, values: dict[str, object]) -> None:
    client = member("Editor")
    opposite = {name: not value if isinstance(value, bool) else None for name, value in values.items()}
    a, b, c = (make(name, **opposite) for name in ("A", "B", "C"))
    client.post(LIST, chosen(action, a, b, value=" Retail "))
    assert Customer.objects.filter(**values).count() == 2
    assert set(Event.objects.filter(type="customer.updated").values_list("subject", "actor")) == {
        (a, "user:anna"),
        (b, "user:anna"),
    }
    assert not Customer.objects.filter(pk=c, **values).exists()


@pytest.mark.django_db
def test_a_value_that_the_rules_refuse_is_told_and_nothing_is_written() -> None:
    client = member("Editor")
    a = make("A")
    answer = client.post(LIST, chosen("set_territory", a, value="x" * 256))
    assert answer.status_code == 200
    assert "errornote" in answer.content.decode()
    assert Customer.objects.get().territory is None


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", ["disable", "delete_selected"])
def test_many_are_shown_first_and_then_changed_by_a_job(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_INLINE", 3)
    client = member("Manager")
    for i in range(5):
        make(f"North {i}", 1, territory="North")
    make("South", territory="South")
    across = chosen(action, Customer.objects.first().pk) | {"select_across": "1"}
    confirmation = client.post(f"{LIST}?territory=North", across)
    assert confirmation.context["count"] == 5
    assert "North 4" in confirmation.content.decode()
    assert not Job.objects.exists()
    client.post(f"{LIST}?territory=North", across | {"post": "yes"})
    assert Job.objects.get().state == State.QUEUED
    assert Customer.objects.filter(disabled=False).count() == 6
    late = make("North, but later", territory="North")
    call_command("run_worker", until_idle=True)
    job = Job.objects.get(kind=bulk.KIND)
    assert (job.state, job.result, job.done) == (State.DONE, {"customers": 5}, 5)
    left = Customer.objects.filter(disabled=False) if action == "disable" else Customer.objects
    assert set(left.values_list("customer_name", flat=True)) == {"South", "North, but later"}
    assert late in set(left.values_list("pk", flat=True))


@pytest.mark.django_db
def test_exports_the_chosen_ones_harmless_to_a_spreadsheet() -> None:
    client = member("Manager")
    a, _b = make("=1+1", mobile_no="+49 170 1", territory="'s-Hertogenbosch"), make("B")
    answer = client.post(LIST, chosen("export_selected", a))
    lines = list(csv.DictReader(StringIO(b"".join(answer).decode("utf-8-sig"))))
    output = [(line["id"], line["customer_name"], line["mobile_no"], line["territory"]) for line in lines]
    assert output == [(a, "'=1+1", "'+49 170 1", "''s-Hertogenbosch")]


@pytest.mark.slow
@pytest.mark.django_db
def test_all_changes_are_found_by_person_key_field_kind_and_time() -> None:
    client = member("Viewer")
    key, _secret = keys.mint("shop")
    a = make("Acme", 1)
    services.update_customer(a, {"territory": "North"}, origin=Origin(f"api_key:{key.pk}"))
    services.update_customer(a, {"industry": "Glass"}, origin=ORIGIN)

    def count(query: str) -> int:
        page = client.get(f"{EVENTS}?{query}")
        assert page.status_code == 200
        return len(page.context["cl"].result_list)

    assert count("") == 4
    assert count("actor=shop") == count("field=territory") == count("door=api") == 1
    assert count("actor=anna") == count("door=staff") == 3
    assert count("actor=anna&field=industry&type=customer.updated") == 1
    assert count("type=supplier_number_at_customer.created") == 1
    assert count("created_to=2000-01-01") == count("actor=nobody") == 0
    assert count(f"q={a}") == count(f"subject={a}") == 4
    page = client.get(EVENTS).content.decode()
    assert "Acme" in page
    assert "shop (API)" in page


@pytest.mark.django_db
def test_an_old_value_is_put_back_by_a_new_change_for_rows_too() -> None:
    client = member("Editor")
    a = make("Acme", 1, default_commission_rate=2, disabled=True)
    services.update_customer(a, {"default_commission_rate": None, "disabled": False}, origin=ORIGIN)
    row = Customer.objects.get().supplier_numbers.get()
    line_item_services.update_line_item(SUPPLIER_NUMBERS, row.pk, {"supplier_number": "other"}, origin=ORIGIN)
    of_row, of_customer = Event.objects.filter(type__endswith=".updated").order_by("-seq")
    url = f"{LIST}{a}/restore/"
    for event, field in (
        (of_customer, "default_commission_rate"),
        (of_customer, "disabled"),
        (of_row, "supplier_number"),
    ):
        assert client.post(url, {"event": event.pk, "field": field}).status_code == 302
    left = Customer.objects.get()
    assert (left.default_commission_rate, left.disabled) == (2, True)
    row.refresh_from_db()
    assert row.supplier_number == "Acme 1"
    assert Event.objects.filter(type__endswith=".updated").count() == 5
    for wrong in ({"event": of_customer.pk, "field": "customer_name"}, {"event": 0, "field": "x"}, {"event": "x"}):
        assert client.post(url, wrong).status_code == 404
    other = make("Other")
    assert client.post(f"{LIST}{other}/restore/", {"event": of_customer.pk, "field": "disabled"}).status_code == 404


@pytest.mark.django_db
def test_suggestions_begin_with_what_was_typed_and_fold_case_and_accents() -> None:
    client: Client = member("Viewer")
    for territory in ("Österreich", "Ost", "Rostock", "West"):
        make("A", territory=territory, industry=territory)
    for field in ("territory", "industry"):  # with an index to walk along, and without
        values = client.get(f"{LIST}values/{field}/", {"q": "os"}).json()["values"]
        assert values == ["Ost", "Österreich", "Rostock"]
        assert client.get(f"{LIST}values/{field}/", {"q": "ÖST"}).json()["values"] == values
        assert client.get(f"{LIST}values/{field}/", {"q": "\0"}).status_code == 200
    assert client.get(f"{LIST}values/customer_details/").status_code == 404


HEAVIEST = 80 * 1024


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        "",
        "q=rheinisch",
        "customer_name.contains=rheinische&email_id.contains=einkauf&industry.empty=1&created_at.from=2020-01-01&o=-customer_name",
    ],
    ids=["plain", "searched", "filtered by much"],
)
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_page_of_fifty_weighs_at_most_80_kib(query: str, language: str) -> None:
    for i in range(51):
        make(
            f"Rheinischer Bau {i} GmbH & Co. KG",
            customer_type="Company",
            customer_group="Commercial, key accounts",
            territory="Nordrhein-Westfalen",
            tax_id=f"DE 123 456 {i:03}",
            email_id=f"einkauf.{i}@rheinbau.example",
            mobile_no=f"+49 211 4711-{i:03}",
            default_currency="EUR",
        )
    page = member("Manager").get(f"{LIST}?{query}", headers={"accept-language": language})
    assert page.content.count(b"/change/") == 50
    assert len(page.content) <= HEAVIEST
