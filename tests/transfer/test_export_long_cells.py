"""Texts that no cell of XLSX holds: the customer is named, and the text cut or left out by whoever wants that."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from crm import services
from overplane.files.sources import examined
from overplane.files.tables import opened_table
from overplane.origin import Origin

pytestmark = pytest.mark.django_db
BY_HAND = Origin("user:hand")
LONG = "🦊" * 20_000  # 40,000 characters as Excel counts them


def customer(name: str, details: str) -> str:
    return services.create_customer({"customer_name": name, "customer_details": details}, origin=BY_HAND).output["id"]


def exported(path: Path, *arguments: str) -> tuple[dict[str, str], str]:
    """Details by name, and what the command said."""
    said = io.StringIO()
    call_command("export_customers", str(path), "--columns", "customer_name,customer_details", *arguments, stderr=said)
    with opened_table(examined(path, path.name)) as table:
        name, details = map(table.headings.index, ("customer_name", "customer_details"))
        return {cells[name]: cells[details] for _, cells in table.rows}, said.getvalue()


def test_the_refusal_names_the_customer(tmp_path: Path) -> None:
    customer("Short", "x")
    id = customer("Acme", LONG)
    customer("Other", "x")
    with pytest.raises(CommandError) as refused:
        exported(tmp_path / "a.xlsx")
    assert str(refused.value) == (
        f'customer_details of the customer "Acme" ({id}) has 40000 characters as Excel counts them; a cell of XLSX holds'
        " 32767. Export CSV, or choose that such texts are cut or left out (--long-cells cut or omit)."
    )
    assert refused.value.returncode == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("choice", "text", "done"), [("cut", "🦊" * 16_383, "cut"), ("omit", "", "left out")])
def test_it_is_cut_or_left_out_if_somebody_wants_that(tmp_path: Path, choice: str, text: str, done: str) -> None:
    id = customer("Acme", LONG)
    customer("Short", "x")
    details, said = exported(tmp_path / "a.xlsx", "--long-cells", choice, "--quiet")
    assert details == {"Acme": text, "Short": "x"}
    assert said == (
        f'1 text is longer than a cell and was {done}: customer_details of the customer "Acme" ({id}). To import this file'
        " would change it.\n"
    )


def test_the_note_names_the_first_of_many(tmp_path: Path) -> None:
    for i in range(5):
        customer(f"Acme {i}", LONG)
    _, said = exported(tmp_path / "a.xlsx", "--long-cells", "cut")
    assert said.startswith("5 texts are longer than a cell and were cut: ")
    assert said.count("customer_details") == 3
    assert "5 customers exported." in said


def test_csv_holds_any_text(tmp_path: Path) -> None:
    customer("Acme", LONG)
    assert exported(tmp_path / "a.csv", "--long-cells", "cut") == ({"Acme": LONG}, "1 customer exported.\n")
