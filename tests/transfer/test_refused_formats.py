"""Refused rows come back as their file was: format, encoding and delimiter; no identifier is damaged by Excel."""

import csv
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from django.core.management import call_command
from django.urls import reverse
from python_calamine import CalamineWorkbook

from crm.models import Customer
from crm.transfer import imports
from crm.transfer.options import ImportOptions
from crm.transfer.refused_files import RefusedRows
from overplane.files.sources import examined
from overplane.jobs.models import Job
from tests.backoffice.import_pages import check
from tests.backoffice.people import member
from tests.transfer.workbooks import HEAD, ROWS, workbook

pytestmark = pytest.mark.django_db
MARK = "\ufeff"


def text(delimiter: str, head: str = "") -> str:
    lines = io.StringIO(newline="")
    csv.writer(lines, delimiter=delimiter).writerows(ROWS)
    return head + lines.getvalue()


def errors(ran: Any) -> Path:
    return Path(ran.report["errors_file"])


@pytest.mark.parametrize(
    ("name", "content", "begins", "encoding", "delimiter"),
    [
        ("comma.csv", text(",").encode(), "EFBBBF", "utf-8-sig", ","),
        ("semicolon.csv", text(";").encode(), "EFBBBF", "utf-8-sig", ";"),
        ("marked.csv", text(";", "sep=;\r\n").encode(), "EFBBBF", "utf-8-sig", ";"),
        ("tab.tsv", text("\t").encode(), "EFBBBF", "utf-8-sig", "\t"),
        ("pipe.txt", text("|").encode(), "EFBBBF", "utf-8-sig", "|"),
        ("wide.txt", text("\t", MARK).encode("utf-16-le"), "FFFE22", "utf-16", "\t"),
        ("windows.csv", text(";").encode("cp1252"), "22696D", "cp1252", ";"),
        ("packed.csv.gz", gzip.compress(text(";").encode(), mtime=0), "EFBBBF", "utf-8-sig", ";"),
    ],
)
def test_a_text_comes_back_with_its_delimiter_and_encoding(
    imported: Any, name: str, content: bytes, begins: str, encoding: str, delimiter: str
) -> None:
    ran = imported(content, "--skip-errors", "--accept-encoding", name=name)
    assert ran.counts == {"created": 1, "refused": 1}
    assert errors(ran).name == f"{name}.errors.csv"
    back = errors(ran).read_bytes()
    assert back.hex().upper().startswith(begins)
    heading, row = csv.reader(io.StringIO(back.decode(encoding), newline=""), delimiter=delimiter)
    assert heading == ["import_row", "import_problems", *HEAD]
    assert (row[0], row[2:]) == ("2", ["Müller; Söhne", "nobody", '="00123"'])
    mended = back.decode(encoding).replace("nobody", "a@b").encode(encoding)
    assert imported(mended, "--accept-encoding", name="mended.csv").counts == {"created": 1}
    assert Customer.objects.filter(customer_name="Müller; Söhne", tax_id="00123").exists()


def test_a_delimiter_and_an_encoding_that_were_named_are_kept(imported: Any) -> None:
    content = text("^").replace("Müller; Söhne", "Мюллер").encode("cp1251")
    ran = imported(content, "--delimiter", "^", "--encoding", "cp1251", "--skip-errors")
    assert errors(ran).read_bytes().startswith(b'"import_row"^"import_problems"^"name"')
    assert "Мюллер" in errors(ran).read_bytes().decode("cp1251")


@pytest.mark.parametrize("name", ["a.xlsx", "a.zip"])
def test_a_workbook_comes_back_as_one_with_texts(imported: Any, name: str) -> None:
    content = workbook()
    if name == "a.zip":
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("inner.csv", text(";"))
        content = target.getvalue()
    ran = imported(content, "--skip-errors", name=name)
    ending = "xlsx" if name == "a.xlsx" else "csv"
    assert errors(ran).name == f"{name}.errors.{ending}"
    assert sorted(path.name for path in errors(ran).parent.iterdir()) == [name, errors(ran).name]
    if ending == "xlsx":
        heading, row = CalamineWorkbook.from_path(str(errors(ran))).get_sheet_by_index(0).to_python()
        assert heading == ["import_row", "import_problems", *HEAD]
        assert (row[0], row[2:]) == ("2", ["Müller; Söhne", "nobody", "00123"])
    assert imported(errors(ran).read_bytes(), name=f"again.{ending}").problems == [(2, "mail", "parameter_invalid")]


def test_a_workbook_may_come_back_as_csv_if_its_name_says_so(imported: Any, tmp_path: Path) -> None:
    ran = imported(workbook(), "--skip-errors", "--errors", str(tmp_path / "bad.csv"), name="a.xlsx")
    assert errors(ran).read_text(encoding="utf-8-sig").startswith('"import_row","import_problems"')
    other = imported(workbook(), "--errors", str(tmp_path / "bad.ndjson"), name="a.xlsx")
    assert (other.code, "must end in .xlsx" in other.said) == (2, True)
    other = imported(text(","), "--errors", str(tmp_path / "bad.xlsx"), name="a.csv")
    assert (other.code, "must end in .csv" in other.said) == (2, True)


