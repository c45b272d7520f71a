"""Which requests are the same, and how long an answer is kept for its repetition."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from overplane.api import keys
from overplane.api.models import IdempotentAnswer
from tests.conftest import CUSTOMER, ROW, Api

DAY = timedelta(hours=24)
MINUTE = timedelta(minutes=1)


def age(by: timedelta, **which: Any) -> None:
    """As if the answers had been given so long ago."""
    IdempotentAnswer.objects.filter(**which).update(created_at=timezone.now() - by)


def mismatch(answer: Any) -> bool:
    return (answer.status_code, answer.json()["error"]["code"]) == (400, "idempotency_key_mismatch")


PAIRS: dict[str, Callable[[Api, str, str], tuple[Any, Any]]] = {
    "another path": lambda api, a, b: (
        api.patch(f"{CUSTOMER}/{a}", {"gender": "x"}, Idempotency_Key="k"),
        api.patch(f"{CUSTOMER}/{b}", {"gender": "x"}, Idempotency_Key="k"),
    ),
    "another path, deleted": lambda api, a, b: (
        api.delete(f"{CUSTOMER}/{a}", Idempotency_Key="k"),
        api.delete(f"{CUSTOMER}/{b}", Idempotency_Key="k"),
    ),
    "another resource": lambda api, a, b: (
        api.post(ROW, {"customer_id": a}, Idempotency_Key="k"),
        api.post(CUSTOMER, {"customer_id": a}, Idempotency_Key="k"),
    ),
    "another method": lambda api, a, b: (
        api.patch(f"{CUSTOMER}/{b}", {}, Idempotency_Key="k"),
        api.delete(f"{CUSTOMER}/{b}", Idempotency_Key="k"),
    ),
    "another body": lambda api, a, b: (
        api.patch(f"{CUSTOMER}/{b}", {}, Idempotency_Key="k"),
        api.patch(f"{CUSTOMER}/{b}", {"gender": "x"}, Idempotency_Key="k"),
    ),
    "another type of a value": lambda api, a, b: (
        api.post(CUSTOMER, {"customer_name": "x", "default_commission_rate": 1}, Idempotency_Key="k"),
        api.post(CUSTOMER, {"customer_name": "x", "default_commission_rate": "1"}, Idempotency_Key="k"),
    ),
    "null instead of nothing": lambda api, a, b: (
        api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k"),
        api.post(CUSTOMER, {"customer_name": "x", "gender": None}, Idempotency_Key="k"),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_another_request_under_the_same_key_is_refused(api: Api, name: str) -> None:
    a, b = api.create()["id"], api.create()["id"]
    first, second = PAIRS[name](api, a, b)
    assert first.status_code in (200, 201)
    assert mismatch(second)
    left = api.get(f"{CUSTOMER}/{b}")
    assert (left.status_code, left.json()["gender"]) == (200, None)


def test_a_slash_at_the_end_is_no_other_path(api: Api) -> None:
    first = api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k")
    again = api.post(f"{CUSTOMER}/", {"customer_name": "x"}, Idempotency_Key="k")
    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (201, first.content, "true")


def test_an_answer_is_repeated_for_a_day(api: Api) -> None:
    first = api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k")
    age(DAY - MINUTE)
    again = api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert api.get(CUSTOMER).json()["total"] == 1


@pytest.mark.parametrize("name", ["x", "y"])
def test_after_a_day_the_key_is_free_and_the_work_is_done_anew(api: Api, name: str) -> None:
    """Also for another request; and the new answer is repeated in its turn."""
    first = api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k").json()
    age(DAY + MINUTE)
    new = api.post(CUSTOMER, {"customer_name": name}, Idempotency_Key="k")
    assert (new.status_code, "Idempotent-Replayed" in new) == (201, False)
    assert new.json()["id"] != first["id"]
    again = api.post(CUSTOMER, {"customer_name": name}, Idempotency_Key="k")
    assert (again.content, again["Idempotent-Replayed"]) == (new.content, "true")
    assert api.get(CUSTOMER).json()["total"] == 2


def test_after_a_day_an_erased_answer_is_forgotten_too(api: Api) -> None:
    customer = api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k").json()
    api.delete(f"{CUSTOMER}/{customer['id']}")
    age(DAY + MINUTE)
    assert api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k").status_code == 201


def test_of_an_erased_answer_nothing_is_left_but_that_it_was_given(api: Api) -> None:
    customer = api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k").json()
    api.delete(f"{CUSTOMER}/{customer['id']}")
    stored = IdempotentAnswer.objects.get()
    assert (stored.body, stored.headers) == (None, "{}")


def test_the_purge_takes_the_old_and_leaves_the_young(api: Api) -> None:
    for key in ("old", "older", "young", "new"):
        api.post(CUSTOMER, {"customer_name": key}, Idempotency_Key=key)
    age(DAY + MINUTE, key="old")
    age(DAY * 30, key="older")
    age(DAY - MINUTE, key="young")
    out = io.StringIO()
    call_command("purge_idempotency_keys", stdout=out)
    assert out.getvalue() == "Deleted 2 stored answers.\n"
    assert set(IdempotentAnswer.objects.values_list("key", flat=True)) == {"young", "new"}
    again = api.post(CUSTOMER, {"customer_name": "young"}, Idempotency_Key="young")
    assert again["Idempotent-Replayed"] == "true"
    assert api.get(CUSTOMER).json()["total"] == 4


def test_the_purge_takes_what_an_answer_shows_along(api: Api) -> None:
    """Whom it shows is named beside it: that goes too, and those of the young stay, so that deleting still erases them."""
    api.post(CUSTOMER, {"customer_name": "old"}, Idempotency_Key="old")
    young = api.post(CUSTOMER, {"customer_name": "young"}, Idempotency_Key="young").json()
    age(DAY + MINUTE, key="old")
    call_command("purge_idempotency_keys", stdout=io.StringIO())
    api.delete(f"{CUSTOMER}/{young['id']}")
    erased = api.post(CUSTOMER, {"customer_name": "young"}, Idempotency_Key="young")
    assert erased.json()["error"]["code"] == "idempotency_answer_erased"
    assert not IdempotentAnswer.objects.exclude(body=None).exists()


def test_keys_of_different_callers_do_not_meet(api: Api) -> None:
    first = api.post(CUSTOMER, {"customer_name": "x"}, Idempotency_Key="k").json()
    stranger = Api(keys.mint("stranger")[1])
    other = stranger.post(CUSTOMER, {"customer_name": "y"}, Idempotency_Key="k")
    assert (other.status_code, other.json()["id"] != first["id"]) == (201, True)
