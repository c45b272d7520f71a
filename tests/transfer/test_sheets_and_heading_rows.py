"""Which sheet, and which of its rows names the columns, as somebody says it."""

import io
from typing import Any

import pytest
import xlsxwriter

from crm.models import Customer

pytestmark = pytest.mark.django_db


def book() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as workbook:
        for name, customer in (("2023", "Old"), ("2024", "New")):
            sheet = workbook.add_worksheet(name)
            for i, row in enumerate([["Kunden"], ["x", "y"], ["Name", "E-Mail"], [customer, "a@b"]]):
                sheet.write_row(i, 0, row)
    return content.getvalue()


def test_the_sheet_that_is_named_is_read(imported: Any) -> None:
    assert "--sheet NAME" in imported(book(), name="a.xlsx").said
    assert imported(book(), "--sheet", "2024", name="a.xlsx").counts == {"created": 1}
    assert Customer.objects.get().customer_name == "New"
    assert "The sheets are: '2023', '2024'" in imported(book(), "--sheet", "2025", "--again", name="a.xlsx").said


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv"])
def test_the_heading_row_that_is_named_is_taken(imported: Any, name: str) -> None:
    content = book() if name == "a.xlsx" else b"Kunden,\nx,y\nName,E-Mail\nNew,a@b\n"
    sheet = ["--sheet", "2024"] if name == "a.xlsx" else []
    taken = imported(content, *sheet, "--heading-row", "2", "--map", "x=customer_name", "--map", "y=", name=name)
    assert taken.counts == {"created": 2}
    assert imported(content, *sheet, "--heading-row", "3", "--again", name=name).counts == {"created": 1}
    assert imported(content, *sheet, "--heading-row", "9", "--again", name=name).code == 2


def test_rows_are_counted_from_1(imported: Any) -> None:
    ran = imported("Name\nA\n", "--heading-row", "0")
    assert (ran.code, ran.said) == (2, "--heading-row: rows are counted from 1.")
