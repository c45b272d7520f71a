"""An import that breaks off: nothing half, nothing twice, and it goes on where it stood."""

import csv
import gc
import gzip
import io
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from crm.models import Customer, ImportRun, SupplierNumberAtCustomer
from crm.transfer import imports
from crm.transfer.refused_files import RefusedRows
from overplane.database import counters
from overplane.events.models import Event
from overplane.files.sources import UnusableFile, examined
from tests.threads import concurrently, meanwhile
from tests.transfer.progress import BrokenOff, after, nothing

pytestmark = pytest.mark.django_db(transaction=True)
COUNT, SIZE = 95, 10


def table(path: Path, *, bad: int = 0) -> Path:
    """Customers, two rows to every fifth; every `bad`th has a wrong e-mail."""
    lines = ["customer_name,email_id,supplier_numbers.company"]
    for i in range(COUNT):
        mail = "nobody" if bad and i % bad == 0 else f"a{i}@b"
        lines += [f"c{i},{mail},{'A' if i % 5 == 0 else ''}"] + ([",,B"] if i % 5 == 0 else [])
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("breaks", [[1], [3, 1, 2], [9], [1] * 8])
def test_goes_on_where_it_stood(tmp_path: Path, breaks: list[int]) -> None:
    source = examined(table(tmp_path / "a.csv"), "a.csv")
    first, *others = breaks
    with pytest.raises(BrokenOff):
        imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=after(first))
    written = Customer.objects.count()
    assert written == ImportRun.objects.get().counts["created"] == first * SIZE
    for batches in others:
        with pytest.raises(BrokenOff):
            imports.resume(source, progress=after(batches + Customer.objects.count() // SIZE))
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
    assert Event.objects.exclude(type="import.finished").count() == COUNT + 38
    assert counters.total(connection, "crm_customer") == COUNT
    run = ImportRun.objects.get()
    assert (run.state, run.counts["created"], run.counts["rows_created"]) == ("done", COUNT, 38)
    assert set(Event.objects.exclude(type="import.finished").values_list("actor", flat=True)) == {f"import:{run.pk}"}


@pytest.mark.slow
def test_refused_rows_are_told_once_however_often_it_breaks_off(tmp_path: Path) -> None:
    source = examined(table(tmp_path / "a.csv", bad=7), "a.csv")
    path = tmp_path / "refused.csv"
    settings = imports.ImportOptions(size=SIZE, skip_errors=True)

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
        reported = [row["customer_name"] for row in csv.DictReader(file) if row["customer_name"]]
    assert len(reported) == len(set(reported))
    assert set(reported) == bad


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.ndjson", "a.json", "a.ndjson.gz"])
def test_other_formats_break_off_as_well(tmp_path: Path, name: str) -> None:
    objects = [{"customer_name": f"c{i}"} for i in range(COUNT)]
    text = json.dumps(objects) if name == "a.json" else "\n".join(map(json.dumps, objects))
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    source = examined(tmp_path / name, name)
    with pytest.raises(BrokenOff):
        imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=after(2))
    gc.collect()
    assert imports.resume(source, progress=lambda *_: None).counts["created"] == COUNT


@pytest.mark.slow
def test_a_run_that_broke_off_is_taken_back(tmp_path: Path) -> None:
    source = examined(table(tmp_path / "a.csv"), "a.csv")
    with pytest.raises(BrokenOff):
        imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=after(4))
    again = io.StringIO()
    with pytest.raises(CommandError, match=r"run_.* or broke off after row"):
        call_command("import_customers", str(tmp_path / "a.csv"), stdout=again)
    call_command("undo_import", ImportRun.objects.get().pk, stdout=again)
    assert not Customer.objects.exists()
    call_command("import_customers", str(tmp_path / "a.csv"), "--json", stdout=(output := io.StringIO()))
    assert json.loads(output.getvalue())["created"] == COUNT


@pytest.mark.slow
def test_two_cannot_go_on_with_the_same_run(tmp_path: Path) -> None:
    source = examined(table(tmp_path / "a.csv"), "a.csv")
    with pytest.raises(BrokenOff):
        imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=after(2))

    def interfere(doing: str, fraction: float, customers: int) -> None:
        if customers == 4 * SIZE:
            imports.resume(source, progress=lambda *_: None)

    with pytest.raises(UnusableFile, match="Somebody else is at work"):
        imports.resume(source, progress=interfere)
    check_all()


