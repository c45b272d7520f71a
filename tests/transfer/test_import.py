"""manage.py import_customers: formats, headings, rows beside their customer, modes, reports."""

import csv
import getpass
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from django.core.management import CommandError, call_command
from pyarrow import Table, parquet

from crm import services
from crm.models import Customer, ImportRun, SupplierNumberAtCustomer
from crm.transfer import imports
from overplane.events.changes import people
from overplane.events.models import Event
from overplane.files.sources import examined
from tests.conftest import CUSTOMER, ROW, Api
from tests.importing import run
from tests.transfer.customers import BY_HAND, make, rows_of

pytestmark = pytest.mark.django_db
TABLE = [["Company name", "E-Mail", "VAT no.", "Disabled"], ["Müller", "a@b", "007", "ja"], ["Acme", "", "", "no"]]


def text(delimiter: str = ",", end: str = "\n") -> str:
    return "".join(delimiter.join(row) + end for row in TABLE)


def workbook() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        sheet = book.add_worksheet()
        for i, row in enumerate(TABLE):
            sheet.write_row(i, 0, row)
        sheet.write_boolean(1, 3, True)
    return content.getvalue()


def parquet_file() -> bytes:
    content = io.BytesIO()
    parquet.write_table(Table.from_pylist([dict(zip(TABLE[0], row, strict=True)) for row in TABLE[1:]]), content)
    return content.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return target.getvalue()


OBJECTS = [
    {"customer_name": "Müller", "email_id": "a@b", "tax_id": "007", "disabled": True},
    {"customer_name": "Acme", "tax_id": None},
]
LINES = "\n".join(json.dumps(one) for one in OBJECTS)
FILES = {
    "comma.csv": text().encode(),
    "mark.csv": b"\xef\xbb\xbf" + text(";").encode(),
    "tab.tsv": text("\t", "\r\n").encode(),
    "pipe.txt": text("|", "\r").encode(),
    "wide.csv": text(";").encode("utf-16"),
    "wide without mark.csv": text(";").encode("utf-16-le"),
    "windows.csv": text(";").encode("cp1252"),
    "mixed ends.csv": text().encode().replace(b"\n", b"\r\n", 1),
    "table.xlsx": workbook(),
    "objects.json": json.dumps(OBJECTS, indent=1).encode(),
    "objects.ndjson": LINES.encode(),
    "packed.csv.gz": gzip.compress(text().encode()),
    "packed.ndjson.gz": gzip.compress(LINES.encode()),
    "packed.zip": zipped("inner.csv", text("\t").encode()),
    "packed workbook.zip": zipped("inner.csv", text().encode("cp1252")),
    "columns.parquet": parquet_file(),
}


@pytest.mark.parametrize("name", FILES)
def test_reads_every_format_and_encoding(imported: Any, name: str) -> None:
    assert imported(FILES[name], "--accept-encoding", name=name).counts == {"created": 2}
    assert set(Customer.objects.values_list("customer_name", "email_id", "tax_id", "disabled")) == {
        ("Müller", "a@b", "007", True),
        ("Acme", None, None, False),
    }
    (import_run,) = ImportRun.objects.all()
    assert (import_run.state, import_run.file_name, import_run.counts["created"]) == ("done", name, 2)
    assert Event.objects.filter(type="customer.created", actor=f"import:{import_run.pk}").count() == 2


