"""What ends a person's other sessions at once, and where the login leads."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import UpdateError
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from overplane.people import second_factor, sessions
from overplane.people.models import Session

PASSWORD = "a password that is long"
pytestmark = pytest.mark.django_db


def logged_in(name: str = "anna", **more: str) -> Client:
    client = Client()
    answer = client.post(reverse("admin:login"), {"username": name, "password": PASSWORD} | more)
    assert answer.status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get(reverse("admin:index")).status_code == 200


@pytest.fixture(autouse=True)
def anna() -> Any:
    return get_user_model().objects.create_superuser("anna", password=PASSWORD)


def set_up(client: Client) -> TOTPDevice:
    client.get(reverse("second_factor"))
    device = TOTPDevice.objects.get()
    code = TOTP(device.bin_key).token()
    assert client.post(reverse("second_factor"), {"code": f"{code:06}"}).status_code == 200
    return TOTPDevice.objects.get(confirmed=True)


@pytest.mark.slow
def test_a_second_factor_ends_the_sessions_from_before_it() -> None:
    get_user_model().objects.create_superuser("bert", password=PASSWORD)
    own, older, other = logged_in(), logged_in(), logged_in("bert")
    assert is_in(older)
    set_up(own)
    assert is_in(own)
    assert older.get(reverse("admin:index"))["Location"].startswith(reverse("admin:login"))
    assert is_in(other)


@pytest.mark.slow
def test_turning_it_off_ends_the_others() -> None:
    own = logged_in()
    set_up(own)
    older = Client()
    older.cookies["sessionid"] = own.cookies["sessionid"].value  # taken from the browser
    own.post(reverse("admin:logout"))
    assert not is_in(older)
    second_factor.reset(get_user_model().objects.get())
    own, older = logged_in(), logged_in()
    set_up(own)
    stolen = logged_in()  # by the password alone: the code is owed
    assert stolen.get(reverse("admin:index"))["Location"] == reverse("second_factor_code")
    own.post(reverse("second_factor_off"))
    assert is_in(own)
    assert not is_in(stolen)
    assert not is_in(older)


@pytest.mark.parametrize("by_command", [True, False])
def test_resetting_it_ends_all_of_them(by_command: bool) -> None:
    get_user_model().objects.create_superuser("bert", password=PASSWORD)
    own, chief = logged_in(), logged_in("bert")
    set_up(own)
    if by_command:
        call_command("reset_second_factor", "anna", stdout=StringIO())
    else:
        anna = get_user_model().objects.get(username="anna")
        form = {"action": "reset_second_factor", "_selected_action": [anna.pk]}
        assert chief.post(reverse("admin:auth_user_changelist"), form).status_code == 302
    assert not TOTPDevice.objects.exists()
    assert not is_in(own)
    assert is_in(chief)


def test_a_new_password_ends_the_others() -> None:
    own, older = logged_in(), logged_in()
    new = "another password, long"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert own.post(reverse("admin:password_change"), form).status_code == 302
    assert is_in(own)
    assert not is_in(older)


def test_a_session_that_was_ended_is_not_brought_back_by_a_request_in_it(anna: Any) -> None:
    store = sessions.SessionStore(logged_in().cookies["sessionid"].value)
    store.load()
    store["on its way"] = True
    sessions.end(anna)
    with pytest.raises(UpdateError):
        store.save()
    assert not Session.objects.exists()


def test_ending_looks_at_the_person_s_own_rows_alone(anna: Any) -> None:
    logged_in()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        sessions.end(anna)
    assert queries
    assert all("user_id" in query["sql"] for query in queries if "overplane_people_session" in query["sql"])
    assert not Session.objects.exists()


def test_a_deleted_person_has_no_sessions(anna: Any) -> None:
    client = logged_in()
    anna.delete()
    assert not is_in(client)
    assert not Session.objects.filter(user_id__isnull=False).exists()


@pytest.mark.parametrize(
    "next_page", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_who_is_led_off_the_site_ends_on_the_first_page(next_page: str) -> None:
    form = {"username": "anna", "password": PASSWORD, "next": next_page}
    for url in (reverse("admin:login"), f"{reverse('admin:login')}?next={next_page}"):
        answer = Client().post(url, form, follow=True)
        assert answer.redirect_chain == [(reverse("admin:index"), 302)]
        assert answer.status_code == 200
