"""manage.py export_customers: what it writes, the import reads back as it was."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from crm import line_item_services, rules, services
from crm.line_items import BY_NAME, LINE_ITEMS, SUPPLIER_NUMBERS
from crm.models import Customer, CustomerTombstone, ImportRun, SupplierNumberAtCustomer
from crm.representation import CUSTOMER_NAMES
from crm.transfer import cells, exports
from overplane.database.attributes import attributes
from overplane.events.models import Event
from overplane.files.spreadsheets import escape_formula, unescape_formula
from overplane.origin import Origin
from tests.threads import concurrently
from tests.transfer.exports import export

BY_HAND = Origin("user:hand")
HOSTILE = [
    "=1+1", "+49 30 1", "-5", "@SUM(A1)", "'quoted", "''", "'=x", "'s-Hertogenbosch", 'say "hi", twice', "two\nlines",
    "return\rhere", "tab\there", "back\\slash", "\\.", "\\N", "NULL", "a;b|c", "Zürich Øresund 東京 🦊", "007", "1e5", "true",
    "{{7*7}}", '"><svg onload=x>', "\u202eRTL",
]  # fmt: skip


def fill() -> None:
    """Two customers for each hostile text, one in all its attributes; rows to every third."""
    texts = [name for name, known in attributes(Customer).items() if known.kind == "string"]
    free = [n for n in texts if n not in ("customer_name", "email_id", "default_currency", *rules.CHOICES)]
    for i, text in enumerate(HOSTILE):
        values: dict[str, Any] = {"customer_name": text, "disabled": bool(i % 2), "default_currency": "EUR"}
        services.create_customer(values, origin=BY_HAND)
        values |= dict.fromkeys(free, text) | {"email_id": f"a{i}@b", "default_commission_rate": Decimal(i) / 8}
        customer_id = services.create_customer(values, origin=BY_HAND).output["id"]
        for number in range(i % 3):
            line_item_services.add_line_item(
                SUPPLIER_NUMBERS, customer_id, {"company": text, "supplier_number": f"{number}"}, origin=BY_HAND
            )


def wipe() -> None:
    for model in (SupplierNumberAtCustomer, Customer, CustomerTombstone, ImportRun, Event):
        model.objects.all().delete()


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "layout"),
    [("a.csv", "lines"), ("a.csv", "repeated"), ("a.xlsx", "lines"), ("a.xlsx", "repeated"), ("a.ndjson", "lines"),
     ("a.parquet", "lines")],
)  # fmt: skip
def test_export_import_export_gives_the_same(tmp_path: Path, name: str, layout: str) -> None:
    fill()
    rows = list(SupplierNumberAtCustomer.objects.order_by("id").values())
    customers = list(Customer.objects.order_by("id").values())
    first = export(tmp_path / name, "--rows", layout)
    wipe()
    call_command("import_customers", str(tmp_path / name), stdout=io.StringIO())
    assert list(Customer.objects.order_by("id").values()) == [one | {"version": 1} for one in customers]
    assert list(SupplierNumberAtCustomer.objects.order_by("id").values()) == rows
    assert export(tmp_path / f"again-{name}", "--rows", layout) == first


@pytest.mark.django_db
def test_the_api_and_the_file_say_the_same(tmp_path: Path, read_only_api: Any) -> None:
    fill()
    export(tmp_path / "a.ndjson")
    lines = [json.loads(line) for line in (tmp_path / "a.ndjson").read_text().splitlines()]
    expanded = "".join(f"&expand[]={kind.name}" for kind in LINE_ITEMS)
    output = read_only_api.get(f"/api/crm/customer?limit=1000{expanded}").json()["data"]
    seconds = [{n: v[:19] + "Z" if n in ("created_at", "updated_at") else v for n, v in one.items()} for one in lines]
    for one in output:
        for kind in LINE_ITEMS:
            one[kind.name] = [{n: row[n] for n in ("id", *kind.names)} for row in one[kind.name]]
    assert seconds == output


@pytest.mark.django_db
def test_chooses_customers_and_columns(tmp_path: Path) -> None:
    fill()
    for i in range(3):
        services.create_customer({"customer_name": f"Norden {i}", "territory": "Nord%"}, origin=BY_HAND)
    text = export(tmp_path / "a.csv", "--filter", "territory[prefix]=nord%", "--search", "norden", "--columns",
                  "customer_name,territory", "--rows", "none").decode("utf-8-sig")  # fmt: skip
    assert list(csv.reader(io.StringIO(text))) == [
        ["customer_name", "territory"],
        *([f"Norden {i}", "Nord%"] for i in (2, 1, 0)),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.doc"], "end its name in csv"),
        (["x.csv", "--columns", "teritory"], 'Did you mean "territory"'),
        (["x.csv", "--columns", "tax_id,territory,tax_id"], "names tax_id more than once"),
        (["x.csv", "--columns", ""], "There is no column ''"),
        (["x.csv", "--search", os.fsdecode(b"\xff")], "'\\udcff' is no text"),
        (["x.csv", "--filter", os.fsdecode(b"territory=\xff")], "is no text"),
        (["x.csv", "--filter", "teritory=x"], 'Did you mean "territory"'),
        (["x.csv", "--filter", "created_at[gte]=soon"], "created_at[gte]"),
        (["nowhere/x.csv"], "nowhere/x.csv: No such file or directory."),
        ([".", "--format", "csv"], ".: Is a directory."),
    ],
)
def test_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError) as refused:
        call_command("export_customers", *arguments)
    assert message in str(refused.value)
    assert refused.value.returncode == 2


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
@pytest.mark.parametrize("layout", ["lines", "repeated"])
@pytest.mark.parametrize("columns", ["customer_name", "customer_name,tax_id", "tax_id,id,customer_name"])
def test_supplier_numbers_stay_with_their_customer(tmp_path: Path, name: str, layout: str, columns: str) -> None:
    """Same names, nothing but a name: only the id tells such customers apart."""
    for i in range(4):
        customer = services.create_customer(
            {"customer_name": "Same", "tax_id": "7" if i == 3 else None}, origin=BY_HAND
        )
        for number in range(2 * (i % 2)):
            line_item_services.add_line_item(
                SUPPLIER_NUMBERS, customer.output["id"], {"company": f"{i}{number}"}, origin=BY_HAND
            )
    ids = list(Customer.objects.order_by("id").values_list("id", flat=True))
    rows = list(SupplierNumberAtCustomer.objects.order_by("id").values())
    export(tmp_path / name, "--rows", layout, "--columns", columns)
    wipe()
    call_command("import_customers", str(tmp_path / name), stdout=io.StringIO())
    assert list(Customer.objects.order_by("id").values_list("id", flat=True)) == ids
    assert list(SupplierNumberAtCustomer.objects.order_by("id").values()) == rows


@pytest.mark.django_db
def test_columns_are_those_asked_for_where_no_supplier_number_needs_the_id(tmp_path: Path) -> None:
    customer_id = services.create_customer({"customer_name": "a"}, origin=BY_HAND).output["id"]
    line_item_services.add_line_item(SUPPLIER_NUMBERS, customer_id, {"company": "A"}, origin=BY_HAND)
    columns = ["--columns", "customer_name"]
    assert export(tmp_path / "a.csv", *columns, "--rows", "none").decode("utf-8-sig") == "customer_name\na\n"
    assert list(json.loads(export(tmp_path / "a.ndjson", *columns))) == ["customer_name", *BY_NAME]
    head, line, _ = export(tmp_path / "a.csv", *columns).decode("utf-8-sig").split("\n")
    assert head.startswith("id,customer_name,supplier_numbers.id,")
    assert line.startswith(f"{customer_id},a,")


@pytest.mark.django_db
@pytest.mark.parametrize("layout", exports.LAYOUTS)
@pytest.mark.parametrize("columns", [CUSTOMER_NAMES, ["customer_name", "id"], ["primary_address"]])
def test_postgresql_writes_csv_as_python_does(layout: str, columns: Sequence[str]) -> None:
    fill()
    selection = exports.Selection(Customer.objects.all(), columns, layout)
    lines = [
        selection.headings,
        *(c for part in exports._families(selection) for one in part for c in exports._lines(one, selection)),
    ]
    target = io.BytesIO()
    assert exports.export(selection, "csv", target) == 2 * len(HOSTILE)
    assert target.getvalue().decode() == "".join(cells.line(one) for one in lines)


@pytest.mark.django_db
def test_a_single_column_has_a_line_for_every_customer(tmp_path: Path) -> None:
    for text in (None, "\\.", None, 'a "b"', "=x"):
        services.create_customer({"customer_name": "x", "territory": text}, origin=BY_HAND)
    text = export(tmp_path / "a.csv", "--rows", "none", "--columns", "territory").decode("utf-8-sig")
    assert text == 'territory\n\'=x\n"a ""b"""\n""\n"\\."\n""\n'


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("format", exports.FORMATS)
def test_everything_is_of_one_moment(format: str) -> None:
    """Somebody writes between any two statements of the export, and is not kept waiting."""
    ids = [services.create_customer({"customer_name": "a"}, origin=BY_HAND).output["id"] for _ in range(3)]
    before = exported(format)
    written = 0

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal written
        result = execute(sql, params, many, context)
        if "SELECT" in sql:
            concurrently(
                lambda _: line_item_services.add_line_item(SUPPLIER_NUMBERS, ids[0], {"company": "B"}, origin=BY_HAND),
                1,
            )
            written += 1
        return result

    with connection.execute_wrapper(meanwhile):
        during = exported(format)
    assert written or connection.vendor == "postgresql"  # whose COPY no wrapper sees
    assert during == before
    assert not connection.in_atomic_block
    if written:
        assert exported(format) != before