BAD_FILES = {
    "a picture.csv": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "binary.csv": bytes(range(256)) * 20,
    "empty.csv": b"",
    "blank.csv": b"\n\n\n",
    "no headings.csv": b",,,\n\n",
    "twice.csv": b"customer_name,customer_name\nx,y\n",
    "same meaning.csv": b"customer_name,Firma\nx,y\n",
    "unknown.csv": b"customer_name,Colour,Shape\nx,y,z\n",
    "no name.csv": b"email_id\na@b\n",
    "many columns.csv": (",".join(f"c{i}" for i in range(2000)) + "\n").encode(),
    "bomb.csv.gz": lambda: gzip.compress(b"customer_name\n" + b"x" * (70 << 20)),
    "bomb.zip": lambda: zipped("a.csv", b"x" * (70 << 20)),
    "cut off.csv.gz": gzip.compress(text().encode() * 9)[:-20],
    "two files.zip": b"",
    "broken.xlsx": b"PK\x03\x04" + bytes(50),
    "named wrongly.xlsx": text().encode(),
    "broken.json": b'[{"customer_name": "x"',
    "deep.json": b"[" * 100_000,
    "no objects.json": b'["x"]',
    "nested.ndjson": b'{"customer_name": {"a": 1}}\n',
    "broken.parquet": b"PAR1" + bytes(100),
}
MESSAGES = {
    "a picture.csv": "is a picture", "binary.csv": "binary", "empty.csv": "is empty", "blank.csv": "no headings",
    "no headings.csv": "no headings", "twice.csv": "'customer_name'. Rename",
    "same meaning.csv": "'Firma'", "unknown.csv": "'Colour', 'Shape'", "no name.csv": "customer_name, which is required",
    "many columns.csv": "'c1999'", "bomb.csv.gz": "200 times", "bomb.zip": "200 times",
    "cut off.csv.gz": "broken", "two files.zip": "holds 2 files", "broken.xlsx": "broken",
    "named wrongly.xlsx": "named like XLSX", "broken.json": "not JSON",
    "deep.json": "not JSON", "no objects.json": "every entry must be one",
    "nested.ndjson": "holds an object", "broken.parquet": "Parquet",
}  # fmt: skip


def content_of(name: str) -> bytes:
    if name == "two files.zip":
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("a.csv", "a")
            archive.writestr("b.csv", "b")
        return content.getvalue()
    content = BAD_FILES[name]
    return content() if callable(content) else content


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD_FILES)
def test_refuses_what_is_no_table_with_one_clear_sentence(imported: Any, name: str) -> None:
    ran = imported(content_of(name), name=name)
    assert ran.code == 2
    assert MESSAGES[name] in ran.said
    assert not Customer.objects.exists()
    assert not ImportRun.objects.exists()


def test_refuses_a_directory_and_what_is_not_there(tmp_path: Path) -> None:
    assert "is a directory" in run(tmp_path).said
    assert "No such file" in run(tmp_path / "x.csv").said


def test_tells_every_problem_of_every_row_and_writes_nothing(imported: Any, tmp_path: Path) -> None:
    long = "x" * 200_000
    rows = [
        "customer_name,email_id,disabled,default_commission_rate",
        "Good,a@b,yes,5",
        '"two\nlines",no,no,',
        "",
        ",a@b,maybe,101",
        "x,,,,y",
        f"{long},,,",
        "N\0L,,,",
    ]
    ran = imported("\n".join(rows))
    assert ran.code == 1
    assert set(ran.problems) == {
        (3, "email_id", "parameter_invalid"),
        (5, "customer_name", "parameter_invalid_empty"),
        (5, "disabled", "parameter_invalid_type"),
        (5, "default_commission_rate", "parameter_invalid_range"),
        (6, "", "parameter_invalid"),
        (7, "customer_name", "parameter_too_long"),
        (8, "customer_name", "characters_not_allowed"),
    }
    assert not Customer.objects.exists()
    assert Event.objects.get().type == "import.finished"
    assert ImportRun.objects.get().state == "refused"
    with Path(ran.report["errors_file"]).open(encoding="utf-8-sig", newline="") as file:
        csv.field_size_limit(1 << 20)
        refused_rows = list(csv.DictReader(file))
    assert [row["import_row"] for row in refused_rows] == ["3", "5", "6", "7", "8"]
    assert "Must be an e-mail address" in refused_rows[0]["import_problems"]


def test_skips_bad_rows_whose_mended_file_goes_in(imported: Any) -> None:
    ran = imported("name,mail,supplier_numbers.company\n=Good,a@b,\nBad,nobody,A\n,,B\n", "--skip-errors")
    assert (ran.code, ran.counts) == (1, {"created": 1, "refused": 1})
    mended = Path(ran.report["errors_file"]).read_text(encoding="utf-8-sig").replace("nobody", "no@body")
    assert imported(mended).counts == {"created": 1, "rows_created": 2}
    assert set(Customer.objects.values_list("customer_name", "email_id")) == {("=Good", "a@b"), ("Bad", "no@body")}


