"""Imports of JSON and NDJSON: a key that is absent is left alone, in customers and in their supplier numbers."""

import json
from typing import Any

import pytest

from crm.models import Customer, ImportRun, SupplierNumberAtCustomer
from tests.transfer.customers import make, rows_of

pytestmark = pytest.mark.django_db


def lines(*objects: Any) -> str:
    return "\n".join(map(json.dumps, objects)) + "\n"


@pytest.mark.parametrize("flags", [[], ["--dry-run"], ["--skip-errors"]])
def test_an_object_without_what_is_required_is_refused(imported: Any, flags: list[str]) -> None:
    ran = imported(lines({"customer_name": "A", "tax_id": "1"}, {"tax_id": "z"}), *flags, name="a.ndjson")
    assert (ran.code, ran.problems) == (1, [(2, "customer_name", "parameter_missing")])
    assert Customer.objects.count() == (1 if "--skip-errors" in flags else 0)
    assert ImportRun.objects.filter(state="writing").count() == 0


def test_two_equal_objects_are_two_customers(imported: Any) -> None:
    one = {"customer_name": "A", "supplier_numbers": [{"company": "X"}, {"company": "Y"}]}
    assert imported(lines(one, one), name="a.ndjson").counts == {"created": 2, "rows_created": 4}


def test_a_row_id_twice_in_one_object_is_told(imported: Any) -> None:
    row = {"id": "supplier-number-at-customer_1", "company": "X"}
    ran = imported(lines({"customer_name": "A", "supplier_numbers": [row, row]}), name="a.ndjson")
    assert ran.problems == [(1, "supplier_numbers.id", "parameter_duplicate")]


def test_absent_keys_of_a_row_are_left_alone(imported: Any) -> None:
    acme = make("Acme", ("A", "1"), ("B", "2"), tax_id="1")
    other = make("Other", ("C", "3"), tax_id="2")
    row = SupplierNumberAtCustomer.objects.get(company="A").pk
    objects = [
        {"tax_id": "1", "supplier_numbers": [{"id": row, "company": "Z"}]},
        {"tax_id": "2", "supplier_numbers": [{"company": "C", "supplier_number": "4"}]},
    ]
    imported(lines(*objects), "--match-on", "tax_id", name="a.ndjson")
    assert rows_of(acme) == [("Z", "1"), ("B", "2")]
    assert rows_of(other) == [("C", "4")]


def test_replacing_rows_leaves_alone_whoever_says_nothing_of_them(imported: Any) -> None:
    without_list, empty, other = (make(n, ("A", "1"), tax_id=n) for n in ("silent", "empty", "other"))
    objects = [{"tax_id": "silent"}, {"tax_id": "empty", "supplier_numbers": []}]
    objects += [{"tax_id": "other", "supplier_numbers": [{"company": "B"}]}]
    ran = imported(lines(*objects), "--match-on", "tax_id", "--replace-rows", name="a.ndjson")
    assert ran.counts == {"unchanged": 3, "rows_created": 1, "rows_deleted": 2}
    assert [rows_of(one) for one in (without_list, empty, other)] == [[("A", "1")], [], [("B", None)]]


def test_where_all_lists_are_empty_all_rows_go(imported: Any) -> None:
    acme, beta = make("Acme", ("A", "1"), tax_id="1"), make("Beta", ("B", "2"), tax_id="2")
    objects = [{"tax_id": "1", "supplier_numbers": []}, {"tax_id": "2"}]
    ran = imported(lines(*objects), "--match-on", "tax_id", "--replace-rows", name="a.ndjson")
    assert ran.counts == {"unchanged": 2, "rows_deleted": 1}
    assert (rows_of(acme), rows_of(beta)) == ([], [("B", "2")])


@pytest.mark.parametrize("flags", [[], ["--replace-rows"]])
def test_rows_of_one_customer_that_stand_together_go_in(imported: Any, flags: list[str]) -> None:
    acme = make("Acme")
    rows = [{"customer_id": acme, "company": "A", "supplier_number": n} for n in "12"]
    assert imported(lines(*rows), *flags, name="a.ndjson").counts == {"unchanged": 1, "rows_created": 2}
    assert rows_of(acme) == [("A", "1"), ("A", "2")]
    nobodys = {"company": "B", "supplier_number": "3"}
    assert imported(lines(*rows, nobodys), name="b.ndjson").problems == [(3, "customer_id", "parameter_missing")]


@pytest.mark.parametrize("first", [{}, {"note": "x"}])
def test_rows_behind_one_that_says_nothing_go_in(imported: Any, first: dict[str, str]) -> None:
    one = {"customer_name": "Nest", "supplier_numbers": [first, {"company": "X", "supplier_number": "1"}]}
    assert imported(lines(one), "--ignore-unknown", name="a.ndjson").counts == {"created": 1, "rows_created": 1}
    acme = make("Acme")
    parts = [{"customer_id": acme}, {"customer_id": acme, "company": "C1", "supplier_number": "1"}]
    imported(lines(*parts), name="b.ndjson")
    assert rows_of(acme)[-1] == ("C1", "1")


def test_a_text_that_looks_absent_is_one_with_a_nul(imported: Any) -> None:
    ran = imported(lines({"customer_name": "A", "email_id": "\0absent"}), name="a.ndjson")
    assert ran.problems == [(1, "email_id", "characters_not_allowed")]
    ran = imported("customer_name,supplier_numbers.company\nA,\0absent\n")
    assert ran.problems == [(2, "supplier_numbers.company", "characters_not_allowed")]
