"""manage.py undo_import: what an import did goes, what others did stays; broken off, begun again, at the same time."""

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.urls import reverse
from django.utils import translation

from crm import line_item_services, services
from crm.line_item_plans import change_line_items, existing_line_items
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import CUSTOMERS, Customer, ImportRun, SupplierNumberAtCustomer
from crm.transfer import imports, undo
from crm.transfer.line_item_planning import plan_line_items
from overplane.events import purging
from overplane.events.models import Event
from overplane.files.sources import UnusableFile, examined
from overplane.jobs import queue
from overplane.origin import Origin
from tests.backoffice.people import member
from tests.conftest import settle
from tests.threads import concurrently
from tests.transfer.customers import BY_HAND, make, rows_of

pytestmark = pytest.mark.django_db(transaction=True)
Interfere = Callable[[int], Any]


class BrokenOff(Exception):
    pass


@pytest.fixture
def imported(tmp_path: Path) -> Any:
    """Imports a text, `size` customers a batch, and gives the run's id. `between`: what happens after each batch."""
    count = iter(range(100))

    def bring(text: str, *, between: Interfere = lambda batch: None, **settings: Any) -> str:
        path = tmp_path / f"{next(count)}.csv"
        path.write_text(text)
        batches = iter(range(1, 1000))

        def progress(doing: str, fraction: float, customers: int) -> None:
            if doing == "writing":
                between(next(batches))

        source, options = examined(path, path.name), imports.ImportOptions(**settings)
        run = imports.run(source, options, started_by="test", progress=progress).run
        assert run
        return run

    return bring


def taken_back(run: str, *arguments: str) -> tuple[int, str, str]:
    """Exit code, what was said, and the error."""
    out = io.StringIO()
    try:
        call_command("undo_import", run, *arguments, stdout=out)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), ""


def names(count: int, prefix: str = "c") -> str:
    return "customer_name\n" + "".join(f"{prefix}{i}\n" for i in range(count))


def after(parts: int) -> Callable[[float], None]:
    """Breaks off when so many parts are taken back."""
    left = iter([*[None] * (parts - 1), BrokenOff])

    def progress(fraction: float) -> None:
        if error := next(left, None):
            raise error

    return progress


@pytest.fixture
def in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo, "STEP", 1)


def test_spares_what_others_have_changed_since(imported: Any) -> None:
    unchanged, other = make("Kept", ("A", "1"), tax_id="1", territory="North"), make("Other", tax_id="2")
    file = "tax_id,name,territory,supplier_numbers.company\n1,Kept,South,B\n2,Other,South,\n3,New,,X\n4,Newer,,\n"
    run = imported(file, mode="upsert", match_on="tax_id")
    services.update_customer(other, {"industry": "Trade"}, origin=BY_HAND)
    newer = Customer.objects.get(tax_id="4").pk
    line_item_services.add_line_item(SUPPLIER_NUMBERS, newer, {"company": "by hand"}, origin=BY_HAND)
    code, said, error = taken_back(run)
    assert (code, error) == (1, "2 customers were changed since and left as they are.")
    assert "1 customer deleted, 1 restored, 2 left alone" in said
    assert {other, newer} == {line.rpartition(" ")[2] for line in said.splitlines()[1:]}
    assert dict(Customer.objects.values_list("tax_id", "territory")) == {"1": "North", "2": "South", "4": None}
    assert rows_of(unchanged) == [("A", "1")]
    assert taken_back(run)[0] == 2
    assert imported(file, mode="upsert", match_on="tax_id")  # as if it had never been


@pytest.mark.slow
def test_a_run_that_is_being_written_stops(imported: Any) -> None:
    """The writer waits after its second batch, and wants to write the third while the first two are taken back."""
    is_written, goes_on, has_ended = threading.Event(), threading.Event(), threading.Event()

    def between(batch: int) -> None:
        if batch == 2:
            is_written.set()
            assert goes_on.wait(30)

    def write() -> str:
        try:
            imported(names(50), between=between, size=10)
        except UnusableFile as error:
            return str(error)
        finally:
            has_ended.set()
        return "all written"

    def progress(fraction: float) -> None:
        goes_on.set()
        assert has_ended.wait(30)

    def undo_it() -> str:
        assert is_written.wait(30)
        result = undo.undo(ImportRun.objects.get().pk, started_by="test", progress=progress)
        return f"{result.deleted} deleted"

    written, reverted = concurrently(lambda i: (write, undo_it)[i](), 2)
    assert "or is taking it back" in written
    assert reverted == "20 deleted"
    assert not Customer.objects.exists()
    assert ImportRun.objects.order_by("created_at")[0].state == "undone"


