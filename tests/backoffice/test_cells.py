"""Editing one cell of the list, sorting it, and taking changes back."""

from typing import Any

import pytest
from django.core.signing import TimestampSigner
from django.test import Client
from django.urls import reverse

from crm import line_item_services, services
from crm.backoffice import undo
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer, SupplierNumberAtCustomer
from overplane.backoffice import changelist
from overplane.events.models import Event
from overplane.origin import Origin
from tests.backoffice.people import member
from tests.domain.customers import ORIGIN, make, rows_of

LIST = "/admin/crm/customer/"
UNDO = reverse("admin:crm_customer_undo")


def edit(client: Client, customer: str, field: str, value: str, was: str = "") -> Any:
    return client.post(f"{LIST}{customer}/cell/", {"field": field, "value": value, "was": was})


def value(customer: str, field: str) -> Any:
    return Customer.objects.values_list(field, flat=True).get(pk=customer)


def rows_ids(customer: str) -> list[str]:
    return list(
        SupplierNumberAtCustomer.objects.filter(customer_id=customer).order_by("idx").values_list("pk", flat=True)
    )


def messages(client: Client) -> list[str]:
    return [str(one) for one in client.get(LIST).context["messages"]]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "sent", "stored", "output"),
    [
        ("territory", "  South ", "South", "South"),
        ("territory", "", None, ""),
        ("customer_type", "Individual", "Individual", "Individual"),
        ("disabled", "on", True, "yes"),
        ("default_commission_rate", "2.50", 2.5, "2.5\N{NO-BREAK SPACE}%"),
        ("customer_details", "x" * 5000, "x" * 5000, "x" * 5000),
    ],
)
def test_writes_one_attribute_with_an_event(field: str, sent: str, stored: Any, output: str) -> None:
    customer, client = make("Nordlicht", territory="North"), member("Editor")
    was = {"territory": "North", "customer_type": "Company"}.get(field, "")
    answer = edit(client, customer, field, sent, was)
    assert (answer.status_code, answer.json()["shown"]) == (200, output)
    assert value(customer, field) == stored
    event = Event.objects.filter(subject=customer).latest("seq")
    assert (event.type, event.changed.split()) == ("customer.updated", [field])


@pytest.mark.django_db
def test_what_is_as_it_was_writes_nothing() -> None:
    customer = make("Nordlicht", territory="North")
    before = Event.objects.count()
    answer = edit(member("Editor"), customer, "territory", "North", "North").json()
    assert (answer["raw"], "message" in answer, Event.objects.count()) == ("North", False, before)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "sent", "says"),
    [
        ("customer_name", "", "Must not be empty."),
        ("email_id", "no address", "e-mail"),
        ("customer_type", "Club", "Must be one of Company"),
        ("default_commission_rate", "101", "100"),
        ("territory", "x" * 256, "255"),
    ],
)
def test_what_the_rules_refuse_is_told_in_the_cell(field: str, sent: str, says: str) -> None:
    customer = make("Nordlicht")
    before = Event.objects.count()
    was = {"customer_name": "Nordlicht", "customer_type": "Company", "default_commission_rate": "0"}.get(field, "")
    answer = edit(member("Editor"), customer, field, sent, was)
    assert answer.json()["refused"] == "wrong"
    assert says in answer.json()["message"]
    assert Event.objects.count() == before


@pytest.mark.django_db
def test_what_somebody_else_changed_is_shown_and_not_overwritten() -> None:
    customer = make("Nordlicht", territory="North")
    services.update_customer(customer, {"territory": "West"}, origin=ORIGIN)
    client = member("Editor")
    answer = edit(client, customer, "territory", "South", "North")
    assert answer.json()["refused"] == "conflict"
    assert (answer.json()["shown"], answer.json()["raw"], value(customer, "territory")) == ("West", "West", "West")
    assert "changed it meanwhile" in answer.json()["message"]
    assert edit(client, customer, "territory", "South", "West").json()["raw"] == "South"
    # Another attribute of the same customer is no conflict.
    services.update_customer(customer, {"industry": "Glass"}, origin=ORIGIN)
    assert edit(client, customer, "territory", "East", "South").json()["raw"] == "East"


