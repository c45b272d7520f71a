"""--resume goes on as the run was begun: what is said again is understood, what differs is refused. Its summary is of both parts."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from crm.models import Customer
from crm.transfer import imports
from crm.transfer.options import ImportOptions
from crm.transfer.refused_files import RefusedRows
from overplane.files.sources import examined
from tests.importing import run

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 40


class Stopped(Exception):
    pass


def begun(folder: Path, **options: Any) -> Path:
    """A file of which a run has written two batches of ten customers, every seventh of them refused."""
    path = folder / "a.csv"
    rows = "".join(f"c{i},{'nobody' if i % 7 == 0 else 'a@b'},{'x' if i % 9 else 'perhaps'}\n" for i in range(COUNT))
    path.write_text(f"name,mail,disabled\n{rows}")

    def progress(doing: str, fraction: float, customers: int) -> None:
        if doing == "writing" and customers >= 20:
            raise Stopped

    settings = ImportOptions(size=10, **{"skip_errors": True} | options)
    with pytest.raises(Stopped), RefusedRows(folder / "a.csv.errors.csv") as refused:
        imports.run(examined(path, "a.csv"), settings, started_by="test", progress=progress, refused=refused)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "again",
    [[], ["--skip-errors"], ["--skip-errors", "--null", "NULL"], ["--mode", "create"], ["--null", "NULL", "--quiet"],
     ["--errors", "a.csv.errors.csv"], ["--encoding", "UTF8", "--format", "csv"]],
)  # fmt: skip
def test_what_the_run_was_begun_with_may_be_said_again(tmp_path: Path, again: list[str]) -> None:
    path = begun(tmp_path, nulls=("NULL",))
    again = [str(tmp_path / one) if one.endswith(".csv") else one for one in again]
    ran = run(path, "--resume", *again)
    assert (ran.code, ran.report["state"]) == (1, "done"), ran.said
    assert Customer.objects.count() == ran.report["created"] == 30


@pytest.mark.slow
@pytest.mark.parametrize(
    "option",
    [["--again"], ["--atomic"], ["--set", "territory=x"], ["--mode", "upsert", "--match-on", "tax_id"], ["--null", "x"],
     ["--encoding", "cp1251"], ["--format", "ndjson"], ["--keep-when-blank"], ["--sheet", "x"], ["--heading-row", "2"], ["--errors", "b.csv"], ["--map", "name="]],
)  # fmt: skip
def test_what_differs_is_refused_by_its_name(tmp_path: Path, option: list[str]) -> None:
    path = begun(tmp_path)
    option = [str(tmp_path / one) if one.endswith(".csv") else one for one in option]
    ran = run(path, "--resume", *option)
    named = ", ".join(one for one in option if one.startswith("--"))
    assert (ran.code, ran.said) == (
        2, f"--resume goes on as the run was begun, which was otherwise: leave out {named}, or import anew.",
    )  # fmt: skip
    assert Customer.objects.count() == 15


def test_a_run_is_not_gone_on_with_without_writing(tmp_path: Path) -> None:
    ran = run(begun(tmp_path), "--resume", "--dry-run")
    assert (ran.code, "Leave one out" in ran.said) == (2, True)


@pytest.mark.slow
def test_the_summary_is_of_both_parts(tmp_path: Path) -> None:
    path = begun(tmp_path)
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("import_customers", str(path), "--resume", stdout=out, stderr=err)
    assert out.getvalue().startswith("a.csv: 40 customers. Imported as run_")
    assert out.getvalue().endswith(": 30 created, 10 refused.\n")
    assert str(raised.value).startswith(
        "a.csv: 10 customers refused, 11 problems: 6 × parameter_invalid in mail; 5 × parameter_invalid_type in disabled."
    )


def test_one_of_a_thing_is_not_many(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("name,mail,supplier_numbers.company\nA,nobody,\nB,,x\n")
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"a.csv: 1 customer refused, 1 problem: 1 × ") as raised:
        call_command("import_customers", str(path), "--skip-errors", stdout=out, stderr=io.StringIO())
    assert raised.value.returncode == 1
    assert out.getvalue().endswith(": 1 created, 1 refused, 1 row created.\n")
    (path.parent / "b.csv").write_text("name\nA\n")
    call_command("import_customers", str(path.parent / "b.csv"), stdout=(one := io.StringIO()))
    assert "b.csv: 1 customer. Imported as" in one.getvalue()
