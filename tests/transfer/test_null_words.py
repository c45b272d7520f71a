"""NULL, nan and #N/A as text: they go in as they stand, with a warning that says how to avoid that."""

from typing import Any

import pytest

from crm.models import Customer

pytestmark = pytest.mark.django_db


def test_words_for_nothing_are_told_with_count_column_and_rows(imported: Any) -> None:
    text = "name,Territory,Industry\nA,NULL,x\nB,nan,NULL\nC,West,y\nD,NULL,z\nE,NULL,\n"
    ran = imported(text)
    assert ran.report["warnings"] == [
        "Territory: 4 cells hold NULL, nan as a text (row 2, 3, 5 …). If that is to be an empty cell, say so:"
        " --null NULL --null nan.",
        "Industry: 1 cell holds NULL as a text (row 3). If that is to be an empty cell, say so: --null NULL.",
    ]
    assert Customer.objects.filter(territory="NULL").count() == 3


@pytest.mark.parametrize("word", ["null", "NaN", "#N/A", "N/A", "n/a", "None", "#REF!", "#NV", "<NA>"])
def test_each_of_them_is_blank_as_soon_as_somebody_says_so(imported: Any, word: str) -> None:
    text = f"name,Territory,supplier_numbers.company\nA,{word},{word}\n"
    ran = imported(text)
    said = [warning.partition(":")[0] for warning in ran.report["warnings"]]
    assert said == ["Territory", "supplier_numbers.company"]
    again = imported(text, "--null", word, "--again")
    assert (again.report["warnings"], again.counts) == ([], {"created": 1})


def test_columns_that_are_joined_are_watched_one_by_one(imported: Any) -> None:
    text = "Name,Street,City\nA,Main St,NULL\nB,NULL,NULL\n"
    ran = imported(text, "--map", "Street+City=primary_address")
    assert ran.report["warnings"] == [
        "Street: 1 cell holds NULL as a text (row 3). If that is to be an empty cell, say so: --null NULL.",
        "City: 2 cells hold NULL as a text (row 2, 3). If that is to be an empty cell, say so: --null NULL.",
    ]


def test_it_is_told_where_errors_are_skipped_too(imported: Any) -> None:
    ran = imported("name,Territory,disabled\nA,NULL,no\nB,x,perhaps\n", "--skip-errors")
    assert [warning[:26] for warning in ran.report["warnings"]] == ["Territory: 1 cell holds NU"]
