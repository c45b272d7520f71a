"""An import that breaks off: nothing half, nothing twice, and it goes on where it stood."""

import csv
import gc
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from crm import imports
from crm.models import Customer, ImportRun, SupplierNumberAtCustomer
from crm.reports import RefusedRows
from overplane.database import counters
from overplane.events.models import Event
from overplane.files.sources import UnusableFile, examined

pytestmark = pytest.mark.django_db(transaction=True)
COUNT, SIZE = 95, 10


class BrokenOff(Exception):
    pass


def table(path: Path, *, bad: int = 0) -> Path:
    """Customers, two rows to every fifth; every `bad`th has a wrong e-mail."""
    lines = ["customer_name,email_id,supplier_numbers.company"]
    for i in range(COUNT):
        mail = "nobody" if bad and i % bad == 0 else f"a{i}@b"
        lines += [f"c{i},{mail},{'A' if i % 5 == 0 else ''}"] + ([",,B"] if i % 5 == 0 else [])
    path.write_text("\n".join(lines) + "\n")
    return path


def after(chunks: int) -> Any:
    """Breaks off when so many chunks are written."""
    left = iter([*[None] * (chunks - 1), BrokenOff])

    def progress(doing: str, fraction: float, customers: int) -> None:
        if doing == "writing" and (error := next(left, None)):
            raise error

    return progress


@pytest.mark.parametrize("breaks", [[1], [3, 1, 2], [9], [1] * 8])
def test_goes_on_where_it_stood(tmp_path: Path, breaks: list[int]) -> None:
    source = examined(table(tmp_path / "a.csv"), "a.csv")
    first, *others = breaks
    with pytest.raises(BrokenOff):
        imports.run(source, imports.Settings(size=SIZE), started_by="test", progress=after(first))
    written = Customer.objects.count()
    assert written == ImportRun.objects.get().counts["created"] == first * SIZE
    for chunks in others:
        with pytest.raises(BrokenOff):
            imports.resume(source, progress=after(chunks + Customer.objects.count() // SIZE))
    report = imports.resume(source, progress=lambda *_: None)
    assert report.counts["created"] == COUNT
    check_all()
    with pytest.raises(UnusableFile, match="nothing to resume"):
        imports.resume(source, progress=lambda *_: None)


def check_all() -> None:
    names = list(Customer.objects.values_list("customer_name", flat=True))
    assert sorted(names) == sorted(f"c{i}" for i in range(COUNT))
    assert SupplierNumberAtCustomer.objects.count() == 38
    assert Event.objects.filter(type="customer.created").values("subject").distinct().count() == COUNT
    assert Event.objects.count() == COUNT + 38
    assert counters.total(connection, "crm_customer") == COUNT
    run = ImportRun.objects.get()
    assert (run.state, run.counts["created"], run.counts["rows_created"]) == ("done", COUNT, 38)
    assert set(Event.objects.values_list("actor", flat=True)) == {f"import:{run.pk}"}


def test_refused_rows_are_told_once_however_often_it_breaks_off(tmp_path: Path) -> None:
    source = examined(table(tmp_path / "a.csv", bad=7), "a.csv")
    path = tmp_path / "refused.csv"
    settings = imports.Settings(size=SIZE, skip_errors=True)

    def attempt(work: Any, progress: Any) -> Any:
        refused = RefusedRows(path)
        try:
            return work(progress=progress, refused=refused)
        finally:
            refused.close()

    with pytest.raises(BrokenOff):
        attempt(lambda **more: imports.run(source, settings, started_by="test", **more), after(4))
    with path.open("ab") as file:
        file.write(b"half a row, never comm")  # what a dying process may leave behind
    with pytest.raises(BrokenOff):
        attempt(lambda **more: imports.resume(source, **more), after(6))
    report = attempt(lambda **more: imports.resume(source, **more), lambda *_: None)
    bad = {f"c{i}" for i in range(0, COUNT, 7)}
    assert (report.counts["created"], report.counts["refused"]) == (COUNT - len(bad), len(bad))
    with path.open(encoding="utf-8-sig", newline="") as file:
        told = [row["customer_name"] for row in csv.DictReader(file) if row["customer_name"]]
    assert len(told) == len(set(told))
    assert set(told) == bad


@pytest.mark.parametrize("name", ["a.ndjson", "a.json", "a.ndjson.gz"])
def test_other_formats_break_off_as_well(tmp_path: Path, name: str) -> None:
    objects = [{"customer_name": f"c{i}"} for i in range(COUNT)]
    text = json.dumps(objects) if name == "a.json" else "\n".join(map(json.dumps, objects))
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    source = examined(tmp_path / name, name)
    with pytest.raises(BrokenOff):
        imports.run(source, imports.Settings(size=SIZE), started_by="test", progress=after(2))
    gc.collect()
    assert imports.resume(source, progress=lambda *_: None).counts["created"] == COUNT


def test_a_run_that_broke_off_is_taken_back(tmp_path: Path) -> None:
    source = examined(table(tmp_path / "a.csv"), "a.csv")
    with pytest.raises(BrokenOff):
        imports.run(source, imports.Settings(size=SIZE), started_by="test", progress=after(4))
    again = io.StringIO()
    with pytest.raises(CommandError, match=r"broke off as run_.* after row"):
        call_command("import_customers", str(tmp_path / "a.csv"), stdout=again)
    call_command("undo_import", ImportRun.objects.get().pk, stdout=again)
    assert not Customer.objects.exists()
    call_command("import_customers", str(tmp_path / "a.csv"), "--json", stdout=(told := io.StringIO()))
    assert json.loads(told.getvalue())["created"] == COUNT


def test_two_cannot_go_on_with_the_same_run(tmp_path: Path) -> None:
    source = examined(table(tmp_path / "a.csv"), "a.csv")
    with pytest.raises(BrokenOff):
        imports.run(source, imports.Settings(size=SIZE), started_by="test", progress=after(2))

    def interfere(doing: str, fraction: float, customers: int) -> None:
        if customers == 4 * SIZE:
            imports.resume(source, progress=lambda *_: None)

    with pytest.raises(UnusableFile, match="Somebody else is at work"):
        imports.resume(source, progress=interfere)
    check_all()