def test_nobody_goes_on_with_a_run_that_is_being_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(names(50))
    source = examined(path, "a.csv")

    def break_off(doing: str, fraction: float, customers: int) -> None:
        if doing == "writing" and customers == 20:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        imports.run(source, imports.ImportOptions(size=10), started_by="test", progress=break_off)
    run = ImportRun.objects.get()

    def go_on(fraction: float) -> None:
        assert ImportRun.objects.get(pk=run.pk).state == "undoing"
        with pytest.raises(UnusableFile, match=r"nothing to resume|taken back"):
            imports.resume(source, progress=lambda *_: None)

    assert undo.undo(run.pk, started_by="test", progress=go_on).deleted == 20
    assert not Customer.objects.exists()


@pytest.mark.slow
def test_spares_what_others_changed_between_two_changes_of_the_run(imported: Any) -> None:
    acme, beta = make("Acme"), make("Beta")

    def between(chunk: int) -> None:
        if chunk == 2:
            line_item_services.add_line_item(SUPPLIER_NUMBERS, acme, {"company": "by hand"}, origin=BY_HAND)

    file = f"customer_id,company\n{acme},A\n{beta},B\n{acme},C\n"
    code, said, _ = taken_back(imported(file, between=between, size=1))
    assert code == 1
    assert said.splitlines()[1:] == [f"changed since, left as it is: {acme}"]
    assert [company for company, _ in rows_of(acme)] == ["A", "by hand", "C"]
    assert rows_of(beta) == []


def test_returns_to_the_oldest_value_of_what_the_run_changed_twice(imported: Any) -> None:
    acme, beta = make("Acme", ("A", "1"), ("B", "1")), make("Beta")
    run = imported(f"customer_id,company,supplier_number\n{acme},A,2\n{beta},B,1\n")
    # A file with two lines of the same row is refused by now; earlier versions took it.
    customer, child = CUSTOMERS.values(CUSTOMERS.get(acme)), {"company": "A", "supplier_number": "3"}
    again = plan_line_items(
        SUPPLIER_NUMBERS, customer, existing_line_items(SUPPLIER_NUMBERS, [acme])[acme], [child], replaces=False
    )
    with transaction.atomic():
        change_line_items([again], origin=Origin(f"import:{run}"))
    assert rows_of(acme) == [("A", "3"), ("B", "1")]
    assert taken_back(run)[0] == 0
    assert rows_of(acme) == [("A", "1"), ("B", "1")]
    events = Event.objects.filter(subject=acme, type="supplier_number_at_customer.updated").order_by("seq")
    assert list(events.values_list("object_version", flat=True)) == [2, 3, 4]
    assert [orjson.loads(event.previous)["supplier_number"] for event in events] == ["1", "2", "3"]
    assert SupplierNumberAtCustomer.objects.get(customer=acme, company="A").version == 4


def test_rows_that_were_changed_moved_and_deleted_return_to_their_places(imported: Any) -> None:
    acme = make("Acme", ("A", "1"), ("B", "2"), ("C", "3"), ("D", "4"), tax_id="1")
    make("Beta", tax_id="2")
    file = "tax_id,supplier_numbers.company,supplier_numbers.supplier_number\n1,D,9\n,New,5\n,B,2\n2,X,1\n"
    run = imported(file, mode="upsert", match_on="tax_id", replace_rows=True, size=1)
    assert rows_of(acme) == [("D", "9"), ("New", "5"), ("B", "2")]
    assert taken_back(run)[0] == 0
    assert rows_of(acme) == [("A", "1"), ("B", "2"), ("C", "3"), ("D", "4")]


@pytest.mark.slow
@pytest.mark.usefixtures("in_small_parts")
def test_broken_off_and_begun_again_it_counts_each_once(imported: Any) -> None:
    olds = [make(f"old{i}", tax_id=f"{i}") for i in range(9)]
    lines = [f"{i},{'old' if i < 9 else 'new'}{i},North\n" for i in range(18)]
    run = imported("tax_id,customer_name,territory\n" + "".join(lines), mode="upsert", match_on="tax_id", size=3)
    changed = [olds[0], olds[8]]
    for customer_id in changed:
        services.update_customer(customer_id, {"industry": "Trade"}, origin=BY_HAND)
    for parts in (4, 2, 11):
        with pytest.raises(BrokenOff):
            undo.undo(run, started_by="test", progress=after(parts))
    begun = ImportRun.objects.get(settings__undo=run)
    assert (begun.state, ImportRun.objects.get(pk=run).state) == ("writing", "undoing")
    restored = Event.objects.filter(actor=f"import:{begun.pk}", type="customer.updated").values_list("subject").first()
    services.update_customer(
        restored[0], {"industry": "Trade"}, origin=BY_HAND
    )  # that is none of our business any more
    code, said, _ = taken_back(run, "--json")
    output = json.loads(said)
    assert (code, set(output.pop("kept"))) == (1, set(changed))
    assert output == {"run": begun.pk, "deleted": 9, "restored": 7, "kept_count": 2, "gone_count": 0, "gone": []}
    begun.refresh_from_db()
    assert begun.counts == {"deleted": 9, "restored": 7, "kept": 2, "gone": 0}
    assert (begun.state, ImportRun.objects.get(pk=run).state) == ("done", "undone")
    own = Event.objects.filter(actor=f"import:{begun.pk}")
    assert own.count() == own.values("subject").distinct().count() == 16
    assert Customer.objects.filter(territory="North").count() == 2


