"""Whom a line of a file means, and whom it does not: what only another fault, or somebody else's work, would show."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from tests.conftest import CUSTOMER, ROW, Api
from tests.importing import Ran
from tests.threads import meanwhile
from tests.transfer.customers import make, rows_of

ROWS = "supplier_numbers.company,supplier_numbers.supplier_number"
ON_TAX_ID = ("--match-on", "tax_id")


@pytest.mark.django_db
def test_an_id_beside_the_key_must_be_that_customers(api: Api, imported: Any) -> None:
    customer, other = make("Acme", tax_id="1"), make("Beta", tax_id="2")
    before = [api.get(f"{CUSTOMER}/{one}").content for one in (customer, other)]
    ran = imported(f"id,tax_id,territory\n{other},1,North\n", *ON_TAX_ID)
    assert ran.problems == [(2, "tax_id", "parameter_immutable")]
    assert [api.get(f"{CUSTOMER}/{one}").content for one in (customer, other)] == before
    assert imported(f"id,tax_id,territory\n{customer},1,North\n", *ON_TAX_ID).counts == {"updated": 1}


@pytest.mark.django_db
def test_two_lines_of_a_company_that_has_one_number_are_two_new_ones(imported: Any) -> None:
    """Which of them would be the old one nobody can tell."""
    customer = make("Acme", ("A", "1"), ("B", "2"), tax_id="1")
    ran = imported(f"tax_id,{ROWS}\n1,A,8\n,A,9\n,B,3\n", *ON_TAX_ID)
    assert ran.counts == {"unchanged": 1, "rows_created": 2, "rows_updated": 1}
    assert rows_of(customer) == [("A", "1"), ("B", "3"), ("A", "8"), ("A", "9")]


@pytest.mark.django_db
def test_a_line_of_a_company_that_has_two_numbers_is_a_new_one(imported: Any) -> None:
    customer = make("Acme", ("A", "1"), ("A", "2"), tax_id="1")
    assert imported(f"tax_id,{ROWS}\n1,A,9\n", *ON_TAX_ID).counts == {"unchanged": 1, "rows_created": 1}
    assert rows_of(customer) == [("A", "1"), ("A", "2"), ("A", "9")]


OVERTAKING: dict[str, tuple[Callable[[Api, str], Any], tuple[int, str, str], dict[str, Any] | None]] = {
    "deleted": (lambda api, c: api.delete(f"{CUSTOMER}/{c}"), (2, "", "resource_missing"), None),
    "given another key": (
        lambda api, c: api.patch(f"{CUSTOMER}/{c}", {"tax_id": "9"}),
        (2, "tax_id", "parameter_conflict"),
        {"tax_id": "9", "territory": None},
    ),
}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's writers stand in one line")
@pytest.mark.parametrize("name", OVERTAKING)
def test_a_customer_that_is_overtaken_between_planning_and_lock_is_refused(
    live_api: Api, imported: Any, name: str
) -> None:
    overtake, problem, left = OVERTAKING[name]
    customer, other = make("Acme", tax_id="1"), make("Beta", tax_id="2")
    file = f"tax_id,territory,{ROWS}\n1,North,A,8\n2,North,B,9\n"
    with meanwhile(lambda: overtake(Api(live_api.key), customer), before="FOR NO KEY UPDATE"):
        ran: Ran = imported(file, *ON_TAX_ID)
    assert ran.problems == [problem]
    assert ran.counts == {"updated": 1, "refused": 1, "rows_created": 1}
    found = live_api.get(f"{CUSTOMER}/{customer}")
    assert {n: found.json()[n] for n in left} == left if left else found.status_code == 404
    assert rows_of(customer) == []
    assert rows_of(other) == [("B", "9")]


@pytest.mark.django_db
def test_lines_that_name_rows_of_others_change_nothing_of_theirs(api: Api, imported: Any) -> None:
    mine, theirs = make("Acme", ("A", "1"), tax_id="1"), make("Beta", ("B", "2"), tax_id="2")
    row = api.rows(theirs)[0]
    ran = imported(f"tax_id,supplier_numbers.id,{ROWS}\n1,{row['id']},B,9\n", *ON_TAX_ID)
    assert ran.problems == [(2, "supplier_numbers.id", "parameter_duplicate")]
    assert api.get(f"{ROW}/{row['id']}").json() == row
    assert (rows_of(mine), rows_of(theirs)) == ([("A", "1")], [("B", "2")])


@pytest.mark.django_db
@pytest.mark.parametrize("left", ["AB", "A", "", "BD", "DB", "CX"])
def test_rows_that_an_import_replaced_come_back_in_their_order(imported: Any, left: str) -> None:
    customer = make("Acme", *[(company, "1") for company in "ABCD"], tax_id="1")
    first, *further = [f"{company},1" for company in left] or [","]
    file = "\n".join([f"tax_id,{ROWS}", f"1,{first}", *(f",{line}" for line in further)])
    ran = imported(file, *ON_TAX_ID, "--replace-rows")
    assert rows_of(customer) == [(company, "1") for company in left]
    call_command("undo_import", ran.report["run"], stdout=io.StringIO())
    assert rows_of(customer) == [(company, "1") for company in "ABCD"]
