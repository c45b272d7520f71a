"""A customer is read without a lock before it is changed: what somebody else does in between is not lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from crm import line_item_services, services
from crm.line_items import SUPPLIER_NUMBERS
from overplane.events.models import Event
from overplane.origin import Origin
from overplane.problems import ObjectMissing, VersionMismatch
from tests.conftest import CUSTOMER, Api
from tests.threads import meanwhile

ANNA, OTHER = Origin("user:anna"), Origin("user:otto")


@contextmanager
def in_between(work: Callable[[], Any], before: str = "UPDATE") -> Iterator[None]:
    """Does `work` once, right before the first change of a customer is sent to the database."""
    todo = [work]

    def wrapper(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if todo and f'{before} "crm_customer"' in sql:
            todo.pop()()
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(wrapper):
        yield
    assert not todo, "nothing was changed, so nothing happened in between"


def test_changes_of_two_attributes_both_survive(api: Api) -> None:
    customer = api.create()["id"]
    with in_between(lambda: services.update_customer(customer, {"gender": "x"}, origin=OTHER)):
        written = services.update_customer(customer, {"territory": "North"}, origin=ANNA)
    assert (written.output["gender"], written.output["territory"], written.version) == ("x", "North", 3)
    updates = Event.objects.filter(type="customer.updated").order_by("seq").values_list("actor", "object_version")
    assert list(updates) == [("user:otto", 2), ("user:anna", 3)]


def test_a_number_that_came_in_between_is_found(api: Api) -> None:
    """It leaves the customer's version alone."""
    customer = api.create()["id"]
    with in_between(
        lambda: line_item_services.add_line_item(
            SUPPLIER_NUMBERS, customer, {"supplier_number": "SUP-77"}, origin=OTHER
        )
    ):
        services.update_customer(customer, {"customer_name": "Renamed"}, origin=ANNA)
    assert api.get(f"{CUSTOMER}?q=renamed+sup-77").json()["total"] == 1


@pytest.mark.parametrize("locks", [Origin("user:anna", "req_1", "key"), ANNA], ids=["keyed", "plain"])
def test_a_number_that_comes_while_a_change_waits_is_found(live_api: Api, locks: Origin) -> None:
    """A statement that waited for the lock sees the new customer, and beside it the line items of before it waited."""
    customer = live_api.create()["id"]
    change = meanwhile(
        lambda: services.update_customer(customer, {"customer_name": "Renamed"}, origin=locks),
        before='INSERT INTO "overplane_events_event"',
    )
    with change as answers:
        line_item_services.add_line_item(SUPPLIER_NUMBERS, customer, {"supplier_number": "SUP-77"}, origin=OTHER)
    assert [written.version for written in answers] == [2]
    assert live_api.get(f"{CUSTOMER}?q=renamed+sup-77").json()["total"] == 1


def test_what_was_deleted_in_between_is_missing(live_api: Api) -> None:
    customer = live_api.create()["id"]
    with in_between(lambda: services.delete_customer(customer, origin=OTHER)), pytest.raises(ObjectMissing):
        services.update_customer(customer, {"gender": "x"}, origin=ANNA)
    assert not Event.objects.filter(type="customer.updated").exists()


def test_a_version_that_passed_in_between_is_a_mismatch(live_api: Api) -> None:
    customer = live_api.create()["id"]
    overtaking = in_between(lambda: services.update_customer(customer, {"gender": "x"}, origin=OTHER))
    with overtaking, pytest.raises(VersionMismatch):
        services.update_customer(customer, {"gender": "y"}, origin=ANNA, expected=frozenset({1}))
    assert live_api.get(f"{CUSTOMER}/{customer}").json()["gender"] == "x"


def add_secret(customer: str) -> None:
    line_item_services.add_line_item(SUPPLIER_NUMBERS, customer, {"supplier_number": "secret"}, origin=OTHER)


@pytest.mark.parametrize(
    ("work", "version"),
    [
        pytest.param(lambda customer: services.update_customer(customer, {"gender": "secret"}, origin=OTHER), 3, id="a change"),
        pytest.param(add_secret, 2, id="a row"),
    ],
)  # fmt: skip
def test_what_came_before_a_deletion_is_erased(live_api: Api, work: Callable[[str], Any], version: int) -> None:
    customer = live_api.create()["id"]
    with in_between(lambda: work(customer), before="DELETE FROM"):
        services.delete_customer(customer, origin=ANNA)
    assert Event.objects.get(type="customer.deleted").object_version == version
    assert_erased()


def test_what_is_written_while_a_deletion_waits_is_erased(live_api: Api) -> None:
    """Who deletes sees what the other has committed when it gets the lock, not what was there when it began to wait."""
    customer = live_api.create()["id"]
    deletion = meanwhile(
        lambda: live_api.delete(f"{CUSTOMER}/{customer}").status_code, before='INSERT INTO "overplane_events_event"'
    )
    with deletion as answers:
        add_secret(customer)
    assert answers == [200]
    assert_erased()


def test_a_deletion_of_a_version_that_passed_is_refused(live_api: Api) -> None:
    customer = live_api.create()["id"]
    overtaking = in_between(
        lambda: services.update_customer(customer, {"gender": "x"}, origin=OTHER), before="DELETE FROM"
    )
    with overtaking, pytest.raises(VersionMismatch):
        services.delete_customer(customer, origin=ANNA, expected=frozenset({1}))
    assert live_api.get(f"{CUSTOMER}/{customer}").json()["gender"] == "x"


def assert_erased() -> None:
    values = Event.objects.values_list("object", "previous")
    assert len(values) > 1
    assert "secret" not in str(list(values))
