"""Files of nothing but line items: what their headings are taken for, and what is said of those that nobody knows."""

from typing import Any

import pytest

from crm.models import Customer
from crm.transfer.columns import customer_headings, guess, plain
from tests.transfer.customers import make, rows_of

pytestmark = pytest.mark.django_db
PARENT_HEADINGS = ["customer_id", "parent_id", "Customer ID", "CustomerID", "Kunden-ID", "supplier_numbers.customer_id"]
HEADINGS = [
    ("company", "supplier_number"),
    ("Company", "Supplier number"),
    ("FIRMA", "Lieferantennummer"),
    ("supplier_numbers.company", "supplier_numbers.supplier_number"),
    ("Company (Supplier Numbers)", "Supplier number (Supplier numbers)"),
    ("Firma (Lieferantennummern)", "Lieferantennummer (Lieferantennummer beim Kunden)"),
    ("Firmenname", "Lieferanten-Nr."),
    ("Company name", "Vendor no."),
    ("Firm", "Supplier numbers"),
]


@pytest.mark.parametrize("headings", HEADINGS, ids=lambda one: one[1])
def test_they_are_known_by_name_by_label_and_by_guess(imported: Any, headings: tuple[str, str]) -> None:
    acme = make("Acme")
    ran = imported(f"customer_id;{';'.join(headings)}\n{acme};A;1\n")
    assert (ran.code, ran.counts) == (0, {"unchanged": 1, "rows_created": 1}), ran.said
    assert rows_of(acme) == [("A", "1")]


@pytest.mark.parametrize("parent", PARENT_HEADINGS)
def test_their_customer_is_known_too(imported: Any, parent: str) -> None:
    acme = make("Acme")
    assert imported(f"{parent},Lieferantennummer\n{acme},1\n").counts == {"unchanged": 1, "rows_created": 1}
    assert rows_of(acme) == [(None, "1")]


@pytest.mark.slow
@pytest.mark.parametrize("headings", HEADINGS[:-1], ids=lambda one: one[1])
@pytest.mark.parametrize("key", ["tax_id", "USt-ID", "id"])
def test_another_reference_names_their_customer_as_well(imported: Any, key: str, headings: tuple[str, str]) -> None:
    acme = make("Acme", tax_id="DE1")
    match_on, value = ("id", acme) if key == "id" else ("tax_id", "DE1")
    text = f"{key};{';'.join(headings)}\n{value};A;1\n"
    options = ["--mode", "update", "--match-on", match_on]
    if plain(headings[0]) in customer_headings():
        ran = imported(text, *options)
        assert (ran.code, f"'{headings[0]}' may be the customer's customer_name, or supplier_numbers" in ran.said) == (
            2,
            True,
        )
        options += ["--map", f"{headings[0]}=supplier_numbers.company"]
    ran = imported(text, *options)
    assert (ran.code, ran.counts) == (0, {"unchanged": 1, "rows_created": 1}), ran.said
    assert rows_of(acme) == [("A", "1")]
    assert Customer.objects.get().customer_name == "Acme"


def test_a_reference_may_be_mapped(imported: Any) -> None:
    acme = make("Acme", customer_pos_id="7")
    text = "Kasse,Position,Supplier number\n7,1,1\n"
    options = ("--mode", "update", "--match-on", "customer_pos_id", "--map", "Kasse=customer_pos_id")
    assert imported(text, *options).counts == {"unchanged": 1, "rows_created": 1}
    assert rows_of(acme) == [(None, "1")]


def test_an_unmapped_column_of_a_file_of_customers_is_what_it_was(imported: Any) -> None:
    """With columns left out, and where the file has more of the customer, a company is the customer's name."""
    acme = make("Acme", tax_id="DE1")
    text = "tax_id,company,supplier_number\nDE1,Beta,1\n"
    assert imported(text, "--mode", "update", "--match-on", "tax_id", "--ignore-unknown").counts == {"updated": 1}
    assert (Customer.objects.get().customer_name, rows_of(acme)) == ("Beta", [])
    ran = imported("tax_id,territory,company,supplier_number\n", "--mode", "update", "--match-on", "tax_id")
    assert (ran.code, "'supplier_number' (Did you mean \"supplier_numbers" in ran.said) == (2, True), ran.said


def test_a_file_of_customers_that_has_columns_of_line_items_stays_one(imported: Any) -> None:
    text = "customer_id,name,supplier_numbers.company\n7,Acme,A\n"
    assert imported(text, "--ignore-unknown").counts == {"created": 1, "rows_created": 1}


def test_a_mapping_may_name_the_list_too(imported: Any) -> None:
    acme = make("Acme")
    options = ("--map", "Owner=supplier_numbers.company", "--map", "No=supplier_number")
    assert imported(f"customer_id,Owner,No\n{acme},A,1\n", *options).counts == {"unchanged": 1, "rows_created": 1}
    assert rows_of(acme) == [("A", "1")]


def test_the_same_column_twice_is_told(imported: Any) -> None:
    ran = imported("customer_id,company,Firma,supplier_number\n")
    assert (ran.code, "'Firma'" in ran.said, "'company'" in ran.said) == (2, True, False)


def test_an_unknown_heading_is_told_with_what_is_expected(imported: Any) -> None:
    ran = imported("Kunden-ID,Lieferantennummer,Telefon,suplier\n")
    assert ran.code == 2
    for part in (
        "'Telefon'", "'suplier'", "nothing but supplier numbers", "'Kunden-ID'", "id, idx, company, supplier_number",
        "--map 'Kunden-ID=id'", "--map 'Kunden-ID=customer_pos_id'",
    ):  # fmt: skip
        assert part in ran.said, ran.said
    assert '"customer_name"' not in ran.said


def test_a_customer_s_id_without_line_items_is_told_with_what_is_expected(imported: Any) -> None:
    ran = imported("customer_id,Vendor\n")
    assert ran.code == 2
    for part in ("'customer_id'", "'Vendor'", "supplier numbers: company, supplier_number", "the id is called id"):
        assert part in ran.said, ran.said
    assert "'customer_id' (Did you mean" not in ran.said


def test_the_number_of_another_system_among_customers_is_told_with_where_to_keep_it(imported: Any) -> None:
    ran = imported("customerID,companyName,phone,fax\nALFKI,Alfreds,1,\n")
    assert ran.said == (
        "Unknown columns: 'customerID', 'fax'. Map them (--map 'Heading=field'; --help lists the fields) or leave them out"
        " (--ignore-unknown). If 'customerID' is the number that another system knows the customer by, keep it as"
        " customer_pos_id (--map 'customerID=customer_pos_id'). If it is an id of this one, say so (--map 'customerID=id')."
    )


def test_the_back_office_proposes_the_columns_of_a_file_of_customers() -> None:
    assert guess(["Kunden-ID", "Firma", "Lieferantennummer", "x"]) == {
        "Kunden-ID": "id",
        "Firma": "supplier_numbers.company",
        "Lieferantennummer": "supplier_numbers.supplier_number",
    }
