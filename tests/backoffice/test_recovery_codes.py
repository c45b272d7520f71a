"""Recovery codes: shown once, stored as hashes, spent by their first use."""

import threading
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import check_password
from django.core import management
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from overplane.people import recovery
from overplane.people.models import RecoveryCode
from tests.backoffice.people import PASSWORD, User, member, signed_in
from tests.backoffice.second_factors import codes_on, set_up
from tests.threads import concurrently

SESSION, CODE, PAGE = "/admin/session/", "/admin/second-factor/code/", "/admin/second-factor/"


def with_password() -> Client:
    client = Client()
    client.post(reverse("admin:login"), {"username": "anna", "password": PASSWORD})
    return client


def gets_in(client: Client, code: str) -> bool:
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    client.post(CODE, {"code": code})
    return client.get(reverse("admin:index")).status_code == 200


def notes() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


@pytest.mark.django_db
def test_ten_codes_are_shown_once_and_stored_as_hashes() -> None:
    client = member("Viewer")
    _device, codes = set_up(client)
    assert len(set(codes)) == 10
    stored = RecoveryCode.objects.order_by("number").values_list("hash", flat=True)
    for code, stored_hash in zip(codes, stored, strict=True):
        plain = code.replace(" ", "")
        assert plain not in stored_hash
        assert check_password(plain, stored_hash)
    page = client.get(PAGE).content.decode()
    assert "10 of 10 recovery codes are left." in page
    assert codes_on(page) == []
    assert not any(code in str(dict(client.session)) for code in codes)


@pytest.mark.slow
@pytest.mark.django_db
def test_each_code_works_once_in_place_of_the_apps() -> None:
    _device, codes = set_up(member("Viewer"))
    used = with_password()
    assert gets_in(used, codes[3])
    assert not gets_in(with_password(), codes[3])
    assert gets_in(with_password(), codes[4].replace(" ", ""))
    assert "8 of 10 recovery codes are left." in used.get(PAGE).content.decode()
    assert notes() == ["Second factor set up", "Recovery code used", "Recovery code used"]


@pytest.mark.django_db
def test_the_next_page_says_that_the_code_is_used_up() -> None:
    _device, codes = set_up(member("Viewer"))
    answer = with_password().post(CODE, {"code": codes[0]}, follow=True)
    assert "This recovery code is used up. 9 recovery codes are left." in answer.content.decode()


@pytest.mark.django_db
def test_the_dialog_that_signs_in_in_place_takes_them_too() -> None:
    _device, codes = set_up(member("Viewer"))
    client = with_password()
    assert not client.post(SESSION, {"code": codes[0]}).json()["needs_code"]
    assert client.get(reverse("admin:index")).status_code == 200
    assert with_password().post(SESSION, {"code": codes[0]}).json()["needs_code"]


@pytest.mark.django_db
def test_wrong_recovery_codes_make_one_wait_too() -> None:
    _device, codes = set_up(member("Viewer"))
    client = with_password()
    wrong = client.post(CODE, {"code": codes[0][:-1] + str((int(codes[0][-1]) + 1) % 10)})
    assert b"This code is not right" in wrong.content
    assert b"Too many wrong codes" in client.post(CODE, {"code": codes[0]}).content
    assert recovery.left(User.objects.get()) == 10


@pytest.mark.slow
@pytest.mark.django_db
def test_a_code_is_its_owners_alone_and_none_for_setting_up() -> None:
    _device, codes = set_up(member("Viewer"))
    bert = member("Viewer", "bert")
    bert.get(PAGE)
    assert b"This code is not right" in bert.post(PAGE, {"code": codes[0][:10]}).content
    bert.post(PAGE, {"code": codes[0]})
    assert not TOTPDevice.objects.filter(user__username="bert", confirmed=True).exists()
    assert not recovery.spend(User.objects.get(username="bert"), codes[0].replace(" ", ""))


@pytest.mark.slow
@pytest.mark.django_db
def test_new_codes_end_the_old_ones() -> None:
    client = member("Viewer")
    _device, old = set_up(client)
    new = codes_on(client.post(reverse("recovery_codes")).content.decode())
    assert len(new) == 10
    assert not gets_in(with_password(), old[0])
    assert gets_in(with_password(), new[0])
    assert client.get(reverse("recovery_codes"))["Location"] == PAGE


@pytest.mark.django_db
def test_who_has_not_shown_the_second_factor_makes_none_and_does_not_turn_it_off() -> None:
    _device, _codes = set_up(member("Viewer"))
    client = with_password()
    assert codes_on(client.post(reverse("recovery_codes")).content.decode()) == []
    client.post(reverse("second_factor_off"))
    assert TOTPDevice.objects.filter(confirmed=True).exists()
    without = member("Viewer", "bert")
    assert codes_on(without.post(reverse("recovery_codes")).content.decode()) == []
    assert not RecoveryCode.objects.filter(user__username="bert").exists()


@pytest.mark.slow
@pytest.mark.django_db
def test_codes_end_with_the_second_factor_whoever_takes_it_away() -> None:
    member("Viewer")
    administrator = member("Administrator", "chief")
    anna = User.objects.get(username="anna")
    entry = reverse("admin:auth_user_change", args=[anna.pk])
    chosen = {"action": "reset_second_factor", "_selected_action": [anna.pk]}
    ways = [
        lambda: own.post(reverse("second_factor_off")),
        lambda: administrator.post(reverse("admin:auth_user_changelist"), chosen),
        lambda: management.call_command("reset_second_factor", "anna"),
    ]
    for take_away in ways:
        own = signed_in(anna)  # the last one has ended the sessions
        set_up(own)
        assert "on, 10 recovery codes left" in administrator.get(entry).content.decode()
        take_away()
        assert not RecoveryCode.objects.exists()
        assert "recovery codes left" not in administrator.get(entry).content.decode()
    assert {"Second factor turned off", "Second factor reset"} <= set(notes())


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_two_uses_at_once_one_gets_in(monkeypatch: Any) -> None:
    _device, codes = set_up(member("Viewer"))
    clients = [with_password(), with_password()]
    start = threading.Barrier(2)

    def sign_in(i: int) -> bool:
        start.wait(10)
        return not clients[i].post(SESSION, {"code": codes[0]}).json()["needs_code"]

    assert sorted(concurrently(sign_in, 2)) == [False, True]


@pytest.mark.django_db(transaction=True)
def test_a_code_is_spent_once_also_without_the_devices_lock() -> None:
    """Both have compared the hash before either deletes."""
    _device, codes = set_up(member("Viewer"))
    user, start = User.objects.get(), threading.Barrier(2)
    compared, plain = recovery.check_password, codes[0].replace(" ", "")

    def check_simultaneously(*args: Any) -> bool:
        is_right = compared(*args)
        start.wait(10)
        return is_right

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recovery, "check_password", check_simultaneously)
        assert sorted(concurrently(lambda _i: recovery.spend(user, plain), 2)) == [False, True]
