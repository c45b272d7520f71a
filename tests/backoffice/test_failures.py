"""What a page answers when the database is held or away: 503, when to come again, and what was typed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, connections
from django.test import RequestFactory
from django.urls import reverse

from crm import services
from crm.models import Customer
from overplane.backoffice import failures
from overplane.database import time_limits
from overplane.database.dialect import is_sqlite
from overplane.database.timing import TimedWrapper
from tests.backoffice.people import member
from tests.connections import another_connection, execute, with_setting
from tests.domain.customers import make
from tests.filled_forms import filled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PAGE = {"accept": "text/html"}


@contextmanager
def impatient() -> Iterator[None]:
    """As a process that answers requests, only more so."""
    if is_sqlite():
        connection.cursor().execute("PRAGMA busy_timeout = 100")
        yield
        connection.cursor().execute("PRAGMA busy_timeout = 5000")
    else:
        with with_setting("lock_timeout", "100ms"):
            yield


def test_a_form_that_has_to_wait_too_long_comes_back_with_what_was_typed() -> None:
    customer = make()
    client = member("Editor")
    client.raise_request_exception = False
    page = reverse("admin:crm_customer_change", args=[customer])
    sent = filled(client.get(page)) | {"territory": "Nordmark"}
    with another_connection() as other, impatient():
        execute(other, "UPDATE crm_customer SET gender = 'theirs' WHERE id = %s", customer)
        answer = client.post(page, sent, headers=PAGE)
        for_programs = client.post(page, sent, headers={"accept": "application/json"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Somebody else is changing this just now" in answer.content.decode()
    again = filled(answer, "kept-form")
    assert again["territory"] == "Nordmark"
    assert (for_programs.status_code, for_programs.json()["error"]["code"]) == (503, "timeout")
    assert Customer.objects.get().territory is None
    form = client.post(page, again, headers=PAGE)
    assert filled(form)["territory"] == "Nordmark"


def test_so_does_one_whose_request_has_used_up_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    customer = make()
    client = member("Editor")
    client.raise_request_exception = False
    page = reverse("admin:crm_customer_change", args=[customer])
    sent = filled(client.get(page)) | {"territory": "Nordmark"}
    update = services.update_customer

    def slowly(*values: Any, **more: Any) -> Any:
        cast("TimedWrapper", connections["default"]).waited += settings.REQUEST_SECONDS
        return update(*values, **more)

    monkeypatch.setattr(services, "update_customer", slowly)
    with time_limits.of_request():
        answer = client.post(page, sent, headers=PAGE)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "This took too long" in answer.content.decode()
    assert filled(answer, "kept-form")["territory"] == "Nordmark"
    assert Customer.objects.get().territory is None


def test_a_form_whose_token_nobody_has_looked_at_does_not_come_back() -> None:
    """It may be forged: a failure before that check shows nothing of it."""
    request = RequestFactory().post("/admin/crm/customer/add/", {"customer_name": "Forged"}, headers=PAGE)
    request.user = get_user_model().objects.create_user("anna")
    cause = Exception()
    cause.sqlstate = "55P03"  # type: ignore[attr-defined]
    contents = []
    for is_checked in (False, True):
        request.csrf_processing_done = is_checked  # type: ignore[attr-defined]
        try:
            raise OperationalError from cause
        except OperationalError:
            contents.append(failures.handler500(request).content.decode())
    assert ["Forged" in content for content in contents] == [False, True]


def test_a_database_that_is_away_is_told_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    client = member("Editor")
    client.raise_request_exception = False
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PORT", "1")
        if is_sqlite():
            patch.setitem(connection.settings_dict, "NAME", f"{connection.settings_dict['NAME']}-gone/db")
        answers = [
            client.get("/admin/crm/customer/", headers=PAGE),
            client.post("/admin/crm/customer/add/", {"customer_name": "x"}, headers=PAGE),
        ]
    connection.close()
    for answer in answers:
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert "The service is busy" in answer.content.decode()