@pytest.mark.parametrize(
    "layout",
    [
        "name,Company (Supplier Numbers),Supplier number (Supplier Numbers)\nAcme,A,1\n,B,2\nBeta,,\nGamma,C,\n",
        "name,supplier_numbers.company,supplier_numbers.supplier_number\nAcme,A,1\nAcme,B,2\nBeta,,\nGamma,C,\n",
    ],
)
def test_rows_stand_in_lines_of_their_own_or_beside_the_customer_repeated(imported: Any, layout: str) -> None:
    assert imported(layout).counts == {"created": 3, "rows_created": 3}
    rows = SupplierNumberAtCustomer.objects.order_by("customer__customer_name", "idx")
    assert list(rows.values_list("customer__customer_name", "idx", "company", "supplier_number")) == [
        ("Acme", 1, "A", "1"),
        ("Acme", 2, "B", "2"),
        ("Gamma", 1, "C", None),
    ]
    assert Event.objects.filter(type="supplier_number_at_customer.created").count() == 3


def test_rows_have_a_file_of_their_own(imported: Any) -> None:
    acme, beta = make("Acme", ("A", "1")), make("Beta")
    file = f"customer_id,company,supplier_number\n{acme},B,2\n{beta},C,3\n{acme},A,9\ncustomer_nobody,D,4\n"
    ran = imported(file, "--skip-errors")
    assert ran.counts == {"unchanged": 3, "refused": 1, "rows_created": 2, "rows_updated": 1}
    assert ran.problems == [(5, "customer_id", "resource_missing")]
    assert rows_of(acme) == [("A", "9"), ("B", "2")]
    assert rows_of(beta) == [("C", "3")]


def test_an_upsert_changes_what_differs_and_nothing_else(imported: Any) -> None:
    same, other = make("Same", tax_id="1", territory="North"), make("Other", ("A", "1"), tax_id="2", territory="South")
    before = Event.objects.count()
    file = "tax_id,name,territory,supplier_numbers.company,supplier_numbers.supplier_number\n"
    file += "1,Same,North,,\n2,Other,,A,5\n,,,B,6\n3,New,,,\n"
    foreseen = imported(file, "--match-on", "tax_id", "--dry-run")
    assert [(c["customer_id"], c["name"], c["old"], c["new"]) for c in foreseen.report["changes"]] == [
        (other, "territory", "South", None)
    ]
    assert Event.objects.count() == before
    assert not ImportRun.objects.exists()
    ran = imported(file, "--match-on", "tax_id")
    expected = {"created": 1, "updated": 1, "unchanged": 1, "rows_created": 1, "rows_updated": 1}
    assert foreseen.counts == ran.counts == expected
    assert list(
        Customer.objects.filter(pk__in=[same, other]).order_by("tax_id").values_list("version", "territory")
    ) == [
        (1, "North"),
        (2, None),
    ]
    assert rows_of(other) == [("A", "5"), ("B", "6")]
    events = Event.objects.order_by("seq").values_list("type", "changed")[before:]
    assert sorted(events) == [
        ("customer.created", ""),
        ("customer.updated", " territory "),
        ("import.finished", ""),
        ("supplier_number_at_customer.created", ""),
        ("supplier_number_at_customer.updated", " supplier_number "),
    ]
    again = imported(file + " ", "--match-on", "tax_id")
    assert (again.counts, again.report["warnings"]) == ({"unchanged": 3}, [])
    keyless = imported(file + ",Nobody,,,\n", "--match-on", "tax_id")
    assert "1 customer has no tax_id" in keyless.report["warnings"][0]


