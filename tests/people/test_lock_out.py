"""Guessing is slowed down, and strangers lock nobody out for good."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from overplane.people import known_browsers

PASSWORD = "a password that is long"
PROXIED = {"HTTP_X_FORWARDED_FOR": "198.51.100.1"}  # by a proxy that the settings do not name
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def anna() -> Any:
    return get_user_model().objects.create_superuser("anna", password=PASSWORD)


def log_in(client: Client, password: str = PASSWORD, name: str = "anna", **headers: str) -> int:
    form = {"username": name, "password": password}
    return client.post(reverse("admin:login"), form, **headers).status_code


def leave(client: Client) -> None:
    """The test client's own logout would throw away all cookies."""
    assert client.post(reverse("admin:logout")).status_code in (200, 302)


def guess(times: int, name: str = "anna", client: Client | None = None, **headers: str) -> list[int]:
    client = client or Client()
    return [log_in(client, "wrong", name, **headers) for _ in range(times)]


def passed(minutes: int) -> None:
    """So long ago everything was that happened until now."""
    for attempt in AccessAttempt.objects.all():
        earlier = attempt.attempt_time - timedelta(minutes=minutes)
        AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=earlier)


@pytest.mark.slow
def test_behind_a_known_proxy_a_stranger_locks_out_himself_alone(settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    assert guess(6, HTTP_X_FORWARDED_FOR="198.51.100.1")[-2:] == [429, 429]
    assert log_in(Client(), HTTP_X_FORWARDED_FOR="198.51.100.1") == 429
    # Whatever he writes before his address.
    assert log_in(Client(), HTTP_X_FORWARDED_FOR="198.51.100.2, 198.51.100.1") == 429
    assert log_in(Client(), HTTP_X_FORWARDED_FOR="198.51.100.2") == 302
    assert AccessAttempt.objects.get().ip_address == "198.51.100.1"


@pytest.mark.slow
def test_behind_an_unknown_proxy_nobody_is_locked_out_of_his_own_browser() -> None:
    own = Client()
    assert log_in(own, **PROXIED) == 302
    leave(own)
    assert guess(6, **PROXIED)[-2:] == [429, 429]
    assert log_in(Client(), **PROXIED) == 429
    assert log_in(own, **PROXIED) == 302
    leave(own)
    assert log_in(Client(), **PROXIED) == 429  # his coming in is no help to them


def test_a_known_browser_has_five_tries_too() -> None:
    own = Client()
    log_in(own)
    leave(own)
    assert guess(5, client=own) == [200] * 4 + [429]
    assert log_in(own) == 429
    passed(minutes=16)
    assert log_in(own) == 302


@pytest.mark.slow
def test_a_known_browser_is_known_for_its_own_names_alone() -> None:
    get_user_model().objects.create_superuser("bert", password=PASSWORD)
    own = Client()
    log_in(own)
    leave(own)
    guess(5, "bert")
    assert log_in(own, name="bert") == 429
    own.cookies[known_browsers.COOKIE] = own.cookies[known_browsers.COOKIE].value[:-4] + "AAAA"
    guess(5)
    assert log_in(own) == 429  # and a forged one for none


def test_the_cookie_is_for_no_script_and_no_other_site() -> None:
    client = Client()
    log_in(client)
    cookie = client.cookies[known_browsers.COOKIE]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"]) == ("Lax", "/admin/")
    stranger = Client()
    stranger.cookies[known_browsers.COOKIE] = cookie.value
    assert stranger.get(reverse("admin:index")).status_code == 302  # it opens nothing


def test_who_goes_on_guessing_does_not_prolong_it() -> None:
    guess(5)
    passed(minutes=14)
    assert guess(3) == [429] * 3
    passed(minutes=2)
    assert log_in(Client()) == 302


@pytest.mark.slow
def test_an_address_has_fifty_wrong_tries_whatever_the_names(settings: Any) -> None:
    outside = {"REMOTE_ADDR": "203.0.113.9"}
    tries = [guess(1, f"name{i % 25}", **outside)[0] for i in range(settings.LOGIN_FAILURES_OF_ADDRESS)]
    assert tries == [200] * (len(tries) - 1) + [429]
    assert guess(1, "somebody else", **outside) == [429]
    assert log_in(Client(), **outside) == 429
    assert log_in(Client(), REMOTE_ADDR="203.0.113.10") == 302
    passed(minutes=16)
    assert log_in(Client(), **outside) == 302


@pytest.mark.slow
def test_an_office_is_not_locked_out_by_one_who_mistypes() -> None:
    assert guess(8, "bert")[-1] == 429
    assert log_in(Client()) == 302


@pytest.mark.slow
def test_an_address_of_everybody_has_no_such_limit(settings: Any) -> None:
    for i in range(settings.LOGIN_FAILURES_OF_ADDRESS + 5):
        guess(1, f"name{i}", **PROXIED)
    assert log_in(Client(), **PROXIED) == 302
    # Where the proxies are known nobody frees himself of it by the header.
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.1")]
    assert log_in(Client(), **PROXIED) == 429


def test_an_old_failure_of_another_address_changes_nothing() -> None:
    now = timezone.now()
    AccessAttempt.objects.create(username="anna", ip_address="203.0.113.9", failures_since_start=60, attempt_time=now)
    assert log_in(Client()) == 302
