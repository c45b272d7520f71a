"""The file of refused rows: as they stood, with the reason; mended and imported again it is as if it had been right at once."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from crm import line_item_services, services
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer, SupplierNumberAtCustomer
from overplane.origin import Origin
from tests.importing import run

pytestmark = pytest.mark.django_db


def refused(ran: Any) -> str:
    return Path(ran.report["errors_file"]).read_text(encoding="utf-8-sig")


def rows(ran: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(refused(ran), newline="")))


@pytest.mark.parametrize("phone", ["'+49 171", "''+49", "'s-Hertogenbosch", "+49 171", "=1+1", "'"])
def test_a_cell_that_is_refused_with_its_row_keeps_its_value(imported: Any, phone: str) -> None:
    file = "name,mobile_no,email_id\nA,{},{}\n"
    imported(file.format(phone, "a@b"))
    ran = imported(file.format(phone, "nobody"), "--skip-errors")
    imported(refused(ran).replace("nobody", "a@b"))
    first, second = Customer.objects.values_list("mobile_no", "email_id")
    assert first == second


def test_a_ragged_row_stays_ragged_until_it_is_mended(imported: Any) -> None:
    text = "name,email_id,territory\nMüller, GmbH,x@y,West\nGood\n"
    ran = imported(text, "--skip-errors")
    assert rows(ran)[1:] == [
        ["2", "row: The row has 4 cells, the heading 3. (parameter_invalid)", "Müller", " GmbH", "x@y", "West"],
    ]
    again = imported(refused(ran))
    assert (again.code, again.report["refused"]) == (1, 1)
    mended = refused(ran).replace("Müller, GmbH", '"Müller, GmbH"')
    assert imported(mended).counts == {"created": 1}
    assert set(Customer.objects.values_list("customer_name", "email_id", "territory")) == {
        ("Good", None, None), ("Müller, GmbH", "x@y", "West"),
    }  # fmt: skip


def test_cells_that_are_missing_at_a_rows_end_are_empty(imported: Any) -> None:
    imported("name,email_id,territory\nAcme,a@b\n\nGood\n")
    assert set(Customer.objects.values_list("customer_name", "email_id", "territory")) == {
        ("Acme", "a@b", None), ("Good", None, None),
    }  # fmt: skip


def test_a_ragged_further_line_is_told_by_its_own_number(imported: Any) -> None:
    ran = imported("name,supplier_numbers.company,supplier_numbers.supplier_number\nAcme,A,1\n,B,2,3\n")
    assert ran.problems == [(3, "", "parameter_invalid")]


def test_a_nul_is_refused_again_until_it_is_mended(imported: Any) -> None:
    ran = imported("name\nA\0B\n", "--skip-errors")
    assert imported(refused(ran)).code == 1
    assert imported(refused(ran).replace("\0", "")).counts == {"created": 1}


def test_headings_are_found_again(imported: Any) -> None:
    ran = imported("name,@mail\nA,nobody\n", "--map", "@mail=email_id")
    assert imported(refused(ran).replace("nobody", "a@b"), "--map", "@mail=email_id").counts == {"created": 1}


@pytest.mark.parametrize("ending", ["json", "ndjson"])
def test_of_refused_objects_absent_keys_stay_absent(imported: Any, ending: str) -> None:
    origin = Origin("user:hand")
    customer_id = services.create_customer(
        {"customer_name": "A", "tax_id": "1", "territory": "North"}, origin=origin
    ).output["id"]
    row = line_item_services.add_line_item(
        SUPPLIER_NUMBERS, customer_id, {"company": "X", "supplier_number": "1"}, origin=origin
    ).output["id"]
    objects = [
        {"tax_id": "1", "email_id": "nobody", "supplier_numbers": [{"id": row, "company": "Y"}]},
        {"tax_id": "2", "territory": "West", "customer_name": "B", "supplier_numbers": [{"supplier_number": "7"}]},
    ]
    text = json.dumps(objects) if ending == "json" else "\n".join(map(json.dumps, objects))
    ran = imported(text, "--match-on", "tax_id", "--skip-errors", name=f"a.{ending}")
    assert ran.counts == {"created": 1, "refused": 1, "rows_created": 1}
    assert ran.report["errors_file"].endswith(f"a.{ending}.errors.ndjson")
    mended = refused(ran).replace("nobody", "a@b")
    assert imported(mended, "--match-on", "tax_id", name="b.ndjson").counts == {"updated": 1, "rows_updated": 1}
    assert Customer.objects.filter(pk=customer_id).values_list("email_id", "territory").get() == ("a@b", "North")
    line_items = SupplierNumberAtCustomer.objects.filter(pk=row).values_list("company", "supplier_number")
    assert line_items.get() == ("Y", "1")


def test_it_never_takes_the_place_of_the_file_that_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("name\n,\n")
    ran = run(file, "--errors", str(file))
    assert (ran.code, "the very file" in ran.said) == (2, True)
    assert file.read_text() == "name\n,\n"
    assert run(file, "--errors", str(tmp_path / "no" / "e.csv")).code == 2


def test_customers_that_stood_apart_stay_two(imported: Any) -> None:
    text = "name,supplier_numbers.company,disabled\nTwin,C1,bad\nTwin,C2,bad\nMid,,no\nTwin,C3,bad\n"
    ran = imported(text, "--skip-errors")
    assert [row[0] for row in rows(ran)[1:]] == ["2", "2", "5"]
    assert imported(refused(ran).replace(",bad", ",no")).counts == {"created": 2, "rows_created": 3}
    assert Customer.objects.filter(customer_name="Twin").count() == 2


def test_null_words_that_a_spreadsheet_would_take_for_formulas_stay_null(imported: Any) -> None:
    text = (
        "name,disabled,supplier_numbers.company,supplier_numbers.supplier_number\nN1,bad,-,-\nN2,bad,C1,1\n-,-,C2,2\n"
    )
    mended = imported(text.replace("bad", "no"), "--null", "-", "--dry-run").counts
    ran = imported(text, "--null", "-")
    assert imported(refused(ran).replace(",bad", ",no"), "--null", "-").counts == mended


def test_its_headings_are_taken_for_what_they_are(imported: Any) -> None:
    heading = "Art (a;b;c;d;e;f)"
    ran = imported(f'name,"{heading}",disabled\nA,x,bad\n', "--map", f"{heading}=industry", "--delimiter", ",")
    assert imported(refused(ran).replace(",bad", ",no"), "--map", f"{heading}=industry").counts == {"created": 1}


def test_a_key_with_a_dot_is_no_list(imported: Any) -> None:
    text = '{"customer_name": "", "address": "x", "address.city": "y", "Tel.": ""}\n{"customer_name": "ok"}\n'
    ran = imported(text, "--ignore-unknown", "--skip-errors", name="a.ndjson")
    assert ran.counts == {"created": 1, "refused": 1}
    (one,) = map(json.loads, refused(ran).splitlines())
    assert one | {"import_problems": ""} == {
        "import_row": 1, "import_problems": "", "customer_name": "", "address": "x", "address.city": "y", "Tel.": "",
    }  # fmt: skip


def test_refused_rows_of_a_file_of_rows_stay_rows(imported: Any) -> None:
    one = {"customer_id": "customer_nobody", "company": "A"}
    ran = imported("\n".join(json.dumps(one | {"supplier_number": n}) for n in "12"), "--skip-errors", name="a.ndjson")
    assert [json.loads(line)["supplier_number"] for line in refused(ran).splitlines()] == ["1", "2"]