def exported(format: str) -> bytes:
    target = io.BytesIO()
    assert exports.export(exports.Selection(Customer.objects.all()), format, target) == 3
    return target.getvalue()


class Full(io.RawIOBase):
    """A disk with room for one line."""

    lines = 0

    def write(self, content: Any) -> int:
        self.lines += 1
        if self.lines > 1:
            raise OSError(28, "No space left on device")
        return len(content)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_an_export_that_breaks_off_leaves_the_connection_as_it_was(format: str) -> None:
    fill()
    with pytest.raises(OSError, match="No space left"):
        exports.export(exports.Selection(Customer.objects.all()), format, Full())
    assert not connection.in_atomic_block
    assert services.create_customer({"customer_name": "a"}, origin=BY_HAND)


@pytest.mark.django_db
def test_an_export_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    services.create_customer({"customer_name": "x", "customer_details": "y" * 40_000}, origin=BY_HAND)
    (tmp_path / "a.xlsx").write_bytes(b"old")
    with pytest.raises(CommandError, match="a cell of XLSX holds 32767"):
        export(tmp_path / "a.xlsx")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.xlsx", b"old")]


@pytest.mark.django_db
def test_a_link_stays_a_link_and_a_file_keeps_its_mode(tmp_path: Path) -> None:
    target, link, new = tmp_path / "kept.csv", tmp_path / "link.csv", tmp_path / "new.csv"
    target.touch(mode=0o600)
    link.symlink_to(target)
    content = export(link)
    assert (link.is_symlink(), target.read_bytes(), target.stat().st_mode & 0o777) == (True, content, 0o600)
    mask = os.umask(0o027)
    try:
        export(new)
    finally:
        os.umask(mask)
    assert new.stat().st_mode & 0o777 == 0o640
    (tmp_path / "dangling.csv").symlink_to("made.csv")
    assert export(tmp_path / "dangling.csv") == (tmp_path / "made.csv").read_bytes() == content


