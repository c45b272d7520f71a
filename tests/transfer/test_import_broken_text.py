"""Text as programs and people write it: odd quotes, bad bytes, other encodings, lines above the headings."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from crm.models import Customer, ImportRun
from crm.transfer import imports
from crm.transfer.refused_files import RefusedRows
from overplane.files.sources import examined
from tests.transfer.progress import after, nothing

pytestmark = pytest.mark.django_db(transaction=True)


def names() -> set[str]:
    return set(Customer.objects.values_list("customer_name", flat=True))


BROKEN = {
    "customers.csv": b'name,territory\nGood,a\n"Acme "Best" Ltd",b\nCaf\xe9,c\n"Open,d\nFine,\xc3\xbc\nLast,f\n',
    "customers.ndjson": b'{"customer_name":"Good"}\n{"customer_name":"x","customer_name":"y"}\n{"customer_name":"Caf\xe9"}\n'
    b'{"customer_name":\n{"customer_name":"Fine","territory":"\xc3\xbc"}\n{"customer_name":"Last"}\n',
}
MESSAGES = {
    "customers.csv": [
        (3, "", "This row is not CSV (',' expected after '\"'). A quote inside of quotes must be doubled."),
        (4, "name", "Line 4: the byte 0xE9 is not UTF-8. Mend that line, or name the file's encoding (--encoding)."),
        (5, "", "This row is not CSV: a quote is opened in it and closed nowhere. Close it, or double a quote that is meant."),
    ],
    "customers.ndjson": [
        (2, "", "The key 'customer_name' stands twice in one object."),
        (3, "", "Line 3: the byte 0xE9 is not UTF-8. Mend that line, or name the file's encoding (--encoding)."),
        (4, "", "This is not JSON (unexpected end of data: line 2 column 1 (char 18))."),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_all_broken_rows_are_told_and_may_be_skipped(imported: Any, name: str) -> None:
    ran = imported(BROKEN[name], name=name)
    problems = [(p["row"], p["column"], p["message"]) for p in ran.report["problems"]]
    assert (ran.code, problems, names()) == (1, MESSAGES[name], set())
    ran = imported(BROKEN[name], "--skip-errors", name=f"again.{name}")
    problems = [(p["row"], p["column"], p["message"]) for p in ran.report["problems"]]
    assert (ran.code, problems, ran.counts) == (1, MESSAGES[name], {"created": 3, "refused": 3})
    assert names() == {"Good", "Fine", "Last"}


def test_refused_rows_show_what_could_be_read_and_stay_refused_until_they_are_mended(imported: Any) -> None:
    ran = imported(BROKEN["customers.csv"], "--skip-errors")
    refused = Path(ran.report["errors_file"])
    with refused.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert [[row[0], *row[2:]] for row in rows[1:]] == [
        ["3", "", "", '"Acme "Best" Ltd",b'],
        ["4", "Caf�", "c"],
        ["5", "", "", '"Open,d'],
    ]
    again = imported(refused.read_bytes(), "--skip-errors")
    assert [(p["row"], p["message"]) for p in again.report["problems"]] == [
        (2, "The row has 5 cells, the heading 4."),
        (4, "The row has 5 cells, the heading 4."),
    ]


def test_what_is_no_object_stays_refused_until_it_is_mended(imported: Any) -> None:
    ran = imported(BROKEN["customers.ndjson"], "--skip-errors", name="customers.ndjson")
    refused = Path(ran.report["errors_file"])
    objects = [json.loads(line) for line in refused.read_text().splitlines()]
    assert [(one["import_row"], one["import_raw"]) for one in objects] == [
        (2, '{"customer_name":"x","customer_name":"y"}'),
        (3, '{"customer_name":"Caf�"}'),
        (4, '{"customer_name":'),
    ]
    assert "'import_raw'" in imported(refused.read_bytes(), name="again.ndjson").said


def test_a_bad_byte_in_a_column_that_is_left_out_does_no_harm(imported: Any) -> None:
    content = b"name,other\nM\xc3\xbcller,caf\xe9\nAcme,x\n"
    assert imported(content, "--map", "other=").counts == {"created": 2}


@pytest.mark.slow
def test_a_run_with_broken_rows_goes_on_where_it_stood(tmp_path: Path) -> None:
    lines = [f"c{i}" for i in range(95)]
    lines[17], lines[40], lines[71] = '"x"y', "caf\udce9", '"open'
    path = tmp_path / "a.csv"
    path.write_bytes("\n".join(["name", *lines]).encode("utf-8", "surrogateescape") + "\nü\n".encode() * 5)
    source = examined(path, "a.csv")
    options = imports.ImportOptions(size=10, skip_errors=True)
    with pytest.raises(Exception, match="stop"), RefusedRows(tmp_path / "r.csv") as refused:
        imports.run(source, options, started_by="t", progress=after(3, ValueError("stop")), refused=refused)
    assert ImportRun.objects.get().position == 31
    with RefusedRows(tmp_path / "r.csv") as refused:
        report = imports.resume(examined(path, "a.csv"), progress=nothing, refused=refused)
    assert (report.counts["created"], report.counts["refused"], Customer.objects.count()) == (97, 3, 97)
    with (tmp_path / "r.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [(row[0], row[-1]) for row in csv.reader(file)][1:] == [("19", '"x"y'), ("42", "caf�"), ("73", '"open')]


WORDS = ["Łódź", "Kraków", "Świętokrzyska", "Gdańsk", "Wrocław"]
POLISH = "\n".join(["name", *WORDS]).encode("cp1250")
SEEMS = "is not UTF-8. It seems to be cp1250 ("
CONFIRM = "Say which one it is (--encoding NAME), or take the first (--accept-encoding)."


def test_a_guess_is_only_written_when_it_was_confirmed(imported: Any) -> None:
    ran = imported(POLISH, name="a.csv")
    assert (ran.code, ran.report, names()) == (2, {}, set())
    assert f"a.csv {SEEMS}" in ran.said
    assert CONFIRM in ran.said
    assert any(word in ran.said for word in WORDS)
    assert "cp1252 (" in ran.said
    assert not ImportRun.objects.exists()
    ran = imported(POLISH, "--dry-run", name="a.csv")
    assert (ran.code, ran.counts) == (0, {"created": 5})
    assert [w for w in ran.report["warnings"] if SEEMS in w and CONFIRM in w]
    assert imported(POLISH, "--accept-encoding", name="a.csv").code == 0
    assert names() == set(WORDS)


def test_an_encoding_that_was_named_is_confirmed(imported: Any) -> None:
    assert imported(POLISH, "--encoding", "cp1250").report["warnings"] == []
    assert names() == set(WORDS)


def test_wide_text_without_a_mark_needs_no_confirmation(imported: Any) -> None:
    assert imported("name\nMüller\nAcme Incorporated\n".encode("utf-16-le")).counts == {"created": 2}


@pytest.mark.slow
def test_a_run_goes_on_in_the_encoding_that_was_accepted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\n".join(["name", *(f"{word} {i}" for i in range(20) for word in WORDS)]).encode("cp1250"))
    options = imports.ImportOptions(size=10)
    with pytest.raises(ValueError, match="stop"):
        imports.run(
            examined(path, "a.csv"),
            options,
            started_by="t",
            progress=after(2, ValueError("stop")),
            accept_encoding=True,
        )
    report = imports.resume(examined(path, "a.csv"), progress=nothing)
    assert (report.counts["created"], report.warnings) == (100, [])
    assert names() == {f"{word} {i}" for i in range(20) for word in WORDS}


def test_quotes_after_a_blank_are_no_data(imported: Any) -> None:
    imported('"name", "primary_address", "email_id"\n"Acme", "1 Main St, Berlin", "a@b.de"\n')
    (customer,) = Customer.objects.values_list("customer_name", "primary_address", "email_id")
    assert customer == ("Acme", "1 Main St, Berlin", "a@b.de")


def test_ids_that_were_protected_from_a_spreadsheet(imported: Any) -> None:
    imported('="name",="tax_id",territory\nAcme,="00123",="say ""x"""\nBeta,"=""00456""",=""\n"\'=""x""",1,=1+1\n')
    assert set(Customer.objects.values_list("customer_name", "tax_id", "territory")) == {
        ("Acme", "00123", 'say "x"'), ("Beta", "00456", None), ('="x"', "1", "=1+1"),
    }  # fmt: skip


def test_lines_above_the_headings_are_told(imported: Any) -> None:
    ran = imported("Customers, as of May, 2026\n\nCompany name;E-Mail\nAcme;a@b\nBeta;nobody\n", "--skip-errors")
    assert ran.counts == {"created": 1, "refused": 1}
    assert ran.problems == [(5, "E-Mail", "parameter_invalid")]
    assert ran.report["warnings"] == [
        "Row 3 was taken for the heading row; the 1 row above it was left out. If that is wrong, say which it is"
        " (--heading-row)."
    ]