@pytest.mark.parametrize(
    ("cell", "stands"),
    [("007", '="007"'), ("1234567890123456", '="1234567890123456"'), ("12E3", '="12E3"'), ("1.5e7", '="1.5e7"'),
     ("123456789012345", "123456789012345"), ("0", "0"), ("0.5", "0.5"), ("+49 1", "'+49 1"), ("=1+1", "'=1+1"),
     ("1-2", "1-2"), ('="007"', '="007"')],
)  # fmt: skip
def test_only_what_excel_would_damage_is_protected(imported: Any, cell: str, stands: str) -> None:
    quoted = cell.replace('"', '""')
    ran = imported(f'name,mail,tax_id\nA,nobody,"{quoted}"\n')
    (_, row) = csv.reader(io.StringIO(errors(ran).read_text(encoding="utf-8-sig"), newline=""))
    assert row[-1] == stands
    imported(errors(ran).read_text(encoding="utf-8-sig").replace("nobody", "a@b"))
    assert Customer.objects.get().tax_id == ("007" if "007" in cell else cell)


def test_what_the_encoding_does_not_have_makes_the_file_utf_8(tmp_path: Path) -> None:
    """Only reasons and broken rows can hold it: everything else was read from that encoding."""
    path = tmp_path / "a.csv"
    path.write_bytes("name;mail\nMüller;nobody\nB;no\n".encode("cp1252"))
    source = examined(path, "a.csv")
    refused = RefusedRows(tmp_path / "refused.csv")
    refused.imitate(source)
    refused._write('"import_row";x\r\nMüller\r\n')
    assert refused.flushed() == len('"import_row";x\r\nMüller\r\n')
    refused._write("Мюллер\r\n")
    refused.finish()
    assert refused.path.read_text(encoding="utf-8-sig") == '"import_row";x\nMüller\nМюллер\n'
    assert refused.warnings == ["The refused rows hold characters that cp1252 does not have; refused.csv is UTF-8."]


@pytest.mark.django_db(transaction=True)
def test_a_workbook_s_rows_are_gone_on_with_and_become_one_workbook(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook([HEAD, *([f"c{i}", "nobody" if i % 3 == 0 else "a@b", str(i)] for i in range(40))]))
    source, target = examined(path, "a.xlsx"), tmp_path / "refused.xlsx"

    def stop(doing: str, fraction: float, customers: int) -> None:
        if doing == "writing" and customers >= 20:
            raise KeyboardInterrupt

    settings = ImportOptions(size=10, skip_errors=True)
    with pytest.raises(KeyboardInterrupt), RefusedRows(target) as refused:
        imports.run(source, settings, started_by="test", progress=stop, refused=refused)
    assert [one.name for one in tmp_path.iterdir()] == ["a.xlsx", "refused.xlsx.part"]
    with (tmp_path / "refused.xlsx.part").open("ab") as file:
        file.write(b"half a row, never comm")
    with RefusedRows(tmp_path / "other.xlsx") as refused:
        report = imports.resume(source, progress=lambda *_: None, refused=refused)
    assert (report.counts["refused"], refused.path) == (14, target)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.xlsx", "refused.xlsx"]
    rows = CalamineWorkbook.from_path(str(target)).get_sheet_by_index(0).to_python()
    assert [row[2] for row in rows[1:]] == [f"c{i}" for i in range(0, 40, 3)]


def test_a_cell_that_no_workbook_holds_makes_it_csv(imported: Any) -> None:
    rows = [["name", *(f"supplier_numbers.{n}" for n in ("company", "supplier_number"))], ["'+" + "x" * 32_700, "", ""]]
    rows[1][0] = "=" + "x" * 32_766
    ran = imported(workbook_of_texts(rows), "--skip-errors", name="a.xlsx")
    assert errors(ran).suffix == ".csv"
    assert "do not fit into a workbook" in ran.report["warnings"][-1]


def workbook_of_texts(rows: list[list[str]]) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        for i, row in enumerate(rows):
            for k, cell in enumerate(row):
                sheet.write_string(i, k, cell)
    return content.getvalue()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_page_offers_the_same_file() -> None:
    client = member("Editor")
    for name, content, begins in (
        ("a.csv", text(";").encode("utf-16"), '\ufeff"import_row";'.encode("utf-16-le")),
        ("a.xlsx", workbook(), b"PK"),
    ):
        check(client, content, file_name=name)
        stored = Job.objects.filter(kind="crm.check_import").latest("created_at").result["report"]
        answer = client.get(reverse("job_file", args=[stored]))
        back = answer.getvalue()
        assert f'filename="refused rows of {name}"' in answer["Content-Disposition"]
        assert back.startswith(begins)
    call_command("run_worker", until_idle=True)