@pytest.mark.slow
@pytest.mark.usefixtures("in_small_parts")
def test_two_at_once_double_nothing(imported: Any) -> None:
    old = make("Old", ("A", "1"), tax_id="1")
    file = "tax_id,customer_name,supplier_numbers.company,supplier_numbers.supplier_number\n1,Older,A,2\n,,B,3\n"
    run = imported(file + "".join(f"x{i},new{i},,\n" for i in range(40)), mode="upsert", match_on="tax_id", size=7)
    both_begun = threading.Barrier(2, timeout=30)

    def undo_it(_: int) -> undo.UndoResult:
        waits = iter([both_begun.wait])
        return undo.undo(run, started_by="test", progress=lambda fraction: next(waits, lambda: 0)() and None)

    one, other = concurrently(undo_it, 2)
    assert one == other
    assert (one.deleted, one.restored, one.kept_count, one.gone_count) == (40, 1, 0, 0)
    assert rows_of(old) == [("A", "1")]
    assert list(Customer.objects.values_list("customer_name", flat=True)) == ["Old"]
    event_types = Event.objects.filter(actor=f"import:{one.run}").values_list("type", flat=True)
    assert sorted(event_types) == [
        *["customer.deleted"] * 40,
        "customer.updated",
        "supplier_number_at_customer.deleted",
        "supplier_number_at_customer.updated",
    ]
    assert ImportRun.objects.count() == 2


def test_refuses_what_the_log_knows_in_part_only(imported: Any) -> None:
    run = imported(names(6), size=1)
    fourth = Event.objects.order_by("seq")[3].created_at
    settle()
    assert purging.purge(fourth) == 3
    code, _, error = taken_back(run)
    assert code == 2
    assert "of its 6 changes it holds 3" in error
    assert Customer.objects.count() == 6
    assert ImportRun.objects.get().state == "done"


def test_a_database_that_goes_away_is_told_and_it_goes_on(imported: Any) -> None:
    run = imported(names(6))

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "tombstone" in sql and "INSERT" in sql:
            raise OperationalError("the connection is lost")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        code, said, error = taken_back(run)
    assert (code, said) == (3, "")
    assert error.startswith("Broken off (the connection is lost).")
    assert f"go on with undo_import {run}" in error
    assert Customer.objects.count() == 6
    assert "6 customers deleted" in taken_back(run)[1]


def test_tells_those_that_others_deleted_since(imported: Any) -> None:
    old = make("Old", tax_id="1")
    file = "tax_id,customer_name\n1,Older\n2,New\n3,Newer\n"
    run = imported(file, mode="upsert", match_on="tax_id")
    gone = [old, Customer.objects.get(tax_id="3").pk]
    for customer_id in gone:
        services.delete_customer(customer_id, origin=BY_HAND)
    code, said, _ = taken_back(run)
    assert code == 0
    assert "1 customer deleted, 0 restored, 0 left alone, 2 deleted by others since" in said
    assert set(said.splitlines()[1:]) == {f"deleted by others since: {i}" for i in gone}
    assert not Customer.objects.exists()


def test_the_back_office_tells_those_left_alone_and_those_gone(imported: Any) -> None:
    run = imported(names(3))
    changed, gone = Customer.objects.order_by("id").values_list("id", flat=True)[:2]
    services.update_customer(changed, {"industry": "Trade"}, origin=BY_HAND)
    services.delete_customer(gone, origin=BY_HAND)
    staff = member("Administrator")
    with translation.override("en"):
        job = queue.enqueue("crm.undo_import", {"run": run, "name": "a.csv"}, "user:Administrator")
    call_command("run_worker", until_idle=True)
    page = staff.get(reverse("import_job", args=[job.pk])).content.decode()
    assert "1 customer deleted, 0 restored; 1 was changed since" in page
    assert reverse("admin:crm_customer_change", args=[changed]) in page
    assert "1 customer had been deleted by somebody else:" in page
    assert f"<li>{gone}</li>" in page


def test_says_why_it_cannot(imported: Any) -> None:
    assert taken_back("run_nobody")[2].startswith("There is no import 'run_nobody'.")
    run = imported(names(2))
    undo_run = undo.undo(run, started_by="test").run
    assert taken_back(run)[::2] == (2, f"{run} is taken back already.")
    code, _, error = taken_back(undo_run)
    assert (code, error.partition(";")[0]) == (2, f"{undo_run} took back {run}")
    imported("customer_name,email_id\nx,nobody\n")
    refused = ImportRun.objects.get(state="refused").pk
    assert taken_back(refused)[2] == f"{refused} wrote nothing that could be taken back (refused)."
