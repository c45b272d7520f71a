"""Several imports of the same customers, taken back one after the other: what an undone one changed is not changed."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm import services
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer, ImportRun, RunState
from crm.transfer import undo
from overplane.events.models import Event
from tests.importing import Ran, run
from tests.transfer.customers import BY_HAND, make, rows_of

pytestmark = pytest.mark.django_db
ROWS = "supplier_numbers.company,supplier_numbers.supplier_number"
ON_TAX_ID = ("--match-on", "tax_id")
NUMBERS = count()


@pytest.fixture
def imports(imported: Callable[..., Ran]) -> Callable[..., str]:
    """Imports a file on its tax ids and gives the run's id."""

    def bring(content: str, *arguments: str) -> str:
        ran = imported(content, *ON_TAX_ID, *arguments)
        assert ran.code == 0, ran.said
        return ran.report["run"]

    return bring


def revert(run_id: str) -> undo.UndoResult:
    return undo.undo(run_id, started_by="test")


def stored(prefix: str = "") -> dict[str, Any]:
    """Each customer with its line items in order; their ids may be new, and versions go on."""
    names = [f.attname for f in Customer._meta.concrete_fields if f.attname not in ("updated_at", "version")]
    customers = Customer.objects.filter(tax_id__startswith=prefix) if prefix else Customer.objects.all()
    return {row["id"]: (row, rows_of(row["id"])) for row in customers.values(*names)}


def test_a_newer_and_then_the_older_leave_nothing_behind(imports: Any) -> None:
    file = "tax_id,customer_name,territory\n1,Acme,North\n2,Beta,North\n"
    first = imports(file)
    second = imports("tax_id,territory\n1,South\n")
    assert revert(second).restored == 1
    assert (revert(first).deleted, undone_kept(first)) == (2, 0)
    assert not Customer.objects.exists()
    imports(file)
    assert Customer.objects.count() == 2


def undone_kept(run_id: str) -> int:
    return ImportRun.objects.get(settings__undo=run_id).counts["kept"]


def test_line_items_that_came_back_under_new_ids_are_those_of_the_older_run(imports: Any) -> None:
    acme = make("Acme", ("A", "1"), ("B", "2"), tax_id="1")
    before = stored()
    first = imports(f"tax_id,{ROWS}\n1,C,3\n,A,9\n")  # one is new, one has changed
    between = stored()
    second = imports(f"tax_id,{ROWS}\n1,B,2\n", "--replace-rows")  # both are deleted
    assert rows_of(acme) == [("B", "2")]
    revert(second)
    assert stored() == between
    revert(first)
    assert stored() == before
    changed = Event.objects.filter(type=SUPPLIER_NUMBERS.updated).order_by("seq")
    # By the first run, and under its new id by the first one's undo.
    assert list(changed.values_list("object_version", flat=True)) == [2, 2]
    assert len(set(changed.values_list("object_id", flat=True))) == 2


@pytest.mark.slow
def test_three_runs_and_one_between_that_is_undone_first(imports: Any) -> None:
    make("Acme", *[(company, "1") for company in "ABCD"], tax_id="1")
    states = [stored()]
    runs = []
    for file, *arguments in (
        (f"tax_id,{ROWS}\n1,D,2\n,A,1\n", "--replace-rows"),
        (f"tax_id,territory,{ROWS}\n1,North,E,1\n",),
        (f"tax_id,territory,{ROWS}\n1,South,E,2\n,,X,1\n", "--replace-rows"),
    ):
        runs.append(imports(file, *arguments))
        states.append(stored())
    revert(runs.pop())
    assert stored() == states[2]
    again = imports(f"tax_id,{ROWS}\n1,Z,1\n", "--replace-rows")
    revert(again)
    for run_id in reversed(runs):
        assert revert(run_id).kept_count == 0
        states.pop()
        assert stored() == states[-2]


