"""Whoever changes a customer or its supplier numbers, by whatever door: `q=` finds the new values and the old ones no more."""

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from crm import merging
from crm.models import SupplierNumberAtCustomer
from overplane.events.models import Event
from overplane.origin import Origin
from tests.backoffice.test_merge_pages import form
from tests.backoffice.test_people import member
from tests.conftest import CUSTOMER, ROW, Api
from tests.filled_forms import defaults, filled

BEFORE = {
    "customer_name": "Altona", "email_id": "alt@mail.example", "mobile_no": "040-1111", "tax_id": "T1",
    "customer_pos_id": "altpos", "first_name": "Altfirst", "last_name": "Altlast",
}  # fmt: skip
AFTER = {
    "customer_name": "Neustadt", "email_id": "neu@mail.example", "mobile_no": "040-2222", "tax_id": "N1",
    "customer_pos_id": "neupos", "first_name": "Neufirst", "last_name": "Neulast",
}  # fmt: skip
NUMBERS = {"A": "ALT-77", "B": "ALT-88"}
ALL = [*BEFORE.values(), *NUMBERS.values()]


class World(NamedTuple):
    """A customer with two numbers, and the doors."""

    api: Api
    imported: Any
    customer: str
    rows: dict[str, str]

    def batch(self, *operations: dict[str, Any]) -> None:
        answer = self.api.post(f"{CUSTOMER}/batch", {"operations": list(operations)})
        assert answer.status_code == 200, answer.content

    def file(self, *lines: str, arguments: str = "") -> str:
        """Imports a file and gives the run's id."""
        ran = self.imported("\n".join(lines) + "\n", *arguments.split())
        assert ran.code == 0, ran.said
        return ran.report["run"]

    def admin(self, changes: dict[str, str]) -> None:
        client: Client = member("Manager")
        url = reverse("admin:crm_customer_change", args=[self.customer])
        assert client.post(url, filled(client.get(url)) | changes).status_code == 302

    def restore(self) -> None:
        """The old name, from the history."""
        client: Client = member("Manager")
        self.api.patch(f"{CUSTOMER}/{self.customer}", {"customer_name": "Neustadt"})
        event = Event.objects.order_by("-seq")[0].pk
        answer = client.post(
            reverse("admin:crm_customer_restore", args=[self.customer]), {"event": event, "field": "customer_name"}
        )
        assert answer.status_code == 302

    def merge(self) -> None:
        other = self.api.create(customer_name="Neustadt", tax_id="N1")["id"]
        self.api.add_row(other, company="C", supplier_number="NEU-99")
        choices = {"customer_name": other, "tax_id": other}
        merging.merge_customers(self.customer, [other], choices=choices, origin=Origin("user:anna"))

    def merge_by_hand(self) -> None:
        other = self.api.create(customer_name="Neustadt")["id"]
        self.api.add_row(other, company="C", supplier_number="NEU-99")
        sent = form(self.customer, other, customer_name=other)
        assert member("Manager").post(reverse("merge"), sent).status_code == 302


HEADINGS = "tax_id,supplier_numbers.company,supplier_numbers.supplier_number"
PRIOR = "--match-on tax_id"
REPLACED = f"{PRIOR} --replace-rows"
NAMES = ",".join(AFTER)

