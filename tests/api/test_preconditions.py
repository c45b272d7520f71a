"""If-Match guards every change of a single object: customers and rows, PATCH and DELETE."""

from typing import Any

import pytest

from overplane.events.models import Event
from tests.conftest import CUSTOMER, ROW, Api

CHANGES = {
    "patch a customer": ("customer", "PATCH", {"gender": "x"}),
    "delete a customer": ("customer", "DELETE", None),
    "patch a row": ("row", "PATCH", {"company": "x"}),
    "move a row": ("row", "PATCH", {"idx": 2}),
    "delete a row": ("row", "DELETE", None),
}


@pytest.fixture
def paths(api: Api) -> dict[str, str]:
    """A customer and its first row, both changed once: their versions are 2."""
    customer = api.create()["id"]
    row = api.add_row(customer, company="A")["id"]
    api.add_row(customer, company="B")
    paths = {"customer": f"{CUSTOMER}/{customer}", "row": f"{ROW}/{row}"}
    assert api.patch(paths["customer"], {"territory": "North"}).status_code == 200
    assert api.patch(paths["row"], {"supplier_number": "1"}).status_code == 200
    return paths


def everything(api: Api, paths: dict[str, str]) -> tuple[Any, ...]:
    customer = api.get(paths["customer"])
    return customer.content, customer["ETag"], api.rows(customer.json()["id"]), Event.objects.count()


@pytest.mark.parametrize("tag", ['"1"', '"3"', '"1", "3"'])
@pytest.mark.parametrize("name", CHANGES)
def test_what_has_changed_since_it_was_read_stays_as_it_is(
    api: Api, paths: dict[str, str], name: str, tag: str
) -> None:
    what, method, body = CHANGES[name]
    before = everything(api, paths)
    answer = api.call(method, paths[what], body, If_Match=tag)
    assert (answer.status_code, answer.json()["error"]["code"]) == (412, "precondition_failed")
    assert everything(api, paths) == before


@pytest.mark.parametrize("tag", ['"2"', '"1", "2"', "*"])
@pytest.mark.parametrize("name", CHANGES)
def test_what_is_as_it_was_read_is_changed(api: Api, paths: dict[str, str], name: str, tag: str) -> None:
    what, method, body = CHANGES[name]
    assert api.get(paths[what])["ETag"] == '"2"'
    assert api.call(method, paths[what], body, If_Match=tag).status_code == 200
    after = api.get(paths[what])
    assert after.status_code == 404 if method == "DELETE" else after["ETag"] == '"3"'


@pytest.mark.parametrize("name", CHANGES)
def test_a_replay_comes_before_the_precondition(api: Api, paths: dict[str, str], name: str) -> None:
    """The first answer is repeated, though by now the object is another version, or gone."""
    what, method, body = CHANGES[name]
    first = api.call(method, paths[what], body, If_Match='"2"', Idempotency_Key="k")
    again = api.call(method, paths[what], body, If_Match='"2"', Idempotency_Key="k")
    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (200, first.content, "true")
