"""What reports write below their table: rows that are imported are named."""

from typing import Any

import pytest

pytestmark = pytest.mark.django_db
TABLE = "Owner,Account Name\nOlga,Acme\nOlga,Beta\n"


@pytest.mark.parametrize(
    ("below", "warning"),
    [
        (",,\nTotal,2\n", "Row 5 stands below a blank row at the end of the file and was read as part of the table. If it is"
         " a total or a footer, delete it there."),
        ("\n\nTotal,2\n,Tuesday\n", "Rows 6, 7 stand below a blank row at the end of the file and were read as part of the"
         " table. If they are totals or a footer, delete them there."),
    ],
)  # fmt: skip
def test_rows_below_a_blank_one_at_the_end_are_named(imported: Any, below: str, warning: str) -> None:
    ran = imported(TABLE + below)
    assert (ran.code, ran.report["warnings"]) == (0, [warning])


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        TABLE + "\n\n\n",
        "Account Name\n\nAcme\n\nBeta\n\nCole\n",
        TABLE + "\n" + "Olga,Cole\n" * 6,
        'Owner,Account Name\nOlga,"Acme\n\nLtd"\nOlga,Beta\n',
    ],
)
def test_other_tables_are_not_suspected(imported: Any, text: str) -> None:
    assert imported(text).report["warnings"] == []


def test_several_blank_rows_among_them_change_nothing(imported: Any) -> None:
    """As in a report of Salesforce: a total, then its copyright."""
    ran = imported(TABLE + "\nTotal,2\n\n\nCopyright\n", "--skip-errors")
    assert [warning[:39] for warning in ran.report["warnings"]] == ["Row 5 stands below a blank row at the e"]


def test_what_is_refused_is_not_told_twice(imported: Any) -> None:
    ran = imported(TABLE + "\nCopyright\n", "--skip-errors")
    assert (ran.counts, ran.report["warnings"]) == ({"created": 2, "refused": 1}, [])
