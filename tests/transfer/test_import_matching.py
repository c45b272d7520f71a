"""Whom a line of a file means, and whom it does not: what only another fault, or somebody else's work, would show."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from crm import merging, unmerging
from crm.models import Customer
from crm.transfer import imports
from overplane.files.sources import examined
from overplane.origin import Origin
from tests.conftest import CUSTOMER, ROW, Api
from tests.importing import Ran
from tests.threads import meanwhile
from tests.transfer.customers import make, rows_of
from tests.transfer.progress import nothing

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
def test_the_id_of_a_merged_customer_is_nobodys_new_one(imported: Any) -> None:
    survivor, other = merged_customers()
    ran = imported(f"id,customer_name\n{other},X\n")
    assert ran.problems == [(2, "id", "parameter_conflict")]
    assert f"merged into {survivor}" in ran.report["problems"][0]["message"]


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["upsert", "update"])
@pytest.mark.parametrize("key", ["id", "tax_id", "customer_pos_id", "email_id"])
def test_a_row_of_a_merged_customer_goes_to_the_survivor_with_a_warning(imported: Any, key: str, mode: str) -> None:
    survivor, other = merged_customers()
    value = {"id": other, "tax_id": "de 111", "customer_pos_id": "P1", "email_id": "B@beta.example"}[key]
    ran = imported(f"{key},customer_name,{ROWS}\n{value},X,C,9\n", "--match-on", key, "--mode", mode)
    assert (ran.problems, ran.report["created"], ran.report["updated"]) == ([], 0, 1)
    assert ran.report["warnings"] == [f"Row 2: that customer was merged into {survivor}, which is changed instead."]
    customer = Customer.objects.get()
    assert (customer.pk, customer.customer_name, customer.tax_id) == (survivor, "X", "DE222")  # which was chosen for it
    assert [row.supplier_number for row in customer.supplier_numbers.all()] == ["1", "9"]


@pytest.mark.django_db
def test_two_rows_for_one_survivor_are_not_both_written(imported: Any) -> None:
    survivor, other = merged_customers()
    ran = imported(f"id,customer_name\n{other},X\n{survivor},Y\n", "--match-on", "id", "--skip-errors")
    assert ran.problems == [(2, "id", "parameter_duplicate")]
    assert [one.customer_name for one in Customer.objects.all()] == ["Y"]


@pytest.mark.django_db
@pytest.mark.parametrize("is_first", [True, False])
def test_nor_if_they_stand_far_from_each_other(tmp_path: Path, *, is_first: bool) -> None:
    survivor, other = merged_customers()
    first, last = (other, survivor) if is_first else (survivor, other)
    path = tmp_path / "a.csv"
    path.write_text(f"id,customer_name\n{first},X\n{make('Far')},Z\n{last},Y\n")
    options = imports.ImportOptions(mode="update", match_on="id", size=1)
    report = imports.run(examined(path, "a.csv"), options, started_by="test", progress=nothing)
    assert [(one.number, str(one.problem.code)) for one in report.problems] == [(4, "parameter_duplicate")]
    assert Customer.objects.get(pk=survivor).customer_name == "Acme"  # all or none


@pytest.mark.django_db
def test_a_key_that_the_survivor_gave_up_reaches_it(imported: Any) -> None:
    survivor, other = make("Acme", tax_id="DE222"), make("Beta", tax_id="DE111")
    merging.merge_customers(survivor, [other], origin=Origin("user:anna"), choices={"tax_id": other})
    ran = imported("tax_id,customer_name\nde 222,Gamma\n", "--match-on", "tax_id")
    assert (len(ran.report["warnings"]), ran.report["created"]) == (1, 0)
    customer = Customer.objects.get()
    assert (customer.pk, customer.customer_name, customer.tax_id) == (survivor, "Gamma", "DE111")


@pytest.mark.django_db
def test_nor_is_it_forgotten_when_another_of_the_merged_returns(imported: Any) -> None:
    survivor, first, second = make("Acme", tax_id="222"), make("Beta"), make("Delta", tax_id="111")
    merging.merge_customers(survivor, [first, second], origin=Origin("user:anna"), choices={"tax_id": second})
    unmerging.unmerge_customers(survivor, [first], origin=Origin("user:anna"))
    ran = imported("tax_id,customer_name\n222,Gamma\n", "--match-on", "tax_id")
    assert (len(ran.report["warnings"]), ran.report["created"]) == (1, 0)
    assert Customer.objects.get(pk=survivor).customer_name == "Gamma"


@pytest.mark.django_db
def test_line_items_of_a_merged_customer_go_to_the_survivor(imported: Any) -> None:
    survivor, other = merged_customers()
    ran = imported(f"customer_id,company,supplier_number\n{other},D,7\n")
    assert (ran.problems, len(ran.report["warnings"])) == ([], 1)
    assert Customer.objects.get(pk=survivor).supplier_numbers.filter(supplier_number="7").exists()


@pytest.mark.django_db
def test_line_items_of_a_merged_customer_stand_anywhere_beside_those_of_the_survivor(imported: Any) -> None:
    survivor, other = merged_customers()
    lines = f"{other},D,7\n{survivor},E,8\n{other},F,9\n"
    ran = imported(f"customer_id,company,supplier_number\n{lines}")
    assert ran.problems == []
    numbers = [row.supplier_number for row in Customer.objects.get().supplier_numbers.all()]
    assert sorted(numbers) == ["1", "7", "8", "9"]


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["tax_id", "customer_pos_id", "email_id"])
def test_a_row_with_the_id_too_goes_there_and_its_list_replaces_nothing(imported: Any, key: str) -> None:
    survivor, other = merged_customers()
    value = {"tax_id": "DE 111", "customer_pos_id": "P1", "email_id": "b@beta.example"}[key]
    ran = imported(f"id,{key},territory,{ROWS}\n{other},{value},X,C,9\n", "--match-on", key, "--replace-rows")
    assert (ran.problems, len(ran.report["warnings"])) == ([], 1)
    customer = Customer.objects.get()
    assert (customer.pk, customer.territory) == (survivor, "X")
    assert [row.supplier_number for row in customer.supplier_numbers.all()] == ["1", "9"]


@pytest.mark.django_db
def test_who_has_the_key_now_comes_before_who_had_it(imported: Any) -> None:
    merged_customers()
    own = make("Gamma", tax_id="DE111")
    ran = imported("tax_id,customer_name\nDE111,Delta\n", "--match-on", "tax_id")
    assert ran.report["warnings"] == []
    assert Customer.objects.get(pk=own).customer_name == "Delta"


def merged_customers() -> tuple[str, str]:
    survivor = make("Acme", ("A", "1"), tax_id="DE222")
    other = make("Beta", tax_id="DE 111", customer_pos_id="P1", email_id="b@beta.example")
    merging.merge_customers(survivor, [other], origin=Origin("user:anna"))
    return survivor, other


@pytest.mark.django_db
def test_a_file_of_ids_and_line_items_changes_nothing_of_its_customers(imported: Any) -> None:
    customer, other = make("Acme"), make("Beta", ("A", "1"))
    ran = imported(f"id,{ROWS}\n{customer},A,1\n{other},A,1\n", "--match-on", "id")
    assert ran.counts == {"unchanged": 2, "rows_created": 1}
    assert rows_of(customer) == rows_of(other) == [("A", "1")]


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
RESPELLED = {"tax_id": "DE-1"}


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
    response = live_api.get(f"{CUSTOMER}/{customer}")
    assert {n: response.json()[n] for n in left} == left if left else response.status_code == 404
    assert rows_of(customer) == []
    assert rows_of(other) == [("B", "9")]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's writers stand in one line")
def test_who_writes_the_key_otherwise_meanwhile_overtakes_nobody(live_api: Api, imported: Any) -> None:
    customer = make("Acme", tax_id="DE 1")
    with meanwhile(lambda: Api(live_api.key).patch(f"{CUSTOMER}/{customer}", RESPELLED), before="FOR NO KEY UPDATE"):
        ran: Ran = imported("tax_id,territory\nde1,North\n", *ON_TAX_ID)
    assert ran.counts == {"updated": 1}
    assert live_api.get(f"{CUSTOMER}/{customer}").json()["tax_id"] == "de1"


WRITTEN_OTHERWISE = [
    ("email_id", "a@b.de", "A@B.de"),
    ("email_id", "Özgür@x.de", "özgür@x.de"),
    ("tax_id", "DE123456", "de 123.456"),
    ("tax_id", "12/345-6", "12\u00a0345\u20136"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "stored", "sent"), WRITTEN_OTHERWISE)
def test_a_key_that_is_written_otherwise_is_the_same_customers(
    imported: Any, name: str, stored: str, sent: str
) -> None:
    customer = make("Acme", **{name: stored})
    file = f"{name},customer_name\n{sent},Acme\n"
    for mode in ("update", "upsert"):
        foreseen = imported(file, "--match-on", name, "--mode", mode, "--dry-run")
        assert [(c["customer_id"], c["old"], c["new"]) for c in foreseen.report["changes"]] == [
            (customer, stored, sent)
        ]
    assert imported(file, "--match-on", name).counts == {"updated": 1}
    assert imported(file, "--match-on", name, "--again").counts == {"unchanged": 1}
    assert list(Customer.objects.values_list("pk", name)) == [(customer, sent)]


@pytest.mark.django_db
def test_two_customers_that_match_are_named_with_the_value(imported: Any) -> None:
    one, other = sorted([make("Acme", email_id="a@b.de"), make("Acme", email_id="A@b.de")])
    ran = imported("email_id,territory\nA@B.de,North\n", "--match-on", "email_id")
    (problem,) = ran.report["problems"]
    assert (problem["row"], problem["column"], problem["code"]) == (2, "email_id", "parameter_conflict")
    assert problem["value"] == "A@B.de"
    assert problem["message"] == (
        f"2 customers have the email_id 'A@B.de' (case does not count): {one}, {other}. Match on id, or merge them."
    )
    assert not Customer.objects.filter(territory="North").exists()


@pytest.mark.django_db
def test_two_rows_with_the_same_key_are_refused(imported: Any) -> None:
    ran = imported("customer_name,tax_id\nAcme,DE 1\nBeta,2\nAcme,de-1\n", *ON_TAX_ID)
    (problem,) = ran.report["problems"]
    assert (problem["row"], problem["value"], problem["code"]) == (4, "de-1", "parameter_duplicate")
    assert problem["message"] == (
        "Row 2 has the same tax_id (case, blanks, dots, slashes and hyphens do not count). Each may stand in the file once."
    )
    assert not Customer.objects.exists()


@pytest.mark.django_db
def test_nothing_but_separators_is_nobodys_number(imported: Any) -> None:
    make("Acme", tax_id="-")
    make("Beta", tax_id="./.")
    ran = imported("customer_name,tax_id\nGamma,--\nBeta,./.\n", *ON_TAX_ID)
    assert ran.counts == {"created": 1, "unchanged": 1}


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