def test_what_was_only_checked_is_never_written_beside_a_newer_run(tmp_path: Path) -> None:
    """Killed while it checks, begun anew, done: then there is nothing to go on with, however often somebody asks."""
    source = examined(table(tmp_path / "a.csv"), "a.csv")
    with pytest.raises(KeyboardInterrupt):
        imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=interrupted)
    assert ImportRun.objects.get().state == "checking"
    imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=nothing)
    with pytest.raises(UnusableFile, match="nothing to resume"):
        imports.resume(source, progress=nothing)
    check_all()


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def test_what_was_killed_while_it_was_checked_goes_on(tmp_path: Path) -> None:
    source = examined(table(tmp_path / "a.csv"), "a.csv")
    with pytest.raises(KeyboardInterrupt):
        imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=interrupted)
    imports.resume(source, progress=nothing)
    check_all()


@pytest.mark.slow
def test_a_half_run_beside_a_whole_one_is_named(tmp_path: Path) -> None:
    source = examined(table(tmp_path / "a.csv"), "a.csv")
    with pytest.raises(BrokenOff):
        imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=after(2))
    half = ImportRun.objects.get()
    imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=nothing, again=True)
    with pytest.raises(UnusableFile, match=f"undo_import {half.pk}"):
        imports.resume(source, progress=nothing)


@pytest.mark.slow
def test_the_same_file_at_the_same_time_goes_in_once(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv")

    def one(_: int) -> bool:
        source = examined(path, "a.csv")
        try:
            imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=nothing)
        except UnusableFile:
            return False
        return True

    assert sum(concurrently(one, 3)) == 1
    check_all()


def test_who_drops_other_checks_leaves_one_alone_that_begins_meanwhile() -> None:
    def begin(run_id: str, file_id: str | None) -> ImportRun:
        common = {"created_at": timezone.now(), "file_hash": "same", "settings": {}, "state": "checking"}
        return ImportRun.objects.create(id=run_id, file_id=file_id, **common)

    begin("run_a", None)
    begin("run_b", "file_b")
    with meanwhile(lambda: begin("run_c", None), before='UPDATE "'):
        imports._drop(ImportRun.objects.filter(file_hash="same"), "overtaken")
    assert dict(ImportRun.objects.values_list("pk", "state")) == {"run_b": "refused", "run_c": "checking"}


@pytest.mark.slow
def test_it_goes_on_in_the_encoding_that_it_was_begun_with(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\n".join(["name", *(f"Łódź {i}" for i in range(COUNT))]).encode("iso8859-2"))
    source = examined(path, "a.csv", encoding="iso8859-2")
    with pytest.raises(BrokenOff):
        imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=after(2))
    imports.resume(examined(path, "a.csv", encoding="latin-1"), progress=nothing)
    assert set(Customer.objects.values_list("customer_name", flat=True)) == {f"Łódź {i}" for i in range(COUNT)}


@pytest.mark.parametrize("end", ["x" * (17 << 20), '"x"y\n' * 1001], ids=["an endless line", "many broken rows"])
def test_a_file_that_cannot_be_read_to_its_end_writes_nothing(tmp_path: Path, end: str) -> None:
    path = table(tmp_path / "a.csv")
    path.write_bytes(path.read_bytes() * 200 + end.encode())
    with pytest.raises(CommandError) as raised:
        call_command("import_customers", str(path), "--skip-errors")
    assert raised.value.returncode == 2
    assert not Customer.objects.exists()
    assert not ImportRun.objects.exists()


def test_breaking_off_says_what_stays_and_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path / "a.csv")
    source = examined(path, "a.csv")
    with pytest.raises(imports.BrokenOff, match="No space left") as raised:
        imports.run(
            source, imports.ImportOptions(size=SIZE), started_by="test", progress=after(3, OSError("No space left"))
        )
    run = ImportRun.objects.get()
    assert f"undo_import {run.pk}" in str(raised.value)
    assert f"row {run.position}" in str(raised.value)
    assert Customer.objects.count() == 3 * SIZE


