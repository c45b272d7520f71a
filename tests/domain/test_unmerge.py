"""Merges that are taken back: whatever was merged into what, in whatever order it returns, it is as it was."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as tested
from hypothesis import strategies as st

from crm import line_item_services, merged, merging, rules, services, unmerging
from crm.line_items import LINE_ITEMS, SUPPLIER_NUMBERS
from crm.models import Customer, CustomerTombstone, MergedCustomer, SupplierNumberAtCustomer
from overplane.events.models import Event
from overplane.problems import UnmergeExpired
from tests.domain.customers import ORIGIN, make, rows_of

VALUES = st.sampled_from([None, "a", "b"])
RATES = st.sampled_from([None, Decimal("2.5"), Decimal("0.000000001"), Decimal(100)])
CHOSEN = st.sampled_from(["territory", "tax_id", "default_commission_rate", "disabled"])
COUNT = 4
# Who is kept, who is merged into it, and from which of them its values come. Those that are gone by then are left out.
MERGES = st.lists(
    st.tuples(
        st.integers(0, COUNT - 1),
        st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=3, unique=True),
        st.dictionaries(CHOSEN, st.integers(0, 3), max_size=3),
    ),
    min_size=1,
    max_size=5,
)


def stored() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Every customer and every row; but for versions, which go on, and `updated_at`, which a survivor's change moves."""
    customers = list(Customer.objects.order_by("id").values())
    rows = list(SupplierNumberAtCustomer.objects.order_by("customer_id", "idx").values())
    for one in [*customers, *rows]:
        del one["version"]
        one.pop("updated_at", None)
    return customers, rows


def take_back(customer_id: str) -> unmerging.Unmerged:
    into = merged.survivors_of([customer_id])[customer_id]
    return unmerging.unmerge_customers(into, [customer_id], origin=ORIGIN)


@pytest.mark.slow
@pytest.mark.django_db
@tested(max_examples=30)
@given(st.data())
def test_what_is_merged_and_taken_back_is_as_it_was(data: st.DataObject) -> None:
    with transaction.atomic():
        ids = [
            make(
                f"N{i}",
                data.draw(st.integers(0, 2)),
                territory=data.draw(VALUES),
                tax_id=data.draw(VALUES),
                default_commission_rate=data.draw(RATES),
                disabled=data.draw(st.booleans()),
            )
            for i in range(COUNT)
        ]
        before = stored()
        versions = dict(Customer.objects.values_list("id", "version"))
        moments = dict(Customer.objects.values_list("id", "updated_at"))
        gone: list[str] = []
        for survivor, others, choices in data.draw(MERGES):
            left = [ids[i] for i in dict.fromkeys([survivor, *others]) if ids[i] not in gone]
            if len(left) > 1 and left[0] == ids[survivor]:
                chosen = {name: left[i % len(left)] for name, i in choices.items()}
                merging.merge_customers(left[0], left[1:], choices=chosen, origin=ORIGIN)
                gone += left[1:]
        assert Customer.objects.count() == COUNT - len(gone) == len(ids) - CustomerTombstone.objects.count()
        assert set(merged.survivors_of(ids).values()) <= set(ids) - set(gone)
        for customer_id in data.draw(st.permutations(gone)):
            assert take_back(customer_id).not_reverted == []
        assert stored() == before
        assert MergedCustomer.objects.count() == CustomerTombstone.objects.count() == 0
        now = dict(Customer.objects.values_list("id", "version"))
        assert all(
            now[i] == versions[i] + 2 if i in gone and i not in survivors() else now[i] >= versions[i] for i in ids
        )
        unchanged = [i for i in ids if i not in survivors()]
        assert {i: moments[i] for i in unchanged} == dict(
            Customer.objects.filter(pk__in=unchanged).values_list("id", "updated_at")
        )
        transaction.set_rollback(True)


def survivors() -> set[str]:
    """Whom a merge has changed."""
    return set(Event.objects.filter(type="customer.updated").values_list("subject", flat=True))


