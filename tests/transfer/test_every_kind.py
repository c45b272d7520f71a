"""Files with line items of every kind that is registered: all of them beside their customer, and each in a file of its own."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from crm import line_item_services, rules, services
from crm.line_item_plans import existing_line_items
from crm.line_items import LINE_ITEMS, LineItem
from crm.models import Customer, ImportRun
from crm.transfer import cells, exports, undo
from overplane.events.models import Event
from overplane.origin import Origin
from overplane.problems import Code, invalid
from tests.contract.values import texts_of, values_of

pytestmark = pytest.mark.django_db
HAND = Origin("user:hand")
LAYOUTS = [("csv", "lines"), ("csv", "repeated"), ("xlsx", "lines"), ("ndjson", "lines"), ("parquet", "lines")]
each_kind = pytest.mark.parametrize("kind", LINE_ITEMS, ids=lambda kind: kind.name)


def stored_values(kind: LineItem, n: int) -> dict[str, Any]:
    texts = texts_of(kind, n)
    return {name: known.from_text(texts[name]) for name, known in kind.attributes.items()}


def make(name: str, counts: dict[LineItem, int], **values: Any) -> str:
    """A customer with so many line items of each kind."""
    made = services.create_customer({"customer_name": name} | values, origin=HAND).output["id"]
    for kind, count in counts.items():
        for n in range(1, count + 1):
            line_item_services.add_line_item(kind, made, stored_values(kind, n), origin=HAND)
    return made


def items_of(kind: LineItem, customer_id: str) -> list[dict[str, Any]]:
    """What its line items hold, in order; their positions are 1…n without a gap."""
    rows = existing_line_items(kind, [customer_id]).get(customer_id, [])
    assert [row["idx"] for row in rows] == list(range(1, len(rows) + 1))
    return [{name: row[name] for name in kind.names} for row in rows]


def all_items() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By the customer's name and the kind's."""
    customers = Customer.objects.values_list("customer_name", "pk")
    return {name: {kind.name: items_of(kind, pk) for kind in LINE_ITEMS} for name, pk in customers}


