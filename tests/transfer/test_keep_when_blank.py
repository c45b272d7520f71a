"""A blank cell resets a value, unless somebody asks that it leaves what is stored: for all columns, or for one."""

import json
from pathlib import Path
from typing import Any

import pytest

from crm.models import Customer
from tests.transfer.customers import make, rows_of

pytestmark = pytest.mark.django_db
STORED = {"tax_id": "1", "territory": "North", "industry": "Trade", "disabled": True, "default_commission_rate": "5"}
FILE = "tax_id,Name,Territory,Industry,disabled,default_commission_rate\n1,,,Steel,,\n2,New,,,,\n"


def stored() -> dict[str, Any]:
    names = ("customer_name", "territory", "industry", "disabled", "default_commission_rate")
    return Customer.objects.filter(tax_id="1").values(*names).get()


def test_of_all_columns(imported: Any) -> None:
    make("Acme", **STORED | {"default_commission_rate": 5})
    assert imported(FILE, "--match-on", "tax_id", "--keep-when-blank").counts == {"created": 1, "updated": 1}
    assert stored() == {
        "customer_name": "Acme", "territory": "North", "industry": "Steel", "disabled": True, "default_commission_rate": 5,
    }  # fmt: skip


def test_of_one_column_in_a_mapping_file_too(imported: Any, tmp_path: Path) -> None:
    make("Acme", **STORED | {"default_commission_rate": 5})
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps({"Name": "customer_name?", "disabled": "disabled?"}))
    options = ["--match-on", "tax_id", "--mapping", str(mapping), "--map", "Territory=territory?"]
    assert imported(FILE, *options).counts == {"created": 1, "updated": 1}
    assert stored() == {
        "customer_name": "Acme", "territory": "North", "industry": "Steel", "disabled": True,
        "default_commission_rate": None,
    }  # fmt: skip


def test_a_word_for_nothing_is_blank_as_well(imported: Any) -> None:
    make("Acme", **STORED | {"default_commission_rate": 5})
    imported("tax_id,Territory\n1,NULL\n", "--match-on", "tax_id", "--null", "NULL", "--keep-when-blank")
    assert stored()["territory"] == "North"


def test_a_new_customer_needs_its_name_all_the_same(imported: Any) -> None:
    ran = imported("tax_id,Name\n1,\n", "--match-on", "tax_id", "--keep-when-blank")
    assert ran.problems == [(2, "Name", "parameter_missing")]


def test_of_line_items(imported: Any) -> None:
    acme = make("Acme", ("A", "1"), tax_id="1")
    text = "tax_id,supplier_numbers.company,supplier_numbers.supplier_number\n1,A,\n"
    assert imported(text, "--match-on", "tax_id", "--map", "supplier_numbers.supplier_number="
                    "supplier_numbers.supplier_number?").counts == {"unchanged": 1}  # fmt: skip
    assert rows_of(acme) == [("A", "1")]
    assert imported(text, "--match-on", "tax_id", "--again").counts == {"unchanged": 1, "rows_updated": 1}
    assert rows_of(acme) == [("A", None)]