# What is done, what is found then, and what is not any more.
Way = tuple[Callable[[World], Any], list[str], list[str]]
IMPORTS: dict[str, Way] = {
    "a new customer with numbers": (
        lambda w: w.file(f"customer_name,{HEADINGS}", "Neustadt,N1,A,NEU-77", ",,B,NEU-88"),
        ["Neustadt", "N1", "NEU-77", "NEU-88", *ALL],
        [],
    ),
    "numbers in a file of their own": (
        lambda w: w.file("customer_id,company,supplier_number", f"{w.customer},A,NEU-77", f"{w.customer},C,NEU-99"),
        ["NEU-77", "NEU-99", "ALT-88", "Altona"],
        ["ALT-77"],
    ),
    "only new numbers": (
        lambda w: w.file("customer_id,company,supplier_number", f"{w.customer},C,NEU-99"),
        ["NEU-99", *ALL],
        [],
    ),
    "an upsert of every value": (
        lambda w: w.file(f"id,{NAMES}", ",".join([w.customer, *AFTER.values()]), arguments="--match-on id"),
        [*AFTER.values(), *NUMBERS.values()],
        list(BEFORE.values()),
    ),
    "an upsert of the name": (
        lambda w: w.file("tax_id,customer_name", "T1,Neustadt", arguments=PRIOR),
        ["Neustadt", "T1", "ALT-77", "ALT-88"],
        ["Altona"],
    ),
    "an upsert of a number": (
        lambda w: w.file(HEADINGS, "T1,A,NEU-77", arguments=PRIOR),
        ["NEU-77", "ALT-88", "Altona"],
        ["ALT-77"],
    ),
    "an upsert of name and number": (
        lambda w: w.file(f"customer_name,{HEADINGS}", "Neustadt,T1,A,NEU-77", arguments=PRIOR),
        ["Neustadt", "NEU-77", "ALT-88"],
        ["Altona", "ALT-77"],
    ),
    "replaced numbers": (
        lambda w: w.file(HEADINGS, "T1,B,ALT-88", ",C,NEU-99", arguments=REPLACED),
        ["ALT-88", "NEU-99", "Altona"],
        ["ALT-77"],
    ),
    "numbers of which one is gone": (
        lambda w: w.file(HEADINGS, "T1,B,ALT-88", arguments=REPLACED),
        ["ALT-88", "Altona"],
        ["ALT-77"],
    ),
    "a new name and one number less": (
        lambda w: w.file(f"customer_name,{HEADINGS}", "Neustadt,T1,B,ALT-88", arguments=REPLACED),
        ["Neustadt", "ALT-88"],
        ["Altona", "ALT-77"],
    ),
}
OTHERS: dict[str, Way] = {
    "a patch": (
        lambda w: w.api.patch(f"{CUSTOMER}/{w.customer}", AFTER),
        [*AFTER.values(), *NUMBERS.values()],
        list(BEFORE.values()),
    ),
    "a new row": (
        lambda w: w.api.add_row(w.customer, company="C", supplier_number="NEU-99"),
        ["NEU-99", *ALL],
        [],
    ),
    "a changed row": (
        lambda w: w.api.patch(f"{ROW}/{w.rows['A']}", {"supplier_number": "NEU-77"}),
        ["NEU-77", "ALT-88", "Altona"],
        ["ALT-77"],
    ),
    "an emptied row": (
        lambda w: w.api.patch(f"{ROW}/{w.rows['A']}", {"supplier_number": None}),
        ["ALT-88", "Altona"],
        ["ALT-77"],
    ),
    "a deleted row": (lambda w: w.api.delete(f"{ROW}/{w.rows['A']}"), ["ALT-88", "Altona"], ["ALT-77"]),
    "a batch that updates": (
        lambda w: w.batch({"op": "update", "id": w.customer, "data": AFTER}),
        [*AFTER.values(), *NUMBERS.values()],
        list(BEFORE.values()),
    ),
    "a batch that upserts": (
        lambda w: w.batch(
            {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "T1", "customer_name": "Neustadt"}}
        ),
        ["Neustadt", "T1", *NUMBERS.values()],
        ["Altona"],
    ),
    "a batch that makes and updates": (
        lambda w: w.batch(
            {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "N1", "customer_name": "Zwischen"}},
            {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "N1", "customer_name": "Neustadt"}},
        ),
        ["Neustadt", "N1", *ALL],
        ["Zwischen"],
    ),
    "a merge": (World.merge, ["Neustadt", "N1", "NEU-99", "ALT-77", "ALT-88", "Altfirst"], ["Altona", "T1"]),
    "a merge by hand": (World.merge_by_hand, ["Neustadt", "NEU-99", "ALT-77", "ALT-88", "T1"], ["Altona"]),
    "the form": (
        lambda w: w.admin({"customer_name": "Neustadt", "supplier_numbers-0-supplier_number": "NEU-77"}),
        ["Neustadt", "NEU-77", "ALT-88"],
        ["Altona", "ALT-77"],
    ),
    "the form, with a row gone": (
        lambda w: w.admin({"supplier_numbers-0-DELETE": "on"}),
        ["Altona", "ALT-88"],
        ["ALT-77"],
    ),
    "the form, with a new row": (
        lambda w: w.admin(
            {f"supplier_numbers-2-{name}": value for name, value in defaults(SupplierNumberAtCustomer).items()}
            | {
                "supplier_numbers-TOTAL_FORMS": "3",
                "supplier_numbers-2-company": "C",
                "supplier_numbers-2-supplier_number": "NEU-99",
            }
        ),
        ["NEU-99", *ALL],
        [],
    ),
    "the history": (World.restore, ALL, ["Neustadt"]),
}
WAYS = IMPORTS | OTHERS


@pytest.fixture
def world(api: Api, imported: Any) -> World:
    customer = api.create(**BEFORE)["id"]
    api.create(customer_name="Bystander")
    rows = {company: api.add_row(customer, company=company, supplier_number=n)["id"] for company, n in NUMBERS.items()}
    return World(api, imported, customer, rows)


def found(api: Api, word: str) -> int:
    return api.get(f"{CUSTOMER}?q={word}").json()["total"]


@pytest.mark.parametrize("way", WAYS)
def test_search_finds_what_is_there_now_and_no_more(world: World, way: str) -> None:
    change, present, gone = WAYS[way]
    change(world)
    assert {word: found(world.api, word) for word in present} == dict.fromkeys(present, 1)
    assert {word: found(world.api, word) for word in gone} == dict.fromkeys(gone, 0)


@pytest.mark.parametrize("way", IMPORTS)
def test_search_goes_back_with_an_import_that_is_undone(world: World, way: str) -> None:
    change, present, _ = IMPORTS[way]
    run = change(world)
    call_command("undo_import", run, stdout=io.StringIO())
    assert {word: found(world.api, word) for word in ALL} == dict.fromkeys(ALL, 1)
    new = [word for word in present if word not in ALL]
    assert {word: found(world.api, word) for word in new} == dict.fromkeys(new, 0)


@pytest.mark.parametrize("way", ["DELETE", "batch", "undo"])
def test_search_finds_nobody_who_is_deleted(world: World, way: str) -> None:
    if way == "undo":
        run = world.file("customer_name,tax_id", "Neustadt,N1")
        call_command("undo_import", run, stdout=io.StringIO())
        assert (found(world.api, "Neustadt"), found(world.api, "Altona")) == (0, 1)
        return
    if way == "batch":
        world.batch({"op": "delete", "id": world.customer})
    else:
        world.api.delete(f"{CUSTOMER}/{world.customer}")
    assert [found(world.api, word) for word in ALL] == [0] * len(ALL)
    assert traces("ALTONA") == 0


def traces(word: str) -> int:
    """What the search index itself still holds of it; PostgreSQL's is on the customers' own column."""
    if connection.vendor != "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crm_search WHERE body LIKE %s", [f"%{word}%"])
        return cursor.fetchone()[0]