@pytest.mark.django_db
def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    fill()
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_bytes)
        call_command("export_customers", str(pipe), "--quiet")
        assert pipe.is_fifo()
        assert read.result() == export(tmp_path / "a.csv")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "format",
    ["csv", *(pytest.param(one, marks=pytest.mark.half("postgresql")) for one in exports.FORMATS if one != "csv")],
)
def test_an_output_that_nobody_reads_is_told_in_one_line(format: str) -> None:
    fill()
    reader, writer = os.pipe()
    os.close(reader)
    status, output = shell(["-", "--format", format], stdout=writer)
    os.close(writer)
    assert (status, output) == (3, "CommandError: Broken off: Broken pipe.\n")


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_told_in_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'nowhere' / 'a.sqlite3'}"
    status, output = shell([str(tmp_path / "a.csv")], DATABASE_URL=url)
    assert (status, output) == (3, "CommandError: Broken off: unable to open database file.\n")
    assert not list(tmp_path.iterdir())


def shell(arguments: list[str], stdout: int = subprocess.DEVNULL, **environment: str) -> tuple[int, str]:
    """The command as a process of its own, on the test's database: its exit code and what it says."""
    known = connection.settings_dict
    url = f"sqlite:///{known['NAME']}"
    if connection.vendor == "postgresql":
        url = f"postgresql://{known['USER']}:{known['PASSWORD']}@{known['HOST']}:{known['PORT']}/{known['NAME']}"
    command = [sys.executable, "manage.py", "export_customers", *arguments]
    environment = os.environ | {"DATABASE_URL": url} | environment
    done = subprocess.run(
        command, check=False, cwd=settings.BASE_DIR, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True
    )
    return done.returncode, done.stderr


@given(st.text())
def test_disarming_is_undone(text: str) -> None:
    assert unescape_formula(escape_formula(text)) == text
    assert escape_formula(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")