@pytest.mark.django_db
def test_only_those_may_who_may_change_and_only_what_a_form_may() -> None:
    customer = make("Nordlicht")
    assert edit(member("Viewer", "looks"), customer, "territory", "South").status_code == 403
    client = member("Editor")
    for field in ("id", "version", "created_at", "search_text", "", "password"):
        assert edit(client, customer, field, "x").status_code == 404
    assert edit(client, "customer_nowhere", "territory", "x").json()["refused"] == "gone"
    services.delete_customer(customer, origin=ORIGIN)
    assert "deleted" in edit(client, customer, "territory", "x").json()["message"]
    assert "data-editor" not in member("Viewer", "only-looks").get(LIST).content.decode()


@pytest.mark.django_db
def test_a_cell_is_taken_back_unless_somebody_changed_it_since() -> None:
    client = member("Editor")
    a = make("Nordlicht", territory="North")
    first = edit(client, a, "territory", "South", "North").json()
    services.update_customer(a, {"industry": "Glass"}, origin=ORIGIN)
    assert client.post(UNDO, {"token": first["undo"]}).status_code == 200
    assert (value(a, "territory"), value(a, "industry")) == ("North", "Glass")
    assert messages(client) == ["Undone: 1 customer is as it was."]
    second = edit(client, a, "territory", "South", "North").json()
    services.update_customer(a, {"territory": "West"}, origin=ORIGIN)
    client.post(UNDO, {"token": second["undo"]})
    assert value(a, "territory") == "West"
    assert messages(client) == ["1 customer was changed once more since; that stays: \u2068Nordlicht\u2069."]


@pytest.mark.django_db
def test_a_name_turns_nothing_that_stands_beside_it_in_a_message() -> None:
    client = member("Editor")
    a = make("\u2069\u202eNord\u202clicht")
    assert edit(client, a, "territory", "South").json()["message"] == "Territory of \u2068Nordlicht\u2069 is changed."


@pytest.mark.django_db
def test_a_new_customer_is_told_of_as_one_that_was_there_before() -> None:
    client = member("Editor")
    rows = {"supplier_numbers-TOTAL_FORMS": "0", "supplier_numbers-INITIAL_FORMS": "0"}
    sent = {"customer_name": "<i>Nordlicht", "customer_type": "Company", "_continue": "1"} | rows
    page = client.post(reverse("admin:crm_customer_add") + "?_changelist_filters=q%3Dnord", sent)
    assert page["Location"].endswith("/change/?_changelist_filters=q%3Dnord")
    assert messages(client) == ["“<bdi>&lt;i&gt;Nordlicht</bdi>” is saved."]


@pytest.mark.slow
@pytest.mark.django_db
def test_forty_are_changed_and_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    client = member("Editor")
    ids = [make(f"C{i:02}", customer_group=f"G{i % 3}") for i in range(40)]
    sent = {"action": "set_customer_group", "_selected_action": ids, "value": "All"}
    client.post(LIST, sent)
    assert set(Customer.objects.values_list("customer_group", flat=True)) == {"All"}
    services.update_customer(ids[0], {"customer_group": "Own"}, origin=ORIGIN)
    page = client.get(LIST)
    (message,) = [str(one) for one in page.context["messages"]]
    token = message.split('data-undo="')[1].split('"')[0]
    assert message.startswith("40 customers changed.")
    # Nobody else's change, and no token of one's own making.
    other = member("Editor", "other")
    other.post(UNDO, {"token": token})
    assert set(Customer.objects.filter(pk__in=ids[1:]).values_list("customer_group", flat=True)) == {"All"}
    client.post(UNDO, {"token": token})
    assert [value(one, "customer_group") for one in ids] == ["Own", *(f"G{i % 3}" for i in range(1, 40))]
    assert messages(client) == [
        "Undone: 39 customers are as they were.",
        "1 customer was changed once more since; that stays: \u2068C00\u2069.",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "token", ["", "req_x", TimestampSigner(salt="other").sign("req_x")], ids=["none", "unsigned", "foreign"]
)
def test_a_foreign_or_old_token_takes_nothing_back(token: str) -> None:
    client = member("Editor")
    assert client.post(UNDO, {"token": token}).status_code == 200
    assert messages(client)[0].startswith("This can no longer be taken back here.")
    assert member("Viewer", "looks").post(UNDO, {"token": token}).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("o=territory", ["B", "A", "C", "D"]),
        ("o=-territory", ["C", "A", "B", "D"]),
        ("o=customer_type.-customer_name", ["D", "B", "A", "C"]),
        ("o=-default_commission_rate.customer_name", ["C", "A", "B", "D"]),
        ("o=search_text", ["D", "C", "B", "A"]),
    ],
)
def test_a_small_list_is_sorted_by_any_column_and_by_two(query: str, expected: list[str]) -> None:
    make("A", territory="north")
    make("B", territory="East")
    make("C", territory="South", customer_type="Individual", default_commission_rate=5)
    make("D")
    client = member("Viewer")
    assert [row.customer_name for row in client.get(f"{LIST}?{query}").context["cl"].result_list] == expected