def test_what_a_person_changed_stays_for_the_older_run_too(imports: Any) -> None:
    acme, beta = make("Acme", tax_id="1"), make("Beta", tax_id="2")
    first = imports("tax_id,territory\n1,North\n2,North\n")
    second = imports("tax_id,territory\n1,South\n2,South\n")
    services.update_customer(acme, {"industry": "Trade"}, origin=BY_HAND)
    assert revert(second).kept == [acme]
    assert revert(first).kept == [acme]
    assert dict(Customer.objects.values_list("pk", "territory")) == {acme: "South", beta: None}


def test_what_an_undo_left_for_a_third_run_stays_changed(imports: Any) -> None:
    """The second run is not undone here: the third had changed it, and only later that was taken back."""
    acme = make("Acme", tax_id="1")
    first, second, third = (imports(f"tax_id,territory\n1,{one}\n") for one in ("North", "South", "West"))
    assert revert(second).kept == [acme]
    assert revert(third).restored == 1
    assert revert(first).kept == [acme]
    assert Customer.objects.get().territory == "South"


def test_an_undo_that_broke_off_is_a_change_until_it_has_ended(imports: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo, "STEP", 1)
    ids = [make(f"c{i}", tax_id=f"{i}") for i in range(6)]
    first = imports("tax_id,territory\n" + "".join(f"{i},North\n" for i in range(6)))
    second = imports("tax_id,territory\n" + "".join(f"{i},South\n" for i in range(6)))

    def break_off(fraction: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        undo.undo(second, started_by="test", progress=break_off)
    assert ImportRun.objects.get(pk=second).state == RunState.UNDOING
    with pytest.raises(InterruptedError):
        undo.undo(first, started_by="test", progress=break_off)
    assert (
        Customer.objects.filter(territory="North").count() == 1
    )  # the older run has kept it, though it was undone here
    assert revert(second).restored == 6
    assert revert(first).restored == 6
    assert set(Customer.objects.values_list("pk", "territory")) == {(i, None) for i in ids}


ITEM = st.tuples(st.sampled_from("ABCD"), st.integers(1, 3))
OF_A_CUSTOMER = st.tuples(
    st.sampled_from(["", "North", "South"]), st.lists(ITEM, max_size=4, unique_by=lambda item: item[0])
)
FILE = st.tuples(st.dictionaries(st.integers(0, 2), OF_A_CUSTOMER, min_size=1), st.booleans())
STEPS = st.lists(st.one_of(FILE, FILE, FILE, st.none()), min_size=3, max_size=8)  # None: the newest run is undone


def text_of(prefix: str, customers: dict[int, tuple[str, list[tuple[str, int]]]]) -> str:
    lines = [f"tax_id,customer_name,territory,{ROWS}"]
    for i, (territory, items) in customers.items():
        first, *further = items or [("", "")]
        lines.append(f"{prefix}{i},c{i},{territory},{first[0]},{first[1]}")
        lines += [f",,,{company},{number}" for company, number in further]
    return "\n".join(lines)


@pytest.mark.slow
@settings(
    max_examples=60 if connection.vendor == "sqlite" else 30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(there=st.lists(st.lists(ITEM, max_size=4), min_size=1, max_size=3), steps=STEPS)
def test_undone_in_the_order_of_a_stack_each_leaves_what_it_found(
    tmp_path: Path, there: list[list[tuple[str, int]]], steps: list[Any]
) -> None:
    prefix = f"{next(NUMBERS)}x"
    for i, items in enumerate(there):
        make(f"old{i}", *[(company, str(number)) for company, number in items], tax_id=f"{prefix}{i}")
    stack: list[tuple[str, dict[str, Any]]] = []

    def take_back() -> None:
        run_id, before = stack.pop()
        assert revert(run_id).kept_count == 0
        assert stored(prefix) == before

    for step in steps:
        if step:
            file = tmp_path / f"{prefix}{next(NUMBERS)}.csv"
            file.write_text(text_of(prefix, step[0]))
            before = stored(prefix)
            ran = run(file, *ON_TAX_ID, "--again", *(["--replace-rows"] if step[1] else []))
            assert ran.code == 0, ran.said
            stack.append((ran.report["run"], before))
        elif stack:
            take_back()
    while stack:
        take_back()
