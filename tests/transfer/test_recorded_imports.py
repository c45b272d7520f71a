"""What a run leaves behind: what became of each row of its file, every problem, and one event."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from crm.models import Customer, ImportOutcomes, ImportProblem, ImportRun
from crm.transfer import imports
from crm.transfer.undo import undo
from overplane.events.models import Event
from overplane.files.sources import examined
from tests.transfer.progress import BrokenOff, after, nothing

pytestmark = pytest.mark.django_db


def outcomes(run_id: str) -> list[list[str]]:
    stored = ImportOutcomes.objects.filter(run_id=run_id).order_by("id")
    return list(csv.reader(io.StringIO("".join(one.lines for one in stored))))


def short(run_id: str) -> list[tuple[str, str, str]]:
    """Row, name of the customer, outcome."""
    names = dict(Customer.objects.values_list("id", "customer_name"))
    return [(row[0], names.get(row[1], row[1]), row[2]) for row in outcomes(run_id)]


def events(type_: str) -> list[dict[str, Any]]:
    return [json.loads(event.object or "") for event in Event.objects.filter(type=type_).order_by("seq")]


def test_each_row_in_its_order(imported: Any) -> None:
    first = imported("id,name,tax_id,supplier_numbers.company\ncustomer_1,One,1,\ncustomer_2,Two,2,X\n,,,Y\n")
    assert short(first.report["run"]) == [
        ("2", "One", "created"),
        ("3", "Two", "created"),
        ("4", "Two", "created"),
    ]
    text = (
        "name,tax_id,email_id,supplier_numbers.company\nThree,3,,\n\nOne,1,,\nBad,4,nobody,A\n,,,B\nTwo,2,,Z\nOld,1,,\n"
    )
    second = imported(text, "--match-on", "tax_id", "--skip-errors")
    assert short(second.report["run"]) == [
        ("2", "Three", "created"),
        ("4", "One", "unchanged"),
        ("5", "", "refused"),
        ("6", "", "refused"),
        ("7", "Two", "updated"),
        ("8", "", "refused"),
    ]
    by_row = {row[0]: row for row in outcomes(second.report["run"])}
    assert by_row["5"][3] == "parameter_invalid"
    assert by_row["5"][4].startswith("email_id: ")
    assert by_row["6"][3:] == ["", ""]
    assert by_row["8"][3] == "parameter_duplicate"


def test_of_a_refused_file_each_row_is_refused(imported: Any) -> None:
    text = "name,email_id,supplier_numbers.company\nGood,,A\n,,B\n\nBad,nobody,\nAlso good,,\n"
    run_id = ImportRun.objects.get(pk=imported(text).report["run"]).pk
    assert [(row, outcome) for row, _name, outcome in short(run_id)] == [
        (row, "refused") for row in ("2", "3", "5", "6")
    ]
    assert [row[3] for row in outcomes(run_id)] == ["", "", "parameter_invalid", ""]
    (problem,) = ImportProblem.objects.filter(run_id=run_id)
    assert (problem.number, problem.column, problem.value) == (5, "email_id", "nobody")


def test_objects_have_one_line_each(imported: Any) -> None:
    one = {"customer_name": "One", "supplier_numbers": [{"company": "A"}, {"company": "B"}]}
    ran = imported(f"{json.dumps(one)}\n{json.dumps({'customer_name': 'Two'})}\n", name="a.ndjson")
    assert short(ran.report["run"]) == [("1", "One", "created"), ("2", "Two", "created")]


def test_what_no_database_takes_is_recorded(imported: Any) -> None:
    run_id = imported("name,tax_id\n=a\0b,1\nc,2\n").report["run"]
    (problem,) = ImportProblem.objects.filter(run_id=run_id)
    assert problem.code == "characters_not_allowed"
    assert "\0" not in problem.value + problem.message
    assert [row[2:4] for row in outcomes(run_id)] == [["refused", "characters_not_allowed"], ["refused", ""]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("skips", [True, False])
def test_a_run_that_broke_off_records_each_row_once(tmp_path: Path, *, skips: bool) -> None:
    path = tmp_path / "a.csv"
    bad = 7 if skips else 100
    rows = [f"c{i},{'nobody' if i % bad == 3 and skips else f'a{i}@b'}" for i in range(50)]
    path.write_text("\n".join(["customer_name,email_id", *rows]) + "\n")
    source = examined(path, "a.csv")
    options = imports.ImportOptions(size=10, skip_errors=skips)
    with pytest.raises(BrokenOff):
        imports.run(source, options, started_by="test", progress=after(2))
    run = ImportRun.objects.get()
    assert len(outcomes(run.pk)) == 20
    assert not events("import.finished")
    report = imports.resume(source, progress=nothing)
    assert [int(row[0]) for row in outcomes(run.pk)] == list(range(2, 52))
    counts = {name: sum(row[2] == name for row in outcomes(run.pk)) for name in ("created", "refused")}
    assert counts == {"created": report.counts["created"], "refused": report.counts["refused"]}
    assert ImportProblem.objects.filter(run_id=run.pk).count() == report.problem_count
    (event,) = events("import.finished")
    assert (event["id"], event["status"], event["counts"]["created"]) == (run.pk, "done", counts["created"])


def test_the_log_tells_of_each_run_and_undo_once(imported: Any) -> None:
    run_id = imported("name\nOne\nTwo\n").report["run"]
    imported("name,email_id\nBad,nobody\n")
    assert [(one["status"], one["problem_count"]) for one in events("import.finished")] == [("done", 0), ("refused", 1)]
    result = undo(run_id, started_by="test")
    assert (result.deleted, result.gone_count, Customer.objects.count()) == (2, 0, 0)
    (undone,) = events("import.undone")
    assert undone == {"id": run_id, "counts": {"deleted": 2, "restored": 0, "kept": 0, "gone": 0}}
    versions = list(Event.objects.filter(subject=run_id).order_by("seq").values_list("object_version", flat=True))
    assert versions == [1, 2]


def test_a_dry_run_of_the_command_leaves_nothing(imported: Any) -> None:
    assert imported("name\nOne\n", "--dry-run").code == 0
    assert not ImportRun.objects.exists()
    assert not Event.objects.exists()
