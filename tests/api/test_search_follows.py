"""Whoever changes a customer or its supplier numbers, by whatever door: `q=` finds the new values and the old ones no more."""

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from tests.changes import ALL, BEFORE, IMPORTS, NUMBERS, WAYS
from tests.conftest import CUSTOMER, Api
from tests.doors import World


@pytest.fixture
def world(api: Api, imported: Any) -> World:
    customer = api.create(**BEFORE)["id"]
    api.create(customer_name="Bystander")
    rows = {company: api.add_row(customer, company=company, supplier_number=n)["id"] for company, n in NUMBERS.items()}
    return World(api, imported, customer, rows)


def total(api: Api, word: str) -> int:
    return api.get(f"{CUSTOMER}?q={word}").json()["total"]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_search_finds_what_is_there_now_and_no_more(world: World, way: str) -> None:
    change, present, gone = WAYS[way]
    change(world)
    assert {word: total(world.api, word) for word in present} == dict.fromkeys(present, 1)
    assert {word: total(world.api, word) for word in gone} == dict.fromkeys(gone, 0)


@pytest.mark.slow
@pytest.mark.parametrize("way", IMPORTS)
def test_search_goes_back_with_an_import_that_is_undone(world: World, way: str) -> None:
    change, present, _ = IMPORTS[way]
    run = change(world)
    call_command("undo_import", run, stdout=io.StringIO())
    assert {word: total(world.api, word) for word in ALL} == dict.fromkeys(ALL, 1)
    new = [word for word in present if word not in ALL]
    assert {word: total(world.api, word) for word in new} == dict.fromkeys(new, 0)


@pytest.mark.parametrize("way", ["DELETE", "batch", "undo"])
def test_search_finds_nobody_who_is_deleted(world: World, way: str) -> None:
    if way == "undo":
        run = world.file("customer_name,tax_id", "Neustadt,N1")
        call_command("undo_import", run, stdout=io.StringIO())
        assert (total(world.api, "Neustadt"), total(world.api, "Altona")) == (0, 1)
        return
    if way == "batch":
        world.batch({"op": "delete", "id": world.customer})
    else:
        world.api.delete(f"{CUSTOMER}/{world.customer}")
    assert [total(world.api, word) for word in ALL] == [0] * len(ALL)
    assert traces("ALTONA") == 0


def traces(word: str) -> int:
    """What the search index itself still holds of it; PostgreSQL's is on the customers' own column."""
    if connection.vendor != "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crm_search WHERE body LIKE %s", [f"%{word}%"])
        return cursor.fetchone()[0]
