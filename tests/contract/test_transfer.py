"""Line items in files: both layouts, every format, files of nothing but them, and taken back."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from crm.line_items import LINE_ITEMS
from overplane.events.models import Event
from tests.conftest import CUSTOMER
from tests.contract.conftest import Items
from tests.contract.values import of, texts_of, values_of

FORMATS = ["csv", "xlsx", "ndjson", "parquet"]


def exported(path: Path, *options: str) -> Path:
    call_command("export_customers", str(path), "--quiet", *options)
    return path


def imported(path: Path, *options: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("import_customers", str(path), "--json", *options, stdout=out)
    return json.loads(out.getvalue())


def write_csv(path: Path, lines: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    return path


def stored(items: Items, customer_id: str) -> list[dict[str, Any]]:
    return [of(items.kind, one) for one in items.all(customer_id)]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["lines", "repeated"])
@pytest.mark.parametrize("format_", FORMATS)
def test_come_back_as_they_went_out(live_items: Items, tmp_path: Path, format_: str, layout: str) -> None:
    """With other kinds beside them, more of one than of the other, and customers without any."""
    items = live_items
    with_all = items.api.post(
        CUSTOMER,
        {"customer_name": "A"}
        | {kind.name: [values_of(kind, n) for n in range(1, 3 + i)] for i, kind in enumerate(LINE_ITEMS)},
    ).json()
    items.api.create(customer_name="B")
    alone, _ = items.customer(2)
    before = {one: items.whole(one) for one in (with_all["id"], alone)}
    path = exported(tmp_path / f"customers.{format_}", "--rows", layout)
    for one in items.api.get(CUSTOMER).json()["data"]:
        items.api.delete(f"{CUSTOMER}/{one['id']}")
    ids = [option for kind in LINE_ITEMS for option in ("--map", f"{kind.name}.id=")]
    report = imported(path, "--map", "id=", *ids)
    assert report["created"] == 3
    after = {one["customer_name"]: one["id"] for one in items.api.get(CUSTOMER).json()["data"]}
    assert stored(items, after["A"]) == [of(items.kind, one) for one in before[with_all["id"]][items.kind.name]]
    assert stored(items, after["Acme"]) == [of(items.kind, one) for one in before[alone][items.kind.name]]
    assert stored(items, after["B"]) == []
    assert report["rows_created"] == sum(kind.model.objects.count() for kind in LINE_ITEMS)


def test_an_export_that_is_imported_by_id_changes_nothing(live_items: Items, tmp_path: Path) -> None:
    live_items.customer(3)
    path = exported(tmp_path / "customers.csv")
    before = Event.objects.count() + 1  # that it ended
    report = imported(path, "--match-on", "id", "--replace-rows")
    assert (report["unchanged"], Event.objects.count()) == (1, before)


def test_an_upsert_changes_adds_and_deletes_and_is_taken_back(live_items: Items, tmp_path: Path) -> None:
    items, kind = live_items, live_items.kind
    customer_id, (a, b, c) = items.customer()
    before = items.all(customer_id)
    columns = [f"{kind.name}.{name}" for name in ("id", *kind.names)]
    lines = [
        ["id", *columns],
        [customer_id, c, *texts_of(kind, 3).values()],
        ["", a, *texts_of(kind, 8).values()],
        ["", "", *texts_of(kind, 9).values()],
    ]
    report = imported(write_csv(tmp_path / "a.csv", lines), "--match-on", "id", "--replace-rows")
    assert [report[f"rows_{what}"] for what in ("created", "updated", "deleted")] == [1, 1, 1]
    assert stored(items, customer_id) == [values_of(kind, n) for n in (3, 8, 9)]
    assert items.order(customer_id)[:2] == [c, a]
    call_command("undo_import", report["run"])
    after = items.all(customer_id)
    assert [of(kind, one) for one in after] == [of(kind, one) for one in before]
    assert [after[0]["id"], after[2]["id"]] == [a, c]
    assert b not in {one["id"] for one in after}, "what was deleted comes back under a new id"


def test_a_file_of_nothing_but_them(live_items: Items, tmp_path: Path) -> None:
    items, kind = live_items, live_items.kind
    customer_id, ids = items.customer(1)
    lines = [["customer_id", *kind.names], [customer_id, *texts_of(kind, 5).values()]]
    report = imported(write_csv(tmp_path / "rows.csv", lines))
    assert report["rows_created"] + report["rows_updated"] == 1
    assert items.order(customer_id)[0] == ids[0]
    assert values_of(kind, 5) in stored(items, customer_id)


def test_what_is_wrong_is_told_by_cell(live_items: Items, tmp_path: Path) -> None:
    kind = live_items.kind
    for name, known in kind.attributes.items():
        wrong = "x" * ((known.max_length or 0) + 1) if known.kind == "string" else "perhaps"
        path = write_csv(tmp_path / f"{name}.csv", [["name", f"{kind.name}.{name}"], ["Acme", wrong]])
        out = io.StringIO()
        with pytest.raises(CommandError):
            call_command("import_customers", str(path), "--json", stdout=out)
        (problem,) = json.loads(out.getvalue())["problems"]
        assert (problem["row"], problem["column"]) == (2, f"{kind.name}.{name}")
