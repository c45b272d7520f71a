"""Values as people write them in files: choices by label, currencies in any case, `7,5 %`. What may mean two things is refused."""

import json
from typing import Any

import pytest

from crm.models import Customer

pytestmark = pytest.mark.django_db

RATE = "default_commission_rate"


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("company", "Company"), ("FIRMA", "Company"), ("Unternehmen", "Company"), ("b2b", "Company"),
        ("Privatperson", "Individual"), ("einzelperson", "Individual"), ("INDIVIDUAL", "Individual"), ("Person", "Individual"),
        ("partnerschaft", "Partnership"), ("Personengesellschaft", "Partnership"), ("", "Company"),
    ],
)  # fmt: skip
def test_a_choice_is_known_by_value_and_label_in_any_case(imported: Any, written: str, stored: str) -> None:
    assert imported(f"customer_name;Kundentyp\nA;{written}\n", "--map", "Kundentyp=customer_type").code == 0
    assert Customer.objects.get().customer_type == stored


def test_another_word_for_a_choice_is_refused_with_its_cell(imported: Any) -> None:
    ran = imported("customer_name,customer_type\nA,Verein\n")
    assert ran.report["problems"] == [
        {"row": 2, "column": "customer_type", "value": "Verein", "code": "parameter_invalid",
         "message": "Must be one of Company, Individual, Partnership."},
    ]  # fmt: skip


def test_currencies_are_known_in_any_case(imported: Any) -> None:
    ran = imported("customer_name,Currency\nA,eur\nB,Usd\nC,\nD,euro\n", "--skip-errors")
    assert dict(Customer.objects.values_list("customer_name", "default_currency")) == {
        "A": "EUR",
        "B": "USD",
        "C": None,
    }
    assert [(p["row"], p["value"]) for p in ran.report["problems"]] == [(5, "euro")]


@pytest.mark.parametrize(
    ("word", "value"),
    [("Ja", True), ("WAHR", True), ("✓", True), ("-1", True), ("1.0", True), ("x", True), ("Nein", False), ("FALSCH", False),
     ("0,0", False), ("aus", False), ("", False), ("n", False)],
)  # fmt: skip
def test_yes_and_no_as_people_and_programs_write_them(imported: Any, word: str, value: bool) -> None:
    imported(f"customer_name;Gesperrt\nA;{word}\n")
    assert Customer.objects.get().disabled is value


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("7,5", "7.5"), ("12,50", "12.5"), ("7.5%", "7.5"), ("7,5 %", "7.5"), ("7,5\u00a0%", "7.5"), ("0,123", "0.123"),
        ("0.123", "0.123"), ("33.333", "33.333"), ("12,3456", "12.3456"), ("1e1", "10"), ("−0", "0"), ("100,0", "100"),
    ],
)  # fmt: skip
def test_a_number_that_can_only_be_read_in_one_way(imported: Any, written: str, stored: str) -> None:
    assert imported(f"customer_name;Provision\nA;{written}\n").code == 0
    assert f"{Customer.objects.get().default_commission_rate.normalize():f}" == stored


@pytest.mark.parametrize("written", ["1,234", "12,345"])
def test_what_may_be_a_thousand_is_refused_with_both_readings(imported: Any, written: str) -> None:
    (problem,) = imported(f"customer_name;Provision\nA;{written}\n").report["problems"]
    one, other = written.replace(",", ".") + "0", written.replace(",", "")
    assert problem == {
        "row": 2, "column": "Provision", "value": written, "code": "parameter_invalid",
        "message": f"May mean {one} or {other}. Write it as one of these.",
    }  # fmt: skip


@pytest.mark.parametrize(
    "written", ["1.234,5", "1,234.5", "1 234", "1\u00a0234,5", "1'234.50", "1.234.567", "1,234,567"]
)
def test_thousands_are_read_and_then_judged(imported: Any, written: str) -> None:
    (problem,) = imported(f"customer_name;Provision\nA;{written}\n").report["problems"]
    assert (problem["value"], problem["code"]) == (written, "parameter_invalid_range")


@pytest.mark.parametrize("written", ["1,2,3", "5,", "12.5.3", "1 2", "1,5 km", "5 € %"])
def test_what_is_no_number_is_refused(imported: Any, written: str) -> None:
    (problem,) = imported(f"customer_name;Provision\nA;{written}\n").report["problems"]
    assert (problem["value"], problem["code"]) == (written, "parameter_invalid_type")


@pytest.mark.slow
def test_a_constant_is_read_as_a_cell_is(imported: Any) -> None:
    imported("customer_name\nA\n", "--set", "customer_type=Privatperson", "--set", f"{RATE}=7,5 %")
    assert Customer.objects.values_list("customer_type", RATE).get() == ("Individual", 7.5)


def test_files_of_objects_are_files_too(imported: Any) -> None:
    one = {"customer_name": "A", "customer_type": "Firma", "default_currency": "eur", RATE: 1.234}
    assert imported(json.dumps(one), name="a.ndjson").code == 0
    assert Customer.objects.values_list("customer_type", "default_currency", RATE).get()[:2] == ("Company", "EUR")
