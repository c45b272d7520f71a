"""Finding customers that are perhaps one, and what is remembered of it."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from crm import line_item_services, merging, services, unmerging
from crm.backoffice import jobs
from crm.duplicates import blocking, customers, finding, following, pairs, search_state, term_table
from crm.duplicates.grouping import grouped, groups
from crm.duplicates.work_tables import PREFIX, WorkTables, add
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import DuplicatePair, DuplicateSearch, DuplicateTerm, PairState
from overplane.database import statements
from overplane.database.dialect import is_postgresql
from overplane.jobs.kinds import Refused, Run
from overplane.jobs.models import Job
from tests.domain.customers import ORIGIN, make

pytestmark = pytest.mark.slow
ADDRESS = "Hauptstraße 12, 10115 Berlin"
ONE: dict[str, Any] = {"tax_id": "DE 123.456-789", "primary_address": ADDRESS, "mobile_no": "+49 30 1234567"}


def found() -> dict[tuple[str, str], DuplicatePair]:
    return {(pair.first_id, pair.second_id): pair for pair in DuplicatePair.objects.all()}


def left() -> list[str]:
    """Work tables; SQLite's are temporary ones."""
    if is_postgresql():
        names = connection.introspection.table_names()
    else:
        names = [name for (name,) in statements.rows("SELECT name FROM sqlite_temp_master WHERE type = 'table'", [])]
    return [name for name in names if name.startswith(PREFIX)]


def others() -> None:
    words = ["Alfa", "Bravo", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Kilo", "Lima", "Mike", "Oscar"]
    for i, word in enumerate(words):
        make(
            f"{word} {words[i * 5 % 12]}bau",
            primary_address=f"{word}weg {i}, 2{i * 7919 % 10000} Hamburg",
            tax_id=f"DE{i * 77191 % 1000003}",
        )


def agreements(pair: DuplicatePair) -> dict[str, str]:
    return {one["attribute"]: one["agreement"] for one in pair.reasons}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("one", "other", "is_found"),
    [
        ({"tax_id": "DE 123.456-789"}, {"tax_id": "de123456789"}, True),
        ({"primary_address": ADDRESS}, {"primary_address": "Hauptstr. 12 10115 BERLIN"}, True),
        ({"mobile_no": "+49 30 1234567"}, {"mobile_no": "030/123 45 67"}, True),
        ({"name": "Nordlicht AG"}, {"name": "NORDLICHT S.A.R.L."}, True),
        ({"name": "Licht Nord"}, {"name": "Nord Licht"}, True),
        ({"name": "100 %"}, {"name": "200 %"}, False),
        ({"name": "&&&"}, {"name": "***"}, False),
        ({"name": "Anna Weber", **ONE, "tax_id": None}, {"name": "Bernd Weber", **ONE, "tax_id": None}, False),
        ({"name": "Alpha Bau", "email_id": "a@b.example"}, {"name": "Gamma Druck", "email_id": "a@b.example"}, False),
    ],
)
def test_finds_what_is_likely_one(one: dict[str, Any], other: dict[str, Any], is_found: bool) -> None:
    others()
    ids = make(**({"name": "Nordlicht Werke GmbH"} | one)), make(**({"name": "Nordlicht Werke"} | other))
    counts = finding.find_all()
    assert counts.customers == 14
    assert set(found()) == ({tuple(sorted(ids))} if is_found else set())


@pytest.mark.django_db
def test_says_why_with_weights() -> None:
    others()
    make("Nordlicht Werke", **ONE)
    make("Nordlicht Werke GmbH", **ONE | {"primary_address": "Gartenweg 3, 80331 München"})
    finding.find_all()
    (pair,) = found().values()
    assert agreements(pair) == {
        "customer_name": "same",
        "tax_id": "same",
        "mobile_no": "same",
        "primary_address": "different",
    }
    weights = {one["attribute"]: one["weight"] for one in pair.reasons}
    assert weights["tax_id"] > 0 > weights["primary_address"]