@pytest.mark.slow
@pytest.mark.django_db
def test_a_hundred_merges_return_in_any_order() -> None:
    survivor = make("Kept", 2, territory="North")
    others = [make(f"O{i}", 1, territory=f"T{i}", disabled=bool(i % 2)) for i in range(100)]
    before = stored()
    for one in others:
        merging.merge_customers(survivor, [one], choices={"territory": one, "disabled": one}, origin=ORIGIN)
    for one in sorted(others, key=lambda one: one[::-1]):
        assert take_back(one).not_reverted == []
    assert stored() == before


@pytest.mark.django_db
def test_what_was_changed_since_stays_and_is_named() -> None:
    survivor, other = make("Kept", 1, territory="North"), make("Other", 3, territory="South", tax_id="T1", gender="x")
    own, *theirs = rows(survivor) + rows(other)
    merging.merge_customers(survivor, [other], choices={"territory": other, "tax_id": other}, origin=ORIGIN)
    services.update_customer(survivor, {"territory": "West", "industry": "Mining"}, origin=ORIGIN)
    line_item_services.update_line_item(SUPPLIER_NUMBERS, theirs[0], {"company": "new"}, origin=ORIGIN)
    line_item_services.delete_line_item(SUPPLIER_NUMBERS, theirs[1], origin=ORIGIN)
    written = line_item_services.add_line_item(SUPPLIER_NUMBERS, survivor, {"company": "added"}, origin=ORIGIN)
    added = written.output["id"]
    line_item_services.reorder_line_items(SUPPLIER_NUMBERS, survivor, [added, theirs[2], own, theirs[0]], origin=ORIGIN)
    expected = [
        "territory",
        "industry",
        f"supplier_numbers[{theirs[0]}].company",
        f"supplier_numbers[{theirs[1]}]",
    ]
    values, parts = Customer.objects.values().get(pk=survivor), merged.part_of(survivor)
    assert sorted(unmerging.changed_since(values, parts, parts[0])) == sorted(expected)
    done = take_back(other)
    assert sorted(done.not_reverted) == sorted(expected)
    assert done.survivor.output.items() >= {"territory": "West", "industry": "Mining", "tax_id": None}.items()
    assert done.restored[0].output.items() >= {"territory": "South", "tax_id": "T1", "gender": "x"}.items()
    assert (rows(survivor), rows(other)) == ([added, own], [theirs[0], theirs[2]])
    assert SupplierNumberAtCustomer.objects.get(pk=theirs[0]).company == "new"


def rows(customer_id: str) -> list[str]:
    return list(
        SupplierNumberAtCustomer.objects.filter(customer_id=customer_id).order_by("idx").values_list("id", flat=True)
    )


@pytest.mark.django_db
def test_those_in_the_middle_of_a_chain_take_their_own_along() -> None:
    a, b, c = make("A", 1), make("B", 1), make("C", 1)
    merging.merge_customers(b, [a], origin=ORIGIN)
    merging.merge_customers(c, [b], origin=ORIGIN)
    assert merged.survivors_of([a, b, c]) == {a: c, b: c}
    unmerging.unmerge_customers(c, [b], origin=ORIGIN)
    assert merged.survivors_of([a, b, c]) == {a: b}
    assert (rows_of(b), rows_of(c)) == ([(1, "B 1"), (2, "A 1")], [(1, "C 1")])
    merging.merge_customers(c, [b], origin=ORIGIN)
    done = unmerging.unmerge_customers(c, [b, a], origin=ORIGIN)
    assert ([one.output["id"] for one in done.restored], done.not_reverted) == ([a, b], [])
    assert [rows_of(one) for one in (a, b, c)] == [[(1, "A 1")], [(1, "B 1")], [(1, "C 1")]]


@pytest.mark.django_db
def test_a_row_that_has_left_a_merged_customer_is_not_taken_from_whom_it_belongs_to_now() -> None:
    a, b, c = make("A", 1), make("B", 1), make("C")
    merging.merge_customers(b, [a], origin=ORIGIN)
    merging.merge_customers(c, [b], origin=ORIGIN)
    take_back(a)
    merging.merge_customers(c, [a], origin=ORIGIN)
    take_back(b)
    assert (rows_of(b), rows_of(c)) == ([(1, "B 1")], [(1, "A 1")])