def test_replacing_rows_deletes_orders_and_tells(imported: Any) -> None:
    acme = make("Acme", ("A", "1"), ("B", "2"), ("C", "3"), tax_id="1")
    file = "tax_id,supplier_numbers.company,supplier_numbers.supplier_number\n1,C,3\n,D,4\n,A,1\n"
    ran = imported(file, "--match-on", "tax_id", "--replace-rows")
    assert ran.counts == {"unchanged": 1, "rows_created": 1, "rows_deleted": 1}
    assert rows_of(acme) == [("C", "3"), ("D", "4"), ("A", "1")]
    event_types = Event.objects.filter(actor=f"import:{ran.report['run']}").values_list("type", flat=True)
    assert sorted(name.partition(".")[2] for name in event_types) == ["created", "deleted", "reordered"]
    call_command("undo_import", ran.report["run"], stdout=io.StringIO())
    assert rows_of(acme) == [("A", "1"), ("B", "2"), ("C", "3")]


def test_what_cannot_be_matched_is_told(imported: Any) -> None:
    one, two = make("Twin", tax_id="1"), make("Twin", tax_id="1")
    make("Third", tax_id="3")
    ran = imported("tax_id,territory\n1,x\n9,x\n3,x\n3,y\n,z\n", "--match-on", "tax_id", "--mode", "update")
    assert ran.problems == [
        (5, "tax_id", "parameter_duplicate"),
        (2, "tax_id", "parameter_conflict"),
        (3, "tax_id", "resource_missing"),
        (6, "tax_id", "parameter_missing"),
    ] or set(ran.problems) == {
        (2, "tax_id", "parameter_conflict"),
        (3, "tax_id", "resource_missing"),
        (5, "tax_id", "parameter_duplicate"),
        (6, "tax_id", "parameter_missing"),
    }
    (message,) = [p["message"] for p in ran.report["problems"] if p["row"] == 2]
    assert one in message
    assert two in message
    assert not Customer.objects.filter(territory__isnull=False).exists()


def test_identities_are_kept_and_never_taken_twice(imported: Any) -> None:
    living, dead = make("Living"), make("Dead")
    services.delete_customer(dead, origin=BY_HAND)
    file = "id,created_at,updated_at,customer_name\ncustomer_abc123,2020-01-02T03:04:05.678901Z,2021-01-01,Old\n"
    assert imported(file).counts == {"created": 1}
    old = Customer.objects.get(pk="customer_abc123")
    assert (old.created_at.isoformat(), old.updated_at.year) == ("2020-01-02T03:04:05.678901+00:00", 2021)
    bad = f"id,customer_name\n{living},x\n{dead},x\ncustomer_-,x\ncustomer_1,x\ncustomer_1,x\n"
    assert set(imported(bad).problems) == {
        (2, "id", "parameter_duplicate"),
        (3, "id", "parameter_conflict"),
        (4, "id", "parameter_invalid"),
        (6, "id", "parameter_duplicate"),
    }


def test_words_constants_and_mappings(imported: Any, tmp_path: Path) -> None:
    saved = tmp_path / "mapping.json"
    file = " Firma ,Land,Provision\nAcme,NULL,'=5\nBeta,'s-Hertogenbosch,\n"
    common = ["--set", "customer_group=Import", "--null", "NULL"]
    ran = imported(
        file, "--map", "Land=territory", "--map", "Provision=industry", "--save-mapping", str(saved), *common
    )
    assert ran.code == 0
    assert set(Customer.objects.values_list("customer_name", "territory", "industry", "customer_group")) == {
        ("Acme", None, "=5", "Import"),
        ("Beta", "'s-Hertogenbosch", None, "Import"),
    }
    assert json.loads(saved.read_text()) == {"Firma": "customer_name", "Land": "territory", "Provision": "industry"}
    assert imported(file + "Gamma,,\n", "--mapping", str(saved)).counts == {"created": 3}
    saved.write_text('{"Firma": "customer_name", "Firma": "territory"}')
    ran = imported(file, "--mapping", str(saved), "--again")
    assert (ran.code, "'Firma' stands twice" in ran.said) == (2, True)
    assert "no column 'Colour'" in imported(file, "--map", "Colour=territory", "--again").said
    assert 'Did you mean "territory"' in imported(file, "--map", "Land=teritory", "--again").said


def test_what_excel_has_done_is_warned_of(imported: Any) -> None:
    rows = "".join(f"c{i},{10_000_000 + i},{i}234567.0\n" for i in range(12)) + "d,1234567,4.41E+11\n"
    warnings = "\n".join(imported("name,VAT no.,phone\n" + rows).report["warnings"])
    assert "1 of 13 numbers has fewer than the usual 8 digits" in warnings
    assert "12 values end in .0" in warnings
    assert "has rounded 1 number for good (row 14: 4.41E+11)" in warnings