@pytest.mark.django_db
@pytest.mark.parametrize("count", [11, 30])
def test_many_that_are_entered_alike_are_one_group(count: int) -> None:
    ids = sorted(make("Nordlicht", email_id="a@nord.example") for _ in range(count))
    others()
    counts = finding.find_all()
    assert counts.copies == count - 1
    listed, total = groups(limit=10)
    assert (total, [group.ids for group in listed]) == (1, [tuple(ids)])


def test_groups_chain_no_strangers() -> None:
    chain = [("a", "b", 0.99), ("b", "c", 0.98), ("c", "d", 0.97), ("d", "e", 0.9)]
    assert [group.ids for group in grouped(chain)] == [("a", "b"), ("c", "d")]
    whole = [("a", "b", 0.99), ("b", "c", 0.98), ("a", "c", 0.6)]
    assert [(group.ids, group.score) for group in grouped(whole)] == [(("a", "b", "c"), 0.98)]


@pytest.mark.django_db
def test_a_pair_goes_with_either_customer_and_says_that_it_was_merged() -> None:
    one, other, third = (make("Nordlicht Werke", **ONE) for _ in range(3))
    finding.find_all()
    assert len(found()) == 3
    services.delete_customer(third, origin=ORIGIN)
    (pair,) = found().values()
    assert not DuplicateTerm.objects.filter(customer_id=third).exists()
    assert DuplicateTerm.objects.filter(customer_id=other).exists()
    merging.merge_customers(one, [other], origin=ORIGIN)
    pair.refresh_from_db()
    assert pair.state == PairState.MERGED
    finding.find_all()
    assert [pair.state for pair in found().values()] == [PairState.MERGED]
    unmerging.unmerge_customers(one, [other], origin=ORIGIN)
    following.compare_again(other)
    assert [pair.state for pair in found().values()] == [PairState.OPEN]
    services.delete_customers([one], origin=ORIGIN)
    assert found() == {}


@pytest.mark.django_db
def test_no_duplicate_is_remembered_until_one_of_both_changes() -> None:
    one, other = make("Nordlicht Werke", **ONE), make("Nordlicht Werke", **ONE)
    finding.find_all()
    (pair,) = found().values()
    pairs.set_state(pair.pk, PairState.DISMISSED)
    services.update_customer(one, {"territory": "North"}, origin=ORIGIN)  # which is not compared
    for compare in (finding.find_all, lambda: following.compare_again(one), lambda: following.compare_again(other)):
        compare()
        assert [(p.pk, p.state) for p in found().values()] == [(pair.pk, PairState.DISMISSED)]
    services.update_customer(one, {"email_id": "a@b.example"}, origin=ORIGIN)
    following.compare_again(one)
    assert [(p.pk, p.state) for p in found().values()] == [(pair.pk, PairState.OPEN)]
    pairs.set_state(pair.pk, PairState.DISMISSED)
    services.update_customer(
        one,
        {"customer_name": "Somebody Else", "tax_id": "X-1", "mobile_no": None, "primary_address": None},
        origin=ORIGIN,
    )
    following.compare_again(one)
    assert found() == {}


@pytest.mark.django_db(transaction=True)
def test_the_worker_compares_who_is_new_or_changed() -> None:
    asked: list[int] = []
    follower = following.Follower(lambda: asked.append(1))
    follower.step()
    assert asked == [1]  # the whole table first
    others()
    finding.find_all()
    one, other = (
        make("Nordlicht Werke", **ONE),
        make("Suedwind", **ONE | {"tax_id": "DE555666777", "mobile_no": "030 555555"}),
    )
    follower.step()
    assert found() == {}
    services.update_customer(other, {"customer_name": "Nordlicht Werke GmbH", "tax_id": ONE["tax_id"]}, origin=ORIGIN)
    follower.step()
    assert set(found()) == {tuple(sorted((one, other)))}
    services.update_customer(other, {"customer_name": "Suedwind", "tax_id": "DE555666777"}, origin=ORIGIN)
    follower.step()
    assert found() == {}
    row = DuplicateSearch.objects.get()
    follower.step()
    after = DuplicateSearch.objects.get()
    assert (after.epoch, after.xid, after.seq) == (row.epoch, row.xid, row.seq)
    assert asked == [1]


