"""Clocks differ, and go back: times that only ever grow, and tokens that flow in only once."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from overplane.api import throttling
from overplane.api.models import Allowance
from tests.conftest import CUSTOMER, Api
from tests.doors import World

FUTURE = "2999-01-02T03:04:05Z"
CHANGED = {"territory": "South"}


def upsert(name: str) -> dict[str, Any]:
    return {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "T1"} | {name: "South"}}


CHANGES: dict[str, Callable[[World], Any]] = {
    "PATCH": lambda w: w.api.patch(f"{CUSTOMER}/{w.customer}", CHANGED),
    "PATCH with a key": lambda w: w.api.patch(f"{CUSTOMER}/{w.customer}", CHANGED, Idempotency_Key="k"),
    "a batch that updates": lambda w: w.batch({"op": "update", "id": w.customer, "data": CHANGED}),
    "a batch that upserts": lambda w: w.batch(upsert("territory")),
    "a batch that changes twice": lambda w: w.batch(upsert("territory"), upsert("gender")),
    "an import": lambda w: w.file("tax_id,territory", "T1,South", arguments="--match-on tax_id"),
    "the form": lambda w: w.admin(CHANGED),
}


@pytest.fixture
def world(api: Api, imported: Any) -> World:
    """A customer that an import has brought, with times of its own: another system's clock was ahead."""
    ran = imported(
        f"id,customer_name,tax_id,territory,created_at,updated_at\ncustomer_ahead,Ahead,T1,North,{FUTURE},{FUTURE}\n"
    )
    assert ran.counts == {"created": 1}
    return World(api, imported, "customer_ahead", {})


@pytest.mark.parametrize("change", CHANGES)
def test_updated_at_never_goes_back(world: World, change: str) -> None:
    CHANGES[change](world)
    left = world.api.get(f"{CUSTOMER}/{world.customer}").json()
    assert (left["territory"], left["created_at"], left["updated_at"]) == ("South", FUTURE, FUTURE)


@pytest.mark.parametrize("change", CHANGES)
def test_updated_at_goes_on_where_it_lies_in_the_past(api: Api, imported: Any, change: str) -> None:
    past = "2001-01-02T03:04:05Z"
    imported(f"id,customer_name,tax_id,created_at,updated_at\ncustomer_old,Old,T1,{past},{past}\n")
    before = datetime.now(UTC).replace(microsecond=0)
    CHANGES[change](World(api, imported, "customer_old", {}))
    left = api.get(f"{CUSTOMER}/customer_old").json()
    assert left["created_at"] == past
    assert datetime.fromisoformat(left["updated_at"]) >= before


def test_an_import_gives_no_customer_an_update_before_its_creation(api: Api, imported: Any) -> None:
    imported(f"customer_name,created_at\nAhead,{FUTURE}\n")
    (customer,) = api.get(CUSTOMER).json()["data"]
    assert customer["created_at"] == customer["updated_at"] == FUTURE


class TestTheThrottle:
    """A bucket is shared by processes and machines: the last of them may be a moment behind the one before."""

    AHEAD = 30.0

    @pytest.fixture(autouse=True)
    def clocks_are_far_apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """So that a machine under load does not catch up meanwhile."""
        monkeypatch.setattr(throttling, "CLOCKS_APART", 60.0)

    def test_a_key_s_tokens_flow_in_once(self, api: Api, settings: Any) -> None:
        settings.RATE_LIMIT = 2
        prefetch = time.time() + self.AHEAD
        assert api.get(CUSTOMER).status_code == 200
        Allowance.objects.update(tokens=1, at=prefetch)  # as somebody whose clock is ahead left it
        assert [api.get(CUSTOMER).status_code for _ in range(3)] == [200, 429, 429]
        assert Allowance.objects.get().at == prefetch

    def test_nor_do_an_address_s_failures(self, db: None, client: Client) -> None:
        prefetch = time.time() + self.AHEAD
        assert client.get(CUSTOMER).status_code == 401
        Allowance.objects.update(tokens=1, at=prefetch)
        assert [client.get(CUSTOMER).status_code for _ in range(3)] == [401, 429, 429]
        assert Allowance.objects.get().at == prefetch