def test_the_same_file_goes_in_once(imported: Any) -> None:
    assert imported("name\nAcme\n").code == 0
    again = imported("name\nAcme\n")
    assert (again.code, Customer.objects.count()) == (2, 1)
    assert "imported already" in again.said
    assert imported("name\nAcme\n", "--again").code == 0
    assert Customer.objects.count() == 2


def test_the_log_names_the_file_and_who_brought_it(imported: Any) -> None:
    ran = imported("name\nAcme\n", name="new.csv")
    event = Event.objects.get(type="customer.created")
    assert people([event]) == {f"import:{ran.report['run']}": f"new.csv, {getpass.getuser()} (import)"}


def test_reads_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Piped:
        buffer = io.BytesIO(text(";").encode("cp1252"))

    monkeypatch.setattr("sys.stdin", Piped())
    monkeypatch.chdir(tmp_path)
    assert run(Path("-"), "--encoding", "cp1252").counts == {"created": 2}


def test_says_what_it_does(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("name,mail\nAcme,nobody\n")
    err = io.StringIO()
    with pytest.raises(
        CommandError, match=r"Nothing imported. 1 customer refused, 1 problem: 1 × parameter_invalid in"
    ):
        call_command("import_customers", str(file), stderr=err)
    assert "row 2, mail: 'nobody' Must be an e-mail address" in err.getvalue()
    file.write_text("name,mail\nAcme,no@body\n")
    out = io.StringIO()
    call_command("import_customers", str(file), stdout=out)
    assert "a.csv: 1 customer. Imported as run_" in out.getvalue()


def test_the_log_tells_of_an_import_what_it_tells_of_the_api(imported: Any, api: Api) -> None:
    by_api, by_file = (make("Same", ("A", "1"), ("B", "2"), ("C", "3"), tax_id=n) for n in ("api", "file"))
    before = Event.objects.count()
    rows = {row.company: row.pk for row in SupplierNumberAtCustomer.objects.filter(customer=by_api)}
    api.patch(f"{CUSTOMER}/{by_api}", {"territory": "North", "default_commission_rate": 7.5})
    api.delete(f"{ROW}/{rows['A']}")
    api.patch(f"{ROW}/{rows['B']}", {"supplier_number": "9"})
    api.add_row(by_api, company="D", supplier_number="4")
    file = "tax_id,territory,default_commission_rate,supplier_numbers.company,supplier_numbers.supplier_number\n"
    file += "file,North,7.5,B,9\n,,,C,3\n,,,D,4\n"
    imported(file, "--match-on", "tax_id", "--replace-rows")

    def events_of(subject: str) -> list[Any]:
        names = {"id", "created_at", "updated_at", "tax_id", "customer_id", "parent_id", "ordered_ids"}
        events = []
        for event in Event.objects.filter(subject=subject).order_by("seq")[4:]:
            output, old = (json.loads(text) for text in (event.object, event.previous))
            values = [{n: v for n, v in one.items() if n not in names} for one in (output, old)]
            events.append((event.type, event.object_version, *values))
        return sorted(events, key=lambda one: one[0])

    assert events_of(by_file) == events_of(by_api)
    assert Event.objects.exclude(type="import.finished").count() == before + 10
    assert rows_of(by_file) == rows_of(by_api) == [("B", "9"), ("C", "3"), ("D", "4")]


@pytest.mark.slow
def test_long_texts_make_small_chunks(tmp_path: Path) -> None:
    """Memory follows characters, not rows."""
    file = tmp_path / "long.csv"
    file.write_text("customer_name,customer_details\n" + f"A,{'x' * 65_000}\n" * 100)
    written: list[int] = []

    def progress(doing: str, fraction: float, customers: int) -> None:
        if doing == "writing":
            written.append(customers)

    imports.run(examined(file, "long.csv"), imports.ImportOptions(), started_by="test", progress=progress)
    assert len(written) == 4
    assert Customer.objects.count() == 100