@pytest.mark.django_db(transaction=True)
def test_a_supplier_number_counts() -> None:
    others()
    one, other = make("Nordlicht"), make("Norlicht")
    for customer in (one, other):
        line_item_services.add_line_item(
            SUPPLIER_NUMBERS, customer, {"company": "Acme DE", "supplier_number": "47-11"}, origin=ORIGIN
        )
    finding.find_all()
    (pair,) = found().values()
    assert agreements(pair)["supplier_numbers"] == "same"


@pytest.mark.django_db(transaction=True)
def test_the_whole_table_and_one_customer_agree() -> None:
    others()
    ids = [make("Nordlicht Werke", **ONE), make("Nordlicht Werk GmbH", **ONE), make("Suedwind")]
    finding.find_all()
    whole = {key: round(pair.score, 2) for key, pair in found().items()}
    assert whole
    profile = customers.profiles(ids[:1])[ids[0]]
    assert {one.term for one in DuplicateTerm.objects.filter(customer_id=ids[0])} == set(blocking.terms(profile))
    DuplicatePair.objects.all().delete()
    for one in ids:
        following.compare_again(one)
    assert {key: round(pair.score, 2) for key, pair in found().items()} == whole


@pytest.mark.django_db(transaction=True)
def test_the_command_prints_counts_and_groups() -> None:
    ids = sorted([make("Acme\nInc"), make("ACME")])
    make("Other")
    out, err = StringIO(), StringIO()
    call_command("find_duplicates", "--all", stdout=out, stderr=err)
    counts = json.loads(out.getvalue())
    assert (counts["customers"], counts["likely"] + counts["nearly_certain"], counts["copies"]) == (3, 1, 1)
    out = StringIO()
    call_command("find_duplicates", stdout=out, stderr=err)
    lines = out.getvalue().splitlines()
    assert [line.split("\t")[1] for line in lines if line] == ids
    assert "1 of 1 groups" in err.getvalue()


@pytest.mark.django_db
def test_a_block_that_is_too_big_is_cut_and_what_is_left_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm.duplicates.blocking.BIGGEST", 5)
    for i in range(12):
        make(f"Shop{i} Krone{i}", mobile_no="030 1234567", email_id="shops@chain.example")
    one, other = make("Nordlicht Werke", mobile_no="030 1234567"), make("Nordlicht Werke GmbH", mobile_no="030 1234567")
    counts = finding.find_all()
    assert counts.blocks_cut
    assert counts.blocks_too_big
    assert tuple(sorted((one, other))) in found()


@pytest.mark.django_db
def test_one_search_of_the_whole_table_at_a_time() -> None:
    ids = make("Nordlicht Werke", **ONE), make("Nordlicht Werke", **ONE)
    asked: list[int] = []
    with search_state.Turn():
        with pytest.raises(CommandError, match="compared already"):
            call_command("find_duplicates", "--all")
        with pytest.raises(Refused):
            jobs.find_duplicates(Run(Job(id="job_1", kind=jobs.DUPLICATES.name)))
        following.Follower(lambda: asked.append(1)).step()
    assert (found(), asked) == ({}, [])
    call_command("find_duplicates", "--all", stdout=StringIO())
    assert set(found()) == {tuple(sorted(ids))}


@pytest.mark.django_db
def test_a_search_that_was_killed_holds_its_turn_for_minutes_only() -> None:
    search_state.Turn().__enter__()
    with pytest.raises(search_state.AlreadySearching):
        finding.find_all()
    DuplicateSearch.objects.update(searching_until=timezone.now() - timedelta(seconds=1))
    finding.find_all()
    assert DuplicateSearch.objects.get().searched_at


