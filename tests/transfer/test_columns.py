"""What columns are taken for, and what is said when that cannot be told."""

import json
from pathlib import Path
from typing import Any

import pytest

from crm.models import Customer, SupplierNumberAtCustomer
from tests.transfer.customers import make, rows_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("constant", "message"),
    [
        ("supplier_numbers.company=X", "have no field"), ("=X", "have no field"), ("color=X", "have no field"),
        ("id=customer_1", "--set id"), ("tax_id=5", "--set tax_id"), ("territory", "--set 'territory'"),
    ],
)  # fmt: skip
def test_a_constant_that_cannot_be_is_refused(imported: Any, constant: str, message: str) -> None:
    ran = imported("name\nX\nY\n", "--set", constant, "--match-on", "tax_id")
    assert ran.code == 2
    assert message in ran.said
    assert not Customer.objects.exists()


def test_a_file_of_rows_takes_no_constants(imported: Any) -> None:
    ran = imported("customer_id,company\nx,y\n", "--set", "company=X")
    assert (ran.code, "only supplier numbers" in ran.said or "nothing but supplier numbers" in ran.said) == (2, True)


def test_a_mapped_heading_can_name_the_rows_customer(imported: Any) -> None:
    acme = make("Acme")
    text = f"Kunde,company,supplier_number\n{acme},A,1\n"
    assert imported(text, "--map", "Kunde=customer_id").counts == {"unchanged": 1, "rows_created": 1}
    assert rows_of(acme) == [("A", "1")]
    assert "Both" in imported(f"customer_id,parent_id,company\n{acme},{acme},A\n").said


def test_a_list_of_companies_is_no_file_of_rows(imported: Any) -> None:
    assert imported("CustomerID,Company,Phone\n7,Acme,030\n", "--ignore-unknown").counts == {"created": 1}
    assert Customer.objects.values_list("customer_name", "mobile_no").get() == ("Acme", "030")


def test_a_saved_mapping_knows_what_was_left_out(imported: Any, tmp_path: Path) -> None:
    saved, text = tmp_path / "mapping.json", "name,Colour,Shape\nA,red,round\n"
    imported(text, "--map", "Colour=", "--ignore-unknown", "--save-mapping", str(saved))
    assert json.loads(saved.read_text()) == {"name": "customer_name", "Colour": "", "Shape": ""}
    assert imported(text + "B,,\n", "--mapping", str(saved)).counts == {"created": 2}
    assert imported(text + "C,,\n", "--mapping", str(saved), "--save-mapping", str(tmp_path)).code == 2
    assert Customer.objects.count() == 3


@pytest.mark.parametrize("cells", [" , ", "NULL,NULL", ",NULL", "NULL, "])
def test_cells_that_are_blank_in_the_end_make_no_row(imported: Any, cells: str) -> None:
    acme = make("Acme", ("A", "1"), tax_id="1")
    text = f"tax_id,supplier_numbers.company,supplier_numbers.supplier_number\n1,A,1\n{' '},B,2\n2,{cells}\n , , \n"
    imported(text, "--match-on", "tax_id", "--null", "NULL", "--set", "customer_name=Acme")
    assert rows_of(acme) == [("A", "1"), ("B", "2")]
    assert SupplierNumberAtCustomer.objects.count() == 2
    assert Customer.objects.count() == 2


def test_lines_that_only_fill_another_table_belong_to_their_customer(imported: Any) -> None:
    text = "name,supplier_numbers.company,contact mail\nAcme,A,x\n,,y\n,B,z\nBeta,,\n"
    assert imported(text, "--map", "contact mail=").counts == {"created": 2, "rows_created": 2}


def test_a_row_is_found_only_among_those_that_stand_together(imported: Any) -> None:
    acme, beta = make("Acme"), make("Beta")
    text = f"customer_id,company,supplier_number\n{acme},A,1\n{beta},A,1\n{acme},A,2\n"
    assert imported(text).problems == [(4, "customer_id", "parameter_duplicate")]
    concurrently = f"customer_id,company,supplier_number\n{acme},A,1\n{acme},A,2\n{beta},A,1\n"
    assert imported(concurrently).counts == {"unchanged": 2, "rows_created": 3}


def test_another_customers_row_is_refused_and_the_rest_goes_in(imported: Any) -> None:
    make("Acme", ("A", "1"))
    row = SupplierNumberAtCustomer.objects.get().pk
    ran = imported(f"name,supplier_numbers.id,supplier_numbers.company\nGood,,X\nBad,{row},Y\n", "--skip-errors")
    assert (ran.code, ran.counts) == (1, {"created": 1, "refused": 1, "rows_created": 1})


@pytest.mark.parametrize("customer", ["A\0B", "nobody", "customer_nobody", "customer_a b"])
def test_a_row_of_nobody_is_refused(imported: Any, customer: str) -> None:
    ran = imported(f"Kunde,company\n{customer},A\n", "--map", "Kunde=customer_id")
    assert (ran.code, ran.problems[0][:2]) == (1, (2, "Kunde"))
    assert not SupplierNumberAtCustomer.objects.exists()


def test_refused_rows_of_objects_go_where_objects_can(imported: Any, tmp_path: Path) -> None:
    ran = imported('{"customer_name": ""}\n', "--errors", str(tmp_path / "bad.csv"), name="a.ndjson")
    assert (ran.code, "must end in .ndjson" in ran.said) == (2, True)