@pytest.mark.slow
@pytest.mark.django_db
def test_a_sorted_list_has_pages_and_a_large_one_says_that_it_is_not_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(120):
        make(f"C{i:03}", territory=f"T{i % 7}")
    client = member("Viewer")
    seen, address = [], f"{LIST}?o=territory"
    while address:
        cl = client.get(address).context["cl"]
        seen += [row.customer_name for row in cl.result_list]
        address = LIST + cl.next_query if cl.next_query else ""
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, key=lambda name: (int(name[1:]) % 7, seen.index(name)))
    monkeypatch.setattr(changelist, "MOST_SORTED", 100)
    page = client.get(f"{LIST}?o=territory")
    assert page.context["cl"].is_unsorted
    assert "too many to be sorted" in page.content.decode()


@pytest.mark.django_db
def test_rows_that_were_deleted_come_back() -> None:
    customer = make("Nordlicht", 3)
    rows = rows_of(customer)
    second = SupplierNumberAtCustomer.objects.get(customer_id=customer, idx=2)
    line_item_services.delete_line_item(SUPPLIER_NUMBERS, second.pk, origin=Origin("user:anna", "req_1"))
    done = undo.undo("req_1", Origin("user:anna", "req_2"))
    assert (done.restored, done.kept, rows_of(customer)) == (1, [], rows)
    # Somebody else's rows since then are not touched.
    line_item_services.delete_line_item(SUPPLIER_NUMBERS, rows_ids(customer)[0], origin=Origin("user:anna", "req_3"))
    line_item_services.add_line_item(SUPPLIER_NUMBERS, customer, {"company": "New"}, origin=ORIGIN)
    after = rows_of(customer)
    done = undo.undo("req_3", Origin("user:anna", "req_4"))
    assert (done.restored, done.kept, rows_of(customer)) == (0, ["Nordlicht"], after)


@pytest.mark.django_db
def test_a_row_comes_back_beside_one_that_somebody_else_changed() -> None:
    customer = make("Nordlicht", 3)
    first, second, _third = rows_ids(customer)
    line_item_services.delete_line_item(SUPPLIER_NUMBERS, second, origin=Origin("user:anna", "req_1"))
    line_item_services.update_line_item(SUPPLIER_NUMBERS, first, {"supplier_number": "theirs"}, origin=ORIGIN)
    done = undo.undo("req_1", Origin("user:anna", "req_2"))
    rows = [(1, "theirs"), (2, "Nordlicht 2"), (3, "Nordlicht 3")]
    assert (done.restored, done.kept, rows_of(customer)) == (1, [], rows)
    # The very row that was changed since stays.
    line_item_services.update_line_item(
        SUPPLIER_NUMBERS, first, {"supplier_number": "mine"}, origin=Origin("user:anna", "req_3")
    )
    line_item_services.update_line_item(SUPPLIER_NUMBERS, first, {"supplier_number": "last"}, origin=ORIGIN)
    done = undo.undo("req_3", Origin("user:anna", "req_4"))
    assert (done.restored, done.kept, rows_of(customer)[0]) == (0, ["Nordlicht"], (1, "last"))