@pytest.mark.django_db
def test_the_next_attempt_of_a_killed_job_takes_over_its_turn() -> None:
    search_state.Turn("job_1").__enter__()
    jobs.find_duplicates(Run(Job(id="job_1", kind=jobs.DUPLICATES.name)))
    assert DuplicateSearch.objects.get().searched_at


@pytest.mark.django_db
def test_a_search_that_ended_amid_the_terms_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    others()
    finding.find_all()
    assert not search_state.needs_search()
    monkeypatch.setattr(term_table, "PART", 1)

    def stop(done: int, total: int) -> None:
        if DuplicateSearch.objects.get().is_replacing:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finding.find_all(stop)
    asked: list[int] = []
    following.Follower(lambda: asked.append(1)).step()
    assert (search_state.needs_search(), asked) == (True, [1])
    finding.find_all()
    assert not search_state.needs_search()


@pytest.mark.django_db
def test_a_search_that_lost_its_turn_stops() -> None:
    with search_state.Turn() as late:
        DuplicateSearch.objects.update(searcher="somebody else")
        late.renewed = 0.0
        with pytest.raises(search_state.AlreadySearching):
            late.renew()
    assert DuplicateSearch.objects.get().searching_until


@pytest.mark.django_db
def test_estimates_follow_each_search_and_those_of_other_terms_are_not_used() -> None:
    """As if another process searched: nothing tells this one but the table."""
    others()
    assert search_state.estimates().model.customers == 12  # assumed
    finding.find_all()
    before = search_state.estimates()
    assert search_state.estimates() is before
    for _ in range(5):
        make("Nordlicht Werke", **ONE)
    row = DuplicateSearch.objects.get()
    packed = {**row.estimates, "model": {**row.estimates["model"], "customers": 17}}
    DuplicateSearch.objects.update(estimates=packed, searched_at=timezone.now())
    assert search_state.estimates().model.customers == 17
    DuplicateSearch.objects.update(estimates={**packed, "model": None}, version=0)
    assert search_state.needs_search()
    assert search_state.estimates().common == {}
    asked: list[int] = []
    following.Follower(lambda: asked.append(1)).step()
    assert asked == [1]


@pytest.mark.django_db
def test_a_search_that_was_thought_dead_takes_nothing_from_the_next() -> None:
    slow, following_one = WorkTables.create(), WorkTables.create()
    slow.__enter__()
    tables = following_one.__enter__()  # removes what it takes for the tables of a dead one
    add(tables.keys, [(1, 1), (1, 2)])
    slow.__exit__(None, None, None)
    assert tables.members(1) == [1, 2]
    following_one.__exit__(None, None, None)
    assert not left()


@pytest.mark.django_db
def test_a_search_whose_tables_a_crash_emptied_settles_nothing() -> None:
    ids = make("Nordlicht Werke", **ONE), make("Nordlicht Werke GmbH", **ONE)
    others()
    finding.find_all()

    def crash(done: int, total: int) -> None:
        """What PostgreSQL does to unlogged tables when it starts anew."""
        if DuplicateSearch.objects.get().is_replacing:
            for table in left():
                with connection.cursor() as cursor:
                    cursor.execute(f"DELETE FROM {table}")

    with pytest.raises(OperationalError, match="emptied"):
        finding.find_all(crash)
    assert set(found()) == {tuple(sorted(ids))}
    assert search_state.needs_search()


@pytest.mark.django_db
def test_who_loses_the_turn_at_the_end_says_nothing_of_what_is_known() -> None:
    others()

    def lose(done: int, total: int) -> None:
        if done >= total:
            raise search_state.AlreadySearching

    with pytest.raises(search_state.AlreadySearching):
        finding.find_all(lose)
    assert search_state.needs_search()