@pytest.mark.django_db
def test_a_value_that_is_refused_by_now_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    survivor, other = make("Old Name", territory="North"), make("New Name", territory="South")
    merging.merge_customers(survivor, [other], choices={"customer_name": other, "territory": other}, origin=ORIGIN)

    def refuse(values: Any) -> None:
        if values["customer_name"] == "Old Name":
            raise ValidationError({"customer_name": "No longer."})

    monkeypatch.setattr(rules, "check_customer", refuse)
    done = take_back(other)
    assert (done.not_reverted, done.survivor.output["customer_name"]) == (["customer_name"], "New Name")
    assert done.survivor.output["territory"] == "North"


@pytest.mark.django_db
def test_who_is_no_part_of_it_is_named() -> None:
    survivor, other, stranger = make("Kept"), make("Other"), make("Stranger")
    merging.merge_customers(survivor, [other], origin=ORIGIN)
    with pytest.raises(ValidationError) as refused, transaction.atomic():
        unmerging.unmerge_customers(survivor, [other, stranger, "customer_gone"], origin=ORIGIN)
    assert list(refused.value.error_dict) == ["restore[1]", "restore[2]"]
    assert Customer.objects.count() == 2


@pytest.mark.django_db
def test_after_thirty_days_it_is_too_late_and_the_values_are_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    survivor, other, later = make("Kept"), make("Canary Bird", 1), make("Later")
    merging.merge_customers(survivor, [other], origin=ORIGIN)
    merging.merge_customers(survivor, [later], origin=ORIGIN)
    ago = timezone.now() - timedelta(days=settings.MERGE_UNDO_DAYS)
    MergedCustomer.objects.filter(pk=other).update(merged_at=ago)
    with pytest.raises(UnmergeExpired), transaction.atomic():
        take_back(other)
    call_command("purge_merged")
    assert MergedCustomer.objects.get(pk=other).contents is None
    assert MergedCustomer.objects.get(pk=later).contents
    with pytest.raises(UnmergeExpired), transaction.atomic():
        take_back(other)
    assert take_back(later).not_reverted == []
    assert merged.survivors_of([other]) == {other: survivor}
    services.delete_customer(survivor, origin=ORIGIN)
    assert MergedCustomer.objects.count() == 0
    assert Event.objects.filter(subject=other, type="customer.deleted").exists()


@pytest.mark.django_db
def test_an_attribute_that_came_since_has_its_default() -> None:
    survivor, other = make("Kept"), make("Other", 1)
    merging.merge_customers(survivor, [other], origin=ORIGIN)
    (one,) = merged.part_of(survivor)
    for values in (one.values, one.before, one.after):
        del values["is_frozen"], values["customer_type"]
    merged.rewrite([one])
    assert take_back(other).not_reverted == []
    restored = Customer.objects.get(pk=other)
    assert (restored.is_frozen, restored.customer_type, restored.customer_name) == (False, "Company", "Other")


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"survivor_id": "same"}, {"customer_id": "same"}, {"place": 0}, {"version": 0}])
def test_the_database_refuses_what_cannot_be(wrong: dict[str, Any]) -> None:
    survivor, other = make("Kept"), make("Other")
    values = {"survivor_id": survivor, "customer_id": survivor, "place": 1, "version": 1}
    values |= {name: other if value == "same" else value for name, value in wrong.items()}
    with pytest.raises(IntegrityError), transaction.atomic():
        MergedCustomer.objects.create(id=other, merged_at=timezone.now(), actor="user:anna", **values)


@pytest.mark.django_db
def test_every_kind_of_line_items_is_kept() -> None:
    survivor, other = make("Kept"), make("Other", 2)
    merging.merge_customers(survivor, [other], origin=ORIGIN)
    (one,) = merged.part_of(survivor)
    assert one.line_items.keys() == {kind.name for kind in LINE_ITEMS}
    assert len(one.line_items["supplier_numbers"]) == 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_migration_leaves_what_is_there_as_it_is() -> None:
    make("Acme", 2)
    before = stored()
    call_command("migrate", "crm", "0010", verbosity=0)
    try:
        assert stored() == before
    finally:
        call_command("migrate", "crm", verbosity=0)
    assert stored() == before
    survivor, other = Customer.objects.get().pk, make("Other")
    merging.merge_customers(survivor, [other], origin=ORIGIN)
    assert take_back(other).not_reverted == []
