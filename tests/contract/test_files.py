"""Line items in files: the order of lines, files of nothing but them, what replacing and undoing do to each kind, identifiers."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

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
BY_HAND = Origin("user:hand")
each_kind = pytest.mark.parametrize("kind", LINE_ITEMS, ids=lambda kind: kind.name)


def stored_values(kind: LineItem, n: int) -> dict[str, Any]:
    texts = texts_of(kind, n)
    return {name: known.from_text(texts[name]) for name, known in kind.attributes.items()}


def make(name: str, counts: dict[LineItem, int], **values: Any) -> str:
    """A customer with so many line items of each kind."""
    customer_id = services.create_customer({"customer_name": name} | values, origin=BY_HAND).output["id"]
    for kind, count in counts.items():
        for n in range(1, count + 1):
            line_item_services.add_line_item(kind, customer_id, stored_values(kind, n), origin=BY_HAND)
    return customer_id


def items_of(kind: LineItem, customer_id: str) -> list[dict[str, Any]]:
    """What its line items hold, in order; their positions are 1…n without a gap."""
    rows = existing_line_items(kind, [customer_id]).get(customer_id, [])
    assert [row["idx"] for row in rows] == list(range(1, len(rows) + 1))
    return [{name: row[name] for name in kind.names} for row in rows]


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


@pytest.mark.parametrize("layout", exports.LAYOUTS)
def test_every_database_writes_the_same_csv(layout: str) -> None:
    fill()
    selection = exports.Selection(Customer.objects.all(), ["customer_name"], layout)
    lines = [c for part in exports._families(selection) for one in part for c in exports._lines(one, selection)]
    target = io.BytesIO()
    exports.export(selection, "csv", target)
    assert target.getvalue().decode() == "".join(cells.line(one) for one in [selection.headings, *lines])


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
    result = undo.undo(ran.report["run"], started_by="test")
    assert (result.restored, result.kept_count) == (1, 0)
    assert {kind: items_of(kind, acme) for kind in LINE_ITEMS} == before
    assert Customer.objects.get().territory == "North"


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
    monkeypatch.setitem(rules.LINE_ITEM_RULES, kind.name, {name: lambda value: error if value == wrong else None})
    row = {"customer_name": "Acme"} | nested(kind, 1)
    ran = imported(as_csv(row, nested(kind, 2), nested(kind, 3)))
    assert ran.problems == [(3, f"{kind.name}.{name}", "parameter_invalid")]