def as_csv(*rows: dict[str, str]) -> str:
    target = io.StringIO()
    writer = csv.DictWriter(target, list(rows[0]), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()


def nested(kind: LineItem, n: int) -> dict[str, str]:
    return {f"{kind.name}.{name}": text for name, text in texts_of(kind, n).items()}


def fill() -> None:
    """Customers with none, with as many of each kind, and with more of one than of another."""
    make("none", {})
    make("two", dict.fromkeys(LINE_ITEMS, 2))
    make("rising", {kind: i for i, kind in enumerate(LINE_ITEMS)})
    make("falling", {kind: 3 - i for i, kind in enumerate(LINE_ITEMS)})


@pytest.mark.parametrize(("format", "layout"), LAYOUTS)
def test_what_is_exported_is_imported_as_it_was(imported: Any, tmp_path: Path, format: str, layout: str) -> None:
    fill()
    before, file = all_items(), tmp_path / f"customers.{format}"
    call_command("export_customers", str(file), "--rows", layout, "--quiet")
    services.delete_customers(Customer.objects.values_list("pk", flat=True), origin=HAND)
    without_ids = [f"--map={column}=" for column in ("id", *(f"{kind.name}.id" for kind in LINE_ITEMS))]
    ran = imported(file.read_bytes(), *without_ids, name=f"again.{format}")
    assert (ran.code, ran.counts["created"]) == (0, 4), ran.said
    assert ran.counts["rows_created"] == sum(len(items) for lists in before.values() for items in lists.values())
    assert all_items() == before


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_what_is_exported_changes_nothing_when_it_comes_back(imported: Any, tmp_path: Path, format: str) -> None:
    fill()
    file, count = tmp_path / f"customers.{format}", Event.objects.count()
    call_command("export_customers", str(file), "--quiet")
    ran = imported(file.read_bytes(), "--match-on", "id", "--replace-rows", name=f"again.{format}")
    assert (ran.code, ran.counts) == (0, {"unchanged": 4})
    assert Event.objects.count() == count


@pytest.mark.parametrize("layout", exports.LAYOUTS)
def test_every_database_writes_the_same_csv(layout: str) -> None:
    fill()
    wanted = exports.Wanted(Customer.objects.all(), ["customer_name"], layout)
    lines = [c for part in exports._families(wanted) for one in part for c in exports._lines(one, wanted)]
    target = io.BytesIO()
    exports.export(wanted, "csv", target)
    assert target.getvalue().decode() == "".join(cells.line(one) for one in [wanted.headings, *lines])


@each_kind
def test_a_file_of_nothing_but_line_items_belongs_to_the_kind_of_its_columns(imported: Any, kind: LineItem) -> None:
    acme, beta = make("Acme", {}), make("Beta", {})
    rows = [{"customer_id": one} | texts_of(kind, n) for one, n in ((acme, 1), (acme, 2), (beta, 3))]
    ran = imported(as_csv(*rows))
    assert (ran.code, ran.counts) == (0, {"unchanged": 2, "rows_created": 3}), ran.said
    assert items_of(kind, acme) == [stored_values(kind, 1), stored_values(kind, 2)]
    assert items_of(kind, beta) == [stored_values(kind, 3)]
    assert {event.type for event in Event.objects.filter(actor__startswith="import:")} == {kind.created}
    again = imported(as_csv(*rows[1:2]), "--replace-rows")
    assert again.counts == {"unchanged": 1, "rows_deleted": 1}
    assert items_of(kind, acme) == [stored_values(kind, 2)]
    assert str(kind.label_plural) in imported(as_csv(*rows), "--again", "--set", "territory=x").said


@each_kind
def test_replacing_takes_the_kinds_that_the_file_speaks_of(imported: Any, kind: LineItem) -> None:
    acme = make("Acme", dict.fromkeys(LINE_ITEMS, 3), tax_id="1")
    before = {one: items_of(one, acme) for one in LINE_ITEMS}
    file = as_csv({"tax_id": "1"} | nested(kind, 3), nested(kind, 9), nested(kind, 1))
    ran = imported(file, "--match-on", "tax_id", "--mode", "update", "--replace-rows")
    assert (ran.code, ran.counts) == (0, {"unchanged": 1, "rows_created": 1, "rows_deleted": 1}), ran.said
    assert {one: items_of(one, acme) for one in LINE_ITEMS} == before | {
        kind: [stored_values(kind, n) for n in (3, 9, 1)]
    }
    undo.undo(ran.report["run"], started_by="test")
    assert {one: items_of(one, acme) for one in LINE_ITEMS} == before
    assert ImportRun.objects.get(pk=ran.report["run"]).state == "undone"


@each_kind
def test_objects_that_do_not_speak_of_a_kind_leave_it_alone(imported: Any, kind: LineItem) -> None:
    ids = [make(name, dict.fromkeys(LINE_ITEMS, 2), tax_id=name) for name in ("a", "b", "c")]
    others = {one: [items_of(one, customer) for customer in ids] for one in LINE_ITEMS if one is not kind}
    objects = [{"tax_id": "a"}, {"tax_id": "b", kind.name: []}, {"tax_id": "c", kind.name: [values_of(kind, 7)]}]
    text = "".join(json.dumps(one) + "\n" for one in objects)
    ran = imported(text, "--match-on", "tax_id", "--mode", "update", "--replace-rows", name="some.ndjson")
    assert ran.code == 0, ran.said
    assert [items_of(kind, one) for one in ids] == [
        [stored_values(kind, 1), stored_values(kind, 2)],
        [],
        [stored_values(kind, 7)],
    ]
    assert {one: [items_of(one, customer) for customer in ids] for one in others} == others


def test_undoing_gives_back_all_kinds(imported: Any) -> None:
    acme = make("Acme", dict.fromkeys(LINE_ITEMS, 3), tax_id="1", territory="North")
    before = {kind: items_of(kind, acme) for kind in LINE_ITEMS}
    first, second = {"tax_id": "1", "territory": "South"}, {"tax_id": "", "territory": ""}
    for kind in LINE_ITEMS:
        first |= nested(kind, 5)
        second |= nested(kind, 3)
    ran = imported(as_csv(first, second), "--match-on", "tax_id", "--mode", "update", "--replace-rows")
    assert ran.code == 0, ran.said
    for kind in LINE_ITEMS:
        assert items_of(kind, acme) == [stored_values(kind, 5), stored_values(kind, 3)]
    undone = undo.undo(ran.report["run"], started_by="test")
    assert (undone.restored, undone.kept_count) == (1, 0)
    assert {kind: items_of(kind, acme) for kind in LINE_ITEMS} == before
    assert Customer.objects.get().territory == "North"


@each_kind
def test_a_cell_that_no_column_can_hold_is_named(imported: Any, kind: LineItem) -> None:
    wrong = {"string": "x" * 70000, "boolean": "perhaps", "integer": "1099511627776", "number": "1e99"}
    row = {"customer_name": "Acme"} | {f"{kind.name}.{n}": wrong[one.kind] for n, one in kind.attributes.items()}
    ran = imported(as_csv(row))
    assert {problem["column"] for problem in ran.report["problems"]} == set(row) - {"customer_name"}
    acme = make("Acme", {})
    row = {"customer_id": acme} | {n: wrong[one.kind] for n, one in kind.attributes.items()}
    assert {problem["column"] for problem in imported(as_csv(row)).report["problems"]} == set(kind.attributes)


@each_kind
def test_another_customers_id_is_refused(imported: Any, kind: LineItem) -> None:
    make("Acme", {kind: 1})
    theirs = kind.model._default_manager.get().pk
    row = {"customer_name": "Beta", f"{kind.name}.id": theirs} | nested(kind, 2)
    assert imported(as_csv(row)).problems == [(2, f"{kind.name}.id", "parameter_duplicate")]
    row = {"customer_id": make("Gamma", {}), "id": theirs} | texts_of(kind, 2)
    assert imported(as_csv(row)).problems == [(2, "id", "parameter_duplicate")]
    twice = {"customer_name": "Delta", f"{kind.name}.id": f"{kind.id_prefix}_1"} | nested(kind, 2)
    assert imported(as_csv(twice, twice | {"customer_name": "Eps"})).problems[0][:2] == (3, f"{kind.name}.id")


@each_kind
def test_a_label_with_the_kinds_name_is_a_heading(imported: Any, kind: LineItem) -> None:
    labels = {name: kind.model._meta.get_field(name).verbose_name for name in kind.names}
    row = {"customer_name": "Acme"} | {f"{labels[n]} ({kind.label_plural})": t for n, t in texts_of(kind, 1).items()}
    ran = imported(as_csv(row))
    assert ran.code == 0, ran.said
    assert items_of(kind, Customer.objects.get().pk) == [stored_values(kind, 1)]


@each_kind
def test_refused_rows_can_be_imported_again(imported: Any, tmp_path: Path, kind: LineItem) -> None:
    one = {"customer_name": "", "email_id": "a@b", kind.name: [values_of(kind, n) for n in (1, 2)]}
    errors = tmp_path / "bad.ndjson"
    ran = imported(json.dumps(one) + "\n", "--errors", str(errors), name="a.ndjson")
    assert ran.code == 1
    ran = imported(errors.read_text().replace('"customer_name": ""', '"customer_name": "A"'), name="b.ndjson")
    assert ran.code == 0, ran.said
    assert items_of(kind, Customer.objects.get().pk) == [stored_values(kind, 1), stored_values(kind, 2)]


@each_kind
def test_a_rule_of_a_line_item_is_asked_about_each_value(
    imported: Any, kind: LineItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, wrong = kind.names[0], stored_values(kind, 2)[kind.names[0]]
    error = invalid(Code.PARAMETER_INVALID, "Not that one.")
    monkeypatch.setitem(rules.LINE_ITEMS, kind.name, {name: lambda value: error if value == wrong else None})
    row = {"customer_name": "Acme"} | nested(kind, 1)
    ran = imported(as_csv(row, nested(kind, 2), nested(kind, 3)))
    assert ran.problems == [(3, f"{kind.name}.{name}", "parameter_invalid")]
