"""Several columns for one field, and names of people that have no name of a customer."""

import json
from pathlib import Path
from typing import Any

import pytest

from crm.models import Customer
from overplane.jobs.models import Preset
from tests.backoffice.import_pages import columns, upload
from tests.backoffice.people import member
from tests.transfer.customers import make

pytestmark = pytest.mark.django_db
PEOPLE = "First;Last;E-mail\nAda;Lovelace;ada@b\n;Turing;t@b\nGrace;;g@b\n"
NAMED = ["--map", "First=first_name", "--map", "Last=last_name"]


def test_columns_are_joined_blank_ones_left_out(imported: Any) -> None:
    text = "Name,Street,City,Zip\nA,Main St 1,Berlin,01234\nB,,Paris,\nC,,,\n"
    assert imported(text, "--map", "Street+City+Zip=primary_address").counts == {"created": 3}
    assert dict(Customer.objects.values_list("customer_name", "primary_address")) == {
        "A": "Main St 1, Berlin, 01234", "B": "Paris", "C": None,
    }  # fmt: skip


def test_other_texts_are_joined_by_a_blank_and_their_columns_keep_their_own_meaning(imported: Any) -> None:
    assert imported("Vorname,Nachname,Ort\nAda,Lovelace,London\n", "--map", "Vorname + Nachname=customer_name",
                    "--map", "Ort=territory").code == 0  # fmt: skip
    stored = Customer.objects.values_list("customer_name", "first_name", "last_name").get()
    assert stored == ("Ada Lovelace", "Ada", "Lovelace")


def test_a_heading_that_has_a_plus_wins(imported: Any) -> None:
    assert imported("Name,A+B,A,B\nx,1,2,3\n", "--map", "A+B=territory", "--ignore-unknown").code == 0
    assert Customer.objects.get().territory == "1"


def test_it_is_saved_and_read_with_a_mapping(imported: Any, tmp_path: Path) -> None:
    saved = tmp_path / "mapping.json"
    imported("Name,S,C\nA,x,y\n", "--map", "S+C=primary_address?", "--save-mapping", str(saved))
    assert json.loads(saved.read_text()) == {"Name": "customer_name", "S+C": "primary_address?"}
    assert imported("Name,S,C\nB,v,w\n", "--mapping", str(saved)).counts == {"created": 1}
    assert Customer.objects.filter(primary_address="v, w").exists()


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("Street+Town=primary_address", "The file has no column 'Town'."),
        ("Street+City=color", "Several columns can be joined to a text of the customer only, and 'color' is none."),
        (
            "Street+City=disabled",
            "Several columns can be joined to a text of the customer only, and 'disabled' is none.",
        ),
        ("Street+City=supplier_numbers.company", "and 'supplier_numbers.company' is none."),
        ("Street+City=customer_name", "More than one column or fixed value (--set) goes to customer_name."),
    ],
)
def test_what_cannot_be_joined_is_refused(imported: Any, mapping: str, message: str) -> None:
    ran = imported("customer_name,Street,City\nA,x,y\n", "--map", "customer_name=customer_name", "--map", mapping)
    assert (ran.code, message in ran.said) == (2, True), ran.said


def test_a_joined_text_is_judged_and_refused_with_its_columns(imported: Any) -> None:
    (problem,) = imported(f"Name,S,C\nA,{'x' * 200},{'y' * 60}\n", "--map", "S+C=territory").report["problems"]
    assert (problem["row"], problem["column"], problem["code"]) == (2, "S+C", "parameter_too_long")


def test_further_lines_of_a_customer_leave_joined_cells_blank_or_repeat_them(imported: Any) -> None:
    text = "Name,S,C,supplier_numbers.company\nA,x,y,1\n,,,2\nA,x,y,3\nA,x,z,4\n"
    assert imported(text, "--map", "S+C=primary_address").counts == {"created": 2, "rows_created": 4}


def test_a_list_of_people_gets_names_and_says_so(imported: Any) -> None:
    ran = imported(PEOPLE, *NAMED)
    assert (ran.code, ran.report["warnings"]) == (
        0, ["3 customers have no name in the file (row 2, 3, 4): customer_name is made of First + Last."],
    )  # fmt: skip
    assert set(Customer.objects.values_list("customer_name", flat=True)) == {"Ada Lovelace", "Turing", "Grace"}


def test_the_company_comes_first_and_a_row_with_nothing_is_refused(imported: Any) -> None:
    text = "First name,Last name,Company,E-mail\nAda,Lovelace,Engines,a@b\nAlan,Turing,,t@b\n,,,x@b\n"
    ran = imported(text, "--skip-errors")
    assert set(Customer.objects.values_list("customer_name", flat=True)) == {"Engines", "Alan Turing"}
    assert ran.problems == [(4, "Company", "parameter_invalid_empty")]
    assert "1 customer has no name in the file (row 3)" in ran.report["warnings"][0]


def test_an_upsert_names_nobody_anew(imported: Any) -> None:
    make("Countess", email_id="ada@b", first_name="A.")
    ran = imported(PEOPLE, *NAMED, "--match-on", "email_id")
    assert ran.counts == {"created": 2, "updated": 1}
    assert set(Customer.objects.values_list("customer_name", "first_name")) == {
        ("Countess", "Ada"), ("Turing", None), ("Grace", "Grace"),
    }  # fmt: skip
    assert "Who is there already keeps the name." in ran.report["warnings"][0]


def test_an_update_makes_no_names(imported: Any) -> None:
    make("Countess", email_id="ada@b")
    ran = imported("First name,Last name,email_id\nAda,L,ada@b\n", "--match-on", "email_id", "--mode", "update")
    assert (ran.counts, Customer.objects.get().customer_name) == ({"updated": 1}, "Countess")


def test_the_page_shows_a_preset_that_joins_and_takes_people_without_a_name() -> None:
    client = member("Editor")
    values = {"Name": "customer_name", "S+C": "primary_address", "Mail": "email_id?"}
    preset = Preset.objects.create(
        kind="crm.import_customers", name="x", values=values, actor="user:a", saved_at="2026-01-01T00:00Z"
    )
    url = upload(client, "Name,S,C,Mail\nA,x,y,a@b\n")["Location"]
    page = client.get(f"{url}?preset={preset.pk}")
    assert columns(page) == {"column-0": "customer_name", "column-1": "", "column-2": "", "column-3": "email_id"}
    url = upload(client, "First name,Last name\nAda,L\n")["Location"]
    assert "job" in client.post(url, columns(client.get(url)))["Location"]
