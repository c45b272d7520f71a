"""Workbooks imported as people have them: what a person sees is what is stored; the report says what was done to it."""

from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer, SupplierNumberAtCustomer
from tests.files.tables import zipped
from tests.importing import run

pytestmark = pytest.mark.django_db


def names(field: str = "tax_id") -> set[Any]:
    return set(Customer.objects.values_list("customer_name", field))


def test_numbers_with_leading_zeros_keep_them(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet, format = workbook.add_worksheet(), workbook.add_format({"num_format": "00000"})
        sheet.write_row(0, 0, ["customer_name", "tax_id"])
        sheet.write(1, 0, "Acme")
        sheet.write_number(1, 1, 1067, format)
    assert run(tmp_path / "a.xlsx").counts == {"created": 1}
    assert names() == {("Acme", "01067")}


def test_formulas_and_errors_harm_only_rows_that_need_them(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["customer_name", "tax_id", "left out"])
        sheet.write_column(1, 0, ["Acme", "Bell", "Cole"])
        sheet.write_formula(1, 1, "=1+1", value="2")
        sheet.write_formula(2, 1, "=NA()", value="#N/A")
        sheet.write_formula(3, 2, "=NA()", value="#N/A")
    ran = run(tmp_path / "a.xlsx", "--ignore-unknown", "--skip-errors")
    assert (ran.counts, ran.problems) == ({"created": 2, "refused": 1}, [(3, "tax_id", "parameter_invalid")])
    (problem,) = ran.report["problems"]
    assert (problem["value"], problem["message"]) == ("#N/A", "Cell B3 shows the error #N/A. Correct it, or empty it.")
    assert names() == {("Acme", "2"), ("Cole", None)}
    assert any(w.startswith("1 cell holds a formula (B2): what was") for w in ran.report["warnings"])


def test_merged_cells_hold_for_their_rows_and_line_items_stay_with_their_customer(tmp_path: Path) -> None:
    company = f"{SUPPLIER_NUMBERS.name}.company"
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["customer_name", "territory", company])
        sheet.write_column(1, 0, ["Acme", "Bell"])
        sheet.merge_range("B2:B3", "West")
        sheet.merge_range("A4:A5", "Cole")
        sheet.write_column("C4", ["one", "two"])
    ran = run(tmp_path / "a.xlsx")
    assert ran.counts == {"created": 3, "rows_created": 2}
    assert names("territory") == {("Acme", "West"), ("Bell", "West"), ("Cole", None)}
    assert set(SupplierNumberAtCustomer.objects.values_list("customer__customer_name", "company")) == {
        ("Cole", "one"), ("Cole", "two"),
    }  # fmt: skip
    assert ran.report["warnings"] == [
        "2 cells are merged over several rows (first in row 2, 4): their text was taken for each of these rows."
    ]


def _ods_cell(text: str) -> str:
    spanned = 'table:number-rows-spanned="2"' if text == "West" else ""
    return f'<table:table-cell office:value-type="string" {spanned}><text:p>{text}</text:p></table:table-cell>'


def test_a_merged_cell_holds_for_a_row_that_ends_before_the_others(tmp_path: Path) -> None:
    rows = (["customer_name", "territory", "tax_id"], ["Acme", "West", "T1"], ["Bell"])
    content = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    spaces = " ".join(f'xmlns:{name}="urn:{name}"' for name in ("office", "table", "text"))
    content = f'<office:body {spaces}><table:table table:name="A">{content}</table:table></office:body>'
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    (tmp_path / "a.ods").write_bytes(zipped({"mimetype": mime, "content.xml": content}))
    assert run(tmp_path / "a.ods").counts == {"created": 2}
    assert names("territory") == {("Acme", "West"), ("Bell", "West")}


def test_two_filled_sheets_are_refused_and_a_cover_sheet_is_passed_over(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        for name in ("North", "South"):
            workbook.add_worksheet(name).write_column(0, 0, ["customer_name", name])
            workbook.get_worksheet_by_name(name).write_column(0, 1, ["tax_id", name])
    assert "has 2 filled sheets: 'North' (2 rows), 'South' (2 rows). Say which" in run(tmp_path / "a.xlsx").said
    assert not Customer.objects.exists()
    with xlsxwriter.Workbook(tmp_path / "b.xlsx") as workbook:
        workbook.add_worksheet("Cover").write_column(0, 0, ["Our customers", "May"])
        sheet = workbook.add_worksheet("Table")
        sheet.write_column(0, 0, ["Exported on May 1st", "", "customer_name", "Acme"])
        sheet.write_column(2, 1, ["tax_id", "7"])
        sheet.set_row(3, options={"hidden": True})
    ran = run(tmp_path / "b.xlsx")
    assert (ran.counts, names()) == ({"created": 1}, {("Acme", "7")})
    assert ran.report["warnings"] == [
        "The sheet 'Table' was read. 'Cover' is filled too and was not read. If another one is meant, name it (--sheet).",
        "Row 3 was taken for the heading row; the 1 row above it was left out. If that is wrong, say which it is"
        " (--heading-row).",
        "1 hidden row was read too (row 4). If that is wrong, delete what is hidden.",
    ]
