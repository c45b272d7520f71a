"""Groups and their members, how one gets in, and how one is kept out. Who may do what: test_roles.py."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from crm import services
from overplane.origin import Origin
from tests.backoffice.people import PASSWORD, User, member
from tests.backoffice.second_factors import code_of, set_up


def permitted(role: str) -> set[str]:
    group = Group.objects.get(name=role)
    names = group.permissions.values_list("content_type__app_label", "codename")
    return {f"{label}.{codename}" for label, codename in names}


@pytest.mark.django_db
def test_the_groups_permissions_are_these_and_no_others() -> None:
    member("Viewer")
    names = ("customer", "suppliernumberatcustomer")  # rows go by the rights of customers; these stand there unused
    viewer = {*(f"crm.view_{name}" for name in names), "overplane_events.view_event"}
    editor = {f"crm.{verb}_{name}" for verb in ("add", "change") for name in names}
    manager = {*(f"crm.delete_{name}" for name in names), "crm.export_customer"}
    manager |= {"overplane_jobs.view_job", "overplane_jobs.change_job", "overplane_backoffice.share_savedview"}
    assert permitted("Viewer") == viewer
    assert permitted("Editor") == viewer | editor
    assert permitted("Manager") == viewer | editor | manager
    beyond = permitted("Administrator") - (viewer | editor | manager)
    assert {name.partition(".")[0] for name in beyond} == {"auth", "overplane_api", "overplane_webhooks", "axes"}
    assert permitted("Administrator") >= viewer | editor | manager


@pytest.mark.django_db
def test_a_viewer_sees_no_way_to_change_anything() -> None:
    client = member("Viewer")
    customer = services.create_customer({"customer_name": "Acme"}, origin=Origin("user:setup")).output["id"]
    page = client.get(reverse("admin:crm_customer_change", args=[customer])).content.decode()
    assert 'name="customer_name"' not in page
    assert 'name="_save"' not in page
    assert "deletelink" not in page


@pytest.mark.django_db
def test_an_administrator_makes_nobody_a_superuser_and_touches_none() -> None:
    client = member("Administrator")
    own = User.objects.get(username="anna")
    boss = User.objects.create_superuser("boss", password=PASSWORD)
    form = {
        "username": "anna",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "groups": own.groups.get().pk,
    }
    assert client.post(reverse("admin:auth_user_change", args=[own.pk]), form).status_code == 302
    own.refresh_from_db()
    assert not own.is_superuser
    password = {"password1": "another long password", "password2": "another long password", "usable_password": "true"}
    for page, sent in (("change", form | {"username": "x"}), ("delete", {"post": "yes"}), ("password", password)):
        name = "auth_user_password_change" if page == "password" else f"auth_user_{page}"
        assert client.post(reverse(f"admin:{name}", args=[boss.pk]), sent).status_code == 403, page
    for action in ("delete_selected", "reset_second_factor"):
        chosen = {"action": action, "_selected_action": [boss.pk], "post": "yes"}
        client.post(reverse("admin:auth_user_changelist"), chosen)
    boss.refresh_from_db()
    assert boss.check_password(PASSWORD)


@pytest.mark.slow
@pytest.mark.django_db
def test_five_wrong_passwords_lock_the_login_for_a_while() -> None:
    User.objects.create_superuser("anna", password=PASSWORD)
    client, url = Client(), reverse("admin:login")
    for _ in range(5):
        answer = client.post(url, {"username": "anna", "password": "wrong"})
    assert answer.status_code == 429
    locked = client.post(url, {"username": "anna", "password": PASSWORD})
    assert locked.status_code == 429
    assert b"Too many wrong passwords" in locked.content
    assert b"locked for 15 minutes" in locked.content
    assert client.get(reverse("admin:index")).status_code == 302
    assert client.post(url, {"username": "bert", "password": "wrong"}).status_code == 200
    call_command("axes_reset")
    assert client.post(url, {"username": "anna", "password": PASSWORD}).status_code == 302


@pytest.mark.slow
@pytest.mark.django_db
def test_passwords_are_kept_as_argon2_and_weak_ones_are_refused(settings: Any) -> None:
    settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[1:]  # without the quick one of the tests
    client = member("Administrator")
    assert User.objects.get().password.startswith("argon2")
    for weak in ("short", "password1234", "123456789012"):
        form = {"username": "bert", "password1": weak, "password2": weak, "usable_password": "true"}
        answer = client.post(reverse("admin:auth_user_add"), form)
        assert answer.status_code == 200, weak
    assert not User.objects.filter(username="bert").exists()


@pytest.mark.django_db
def test_a_new_person_can_log_in_at_once_in_the_chosen_group() -> None:
    client = member("Administrator")
    page = client.get(reverse("admin:auth_user_add")).content.decode()
    assert 'name="is_staff" id="id_is_staff" checked' in page.replace(' aria-describedby="id_is_staff_helptext"', "")
    form = {"username": "bert", "password1": PASSWORD, "password2": PASSWORD, "is_staff": "on"}
    form["groups"] = Group.objects.get(name="Viewer").pk
    assert client.post(reverse("admin:auth_user_add"), form).status_code == 302
    new = Client()
    assert new.post(reverse("admin:login"), {"username": "bert", "password": PASSWORD}).status_code == 302
    assert new.get(reverse("admin:crm_customer_changelist")).status_code == 200
    assert new.get(reverse("admin:auth_user_changelist")).status_code == 403


@pytest.mark.django_db
def test_a_session_ends_with_the_password_the_person_and_the_day(settings: Any) -> None:
    client = member("Viewer")
    assert client.get(reverse("admin:index")).status_code == 200
    assert timedelta(seconds=settings.SESSION_COOKIE_AGE) <= timedelta(hours=12)
    assert settings.SESSION_EXPIRE_AT_BROWSER_CLOSE
    user = User.objects.get()
    user.set_password("another password, long")
    user.save()
    assert client.get(reverse("admin:index")).status_code == 302
    client.force_login(user)
    User.objects.update(is_active=False)
    assert client.get(reverse("admin:index")).status_code == 302


@pytest.mark.slow
@pytest.mark.django_db
def test_a_second_factor_is_asked_for_once_it_is_set_up() -> None:
    client = member("Viewer")
    assert client.get(reverse("admin:index")).status_code == 200
    device, _codes = set_up(client)
    assert client.get(reverse("admin:index")).status_code == 200
    other = Client()
    assert other.post(reverse("admin:login"), {"username": "anna", "password": PASSWORD}).status_code == 302
    for page in ("admin:index", "admin:crm_customer_changelist", "admin:password_change", "second_factor"):
        assert other.get(reverse(page))["Location"] == reverse("second_factor_code"), page
    assert other.get(reverse("second_factor_qr")).status_code == 403
    wrong = other.post(reverse("second_factor_code"), {"code": "12345x"})
    assert b"This code is not right" in wrong.content
    assert other.get(reverse("admin:index")).status_code == 302
    TOTPDevice.objects.update(throttling_failure_count=0)
    assert other.post(reverse("second_factor_code"), {"code": code_of(device)}).status_code == 302
    assert other.get(reverse("admin:index")).status_code == 200
    other.post(
        reverse("second_factor"), {"code": code_of(device)}
    )  # the page of setting up, sent again, changes nothing
    assert TOTPDevice.objects.exists()
    assert other.post(reverse("second_factor_off")).status_code == 302
    assert not TOTPDevice.objects.exists()


@pytest.mark.django_db
def test_wrong_codes_make_one_wait() -> None:
    client = member("Viewer")
    device, _codes = set_up(client)
    other = Client()
    other.force_login(User.objects.get())
    other.post(reverse("second_factor_code"), {"code": "000000" if code_of(device) != "000000" else "111111"})
    answer = other.post(reverse("second_factor_code"), {"code": code_of(device)})
    assert re.search(rb"Wait until \d\d:\d\d:\d\d UTC", answer.content)
    assert other.get(reverse("admin:index")).status_code == 302


@pytest.mark.django_db
def test_a_second_factor_can_be_required_of_everybody(settings: Any) -> None:
    client = member("Manager")
    assert client.get(reverse("admin:index")).status_code == 200
    settings.REQUIRE_SECOND_FACTOR = True
    assert client.get(reverse("admin:index"))["Location"] == reverse("second_factor")
    set_up(client)
    assert client.get(reverse("admin:index")).status_code == 200
    assert client.post(reverse("second_factor_off")).status_code == 403
    assert TOTPDevice.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db
def test_a_lost_phone_is_helped_by_an_administrator_or_the_command() -> None:
    set_up(member("Viewer", "lost"))
    administrator = member("Administrator", "chief")
    chosen = {"action": "reset_second_factor", "_selected_action": [User.objects.get(username="lost").pk]}
    administrator.post(reverse("admin:auth_user_changelist"), chosen)
    assert not TOTPDevice.objects.exists()
    set_up(administrator)
    call_command("reset_second_factor", "chief")
    assert not TOTPDevice.objects.exists()
    with pytest.raises(CommandError, match="no user 'nobody'"):
        call_command("reset_second_factor", "nobody")