@pytest.mark.slow
def test_a_lost_file_of_refused_rows_stops_nobody(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", bad=7)
    source, refused = examined(path, "a.csv"), RefusedRows(tmp_path / "refused.csv")
    settings = imports.ImportOptions(size=SIZE, skip_errors=True)
    with pytest.raises(BrokenOff):
        imports.run(source, settings, started_by="test", progress=after(4), refused=refused)
    refused.close()
    refused.path.unlink()
    again = RefusedRows(tmp_path / "elsewhere.csv")
    report = imports.resume(source, progress=nothing, refused=again)
    again.close()
    assert "is not as the run left it" in report.warnings[0]
    assert (again.path, report.counts["refused"]) == (tmp_path / "refused.2.csv", 14)
    assert again.path.read_text(encoding="utf-8-sig").startswith('"import_row"')
    assert ImportRun.objects.get().settings["errors"] == str(again.path)


@pytest.mark.slow
def test_a_file_of_refused_rows_that_is_being_mended_is_left_alone(tmp_path: Path) -> None:
    source = examined(table(tmp_path / "a.csv", bad=7), "a.csv")
    settings = imports.ImportOptions(size=SIZE, skip_errors=True)
    begin = partial(imports.run, source, settings, started_by="test", progress=after(4))
    for attempt in (begin, partial(imports.resume, source, progress=after(6))):
        refused = RefusedRows(tmp_path / "refused.csv")
        with pytest.raises(BrokenOff):
            attempt(refused=refused)
        refused.close()
        (tmp_path / "refused.csv").write_text("mended")
    last = RefusedRows(tmp_path / "refused.csv")
    assert imports.resume(source, progress=nothing, refused=last).counts["refused"] == 14
    last.close()
    assert (tmp_path / "refused.csv").read_text() == "mended"
    assert last.path == tmp_path / "refused.2.csv"
    with last.path.open(encoding="utf-8-sig", newline="") as file:
        assert len({row["customer_name"] for row in csv.DictReader(file)} - {""}) == 8


def test_a_resumed_run_tells_what_was_refused_before(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", bad=90)
    source = examined(path, "a.csv")
    settings = imports.ImportOptions(size=SIZE, skip_errors=True)
    with pytest.raises(BrokenOff):
        imports.run(source, settings, started_by="test", progress=after(9))
    with pytest.raises(CommandError, match="2 customers refused") as raised:
        call_command("import_customers", str(path), "--resume", stdout=io.StringIO(), stderr=io.StringIO())
    assert raised.value.returncode == 1
    assert "Nothing imported" not in str(raised.value)


@pytest.mark.slow
def test_a_run_that_was_refused_does_not_hide_the_one_that_broke_off(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,name\n" + "".join(f"customer_{i},c{i}\n" for i in range(COUNT)))
    source = examined(path, "a.csv")
    with pytest.raises(BrokenOff):
        imports.run(source, imports.ImportOptions(size=SIZE), started_by="test", progress=after(3))
    again = imports.run(source, imports.ImportOptions(), started_by="test", progress=nothing, again=True)
    assert again.state == "refused"
    assert imports.resume(source, progress=nothing).counts["created"] == COUNT


@pytest.mark.slow
def test_a_run_of_an_earlier_version_is_cut_into_chunks_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("name,customer_details\n" + "".join(f"c{i},{'x' * 65_000}\n" for i in range(COUNT)))
    source = examined(path, "long.csv")
    with pytest.raises(BrokenOff):
        imports.run(source, imports.ImportOptions(size=40, heaviest=None), started_by="test", progress=after(1))
    run = ImportRun.objects.get()
    del run.settings["heaviest"]
    run.save()
    imports.resume(source, progress=nothing)
    assert Customer.objects.count() == COUNT


def test_a_file_name_need_not_be_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xfcller.csv"))
    path.write_text("name,email_id\nA,nobody\nB,\n")
    with pytest.raises(CommandError) as raised:
        call_command("import_customers", str(path), "--skip-errors", "--quiet", stderr=io.StringIO())
    assert raised.value.returncode == 1
    assert Customer.objects.count() == 1


def test_where_it_broke_off_is_what_was_committed(tmp_path: Path) -> None:
    source = examined(table(tmp_path / "a.csv", bad=7), "a.csv")
    settings = imports.ImportOptions(size=SIZE, skip_errors=True)
    with pytest.raises(imports.BrokenOff, match="up to row 0 of"), RefusedRows(Path("/dev/full")) as refused:
        imports.run(source, settings, started_by="test", progress=nothing, refused=refused)
    assert not Customer.objects.exists()
    assert ImportRun.objects.get().position == 0
