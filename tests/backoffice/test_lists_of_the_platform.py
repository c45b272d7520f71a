"""Users, groups, keys, jobs and logins: lists that are grids like that of the customers, forms without Django's scripts."""

import re

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from overplane.api import keys
from overplane.events.webhooks import services as webhooks
from overplane.jobs import queue
from tests.backoffice.people import PASSWORD, User, member

pytestmark = pytest.mark.django_db
LISTS = [
    "auth_user",
    "auth_group",
    "overplane_api_apikey",
    "overplane_webhooks_endpoint",
    "overplane_jobs_job",
    "axes_accesslog",
    "axes_accessattempt",
    "axes_accessfailurelog",
]
FORMS = ["auth_user", "auth_group", "overplane_api_apikey"]


@pytest.fixture
def client() -> Client:
    """Of an Administrator, with a row in each list."""
    keys.mint("shop")
    webhooks.create_endpoint({"url": "https://hooks.example.com/crm"})
    queue.enqueue("crm.find_duplicates", {}, "user:anna")
    login = {"username": "carl", "ip_address": "10.1.2.3", "user_agent": "browser", "path_info": "/", "http_accept": ""}
    AccessAttempt.objects.create(**login, failures_since_start=2, get_data="", post_data="")
    AccessLog.objects.create(**login)
    AccessFailureLog.objects.create(**login, locked_out=True)
    administrator = member("Administrator")
    User.objects.update(is_superuser=True)  # who alone sees all three lists of logins
    return administrator


def page(client: Client, name: str, *args: object, **query: str) -> str:
    answer = client.get(reverse(f"admin:{name}", args=args), query)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def scripts(page: str) -> list[str]:
    return re.findall(r'<script[^>]* src="([^"]+)"', page)


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTS)
def test_each_list_is_a_grid_with_filters_and_a_bar_of_actions(client: Client, name: str) -> None:
    html = page(client, f"{name}_changelist")
    assert 'class="grid"' in html
    assert 'id="rows"' in html
    assert '<th scope="row"' in html
    assert 'class="selection"' in html
    assert 'id="changelist-filter"' not in html
    assert not [one for one in scripts(html) if "/admin/js/" in one or "jsi18n" in one]
    for column in re.findall(r'data-name="(\w+)"', html):
        page(client, f"{name}_changelist", o=f"-{column}")
    for field in re.findall(r'<option value="(\w+)"', html.partition('name="add.field"')[2].partition("</select>")[0]):
        page(client, f"{name}_changelist", **{f"{field}.is": "x"})
    assert "filter-problem" not in html


@pytest.mark.parametrize("name", FORMS)
def test_no_form_needs_django_scripts_or_its_plus(client: Client, name: str) -> None:
    html = page(client, f"{name}_add")
    assert [one for one in scripts(html) if "/admin/js/" in one] == ["/static/admin/js/change_form.js"]
    assert "related-widget-wrapper" not in html
    assert "jsi18n" not in html


def test_a_place_in_a_list_that_is_none_leads_to_the_list(client: Client) -> None:
    for name in LISTS:
        answer = client.get(reverse(f"admin:{name}_changelist"), {"after": "a~b"})
        assert answer.status_code in (200, 302), name


def test_what_is_no_ip_address_is_said(client: Client) -> None:
    assert "filter-problem" in page(client, "axes_accesslog_changelist", ip_address="x")
    assert "carl" in page(client, "axes_accesslog_changelist", ip_address="10.1.2.3")


def test_users_are_filtered_by_their_group(client: Client) -> None:
    member("Viewer", "vera")
    assert "vera" in page(client, "auth_user_changelist", group="viewer")
    assert ">vera<" not in page(client, "auth_user_changelist", group="Editor")


def test_permissions_stand_under_what_they_are_for_and_are_saved(client: Client) -> None:
    group = Group.objects.get(name="Viewer")
    html = page(client, "auth_group_change", group.pk)
    assert re.search(r"<label>customer</label>.*?export customers", html, re.DOTALL)
    chosen = Permission.objects.filter(codename__in=("view_customer", "export_customer"))
    form = {"name": "Viewer", "permissions": [one.pk for one in chosen]}
    assert client.post(reverse("admin:auth_group_change", args=[group.pk]), form).status_code == 302
    assert set(group.permissions.all()) == set(chosen)


def test_groups_of_a_user_are_ticked(client: Client) -> None:
    user = User.objects.create_user("vera", password=PASSWORD, is_staff=True)
    viewer = Group.objects.get(name="Viewer")
    assert f'type="checkbox" name="groups" value="{viewer.pk}"' in page(client, "auth_user_change", user.pk)
    form = {"username": "vera", "is_active": "on", "is_staff": "on", "groups": [viewer.pk]}
    client.post(reverse("admin:auth_user_change", args=[user.pk]), form)
    assert list(user.groups.all()) == [viewer]


def test_what_is_left_of_tries_is_said_in_words(client: Client) -> None:
    assert "3 tries left" in page(client, "axes_accessattempt_changelist")
    AccessAttempt.objects.update(failures_since_start=5)
    assert "locked" in page(client, "axes_accessattempt_changelist")


def test_what_is_deleted_is_named_before_one_or_several(client: Client) -> None:
    first, second = (Group.objects.create(name=name) for name in ("Guests", "Helpers"))
    confirmation = page(client, "auth_group_delete", first.pk)
    assert "Guests" in confirmation
    assert "It cannot be undone." in confirmation
    assert not [one for one in scripts(confirmation) if "/admin/js/" in one]
    chosen = {"action": "delete_selected", "_selected_action": [first.pk, second.pk], "index": 0}
    url = reverse("admin:auth_group_changelist")
    confirmation = client.post(url, chosen).content.decode()
    assert "Helpers" in confirmation
    assert f'name="_selected_action" value="{second.pk}"' in confirmation
    client.post(url, chosen | {"post": "yes"})
    assert not Group.objects.filter(name__in=("Guests", "Helpers")).exists()
    third = Group.objects.create(name="Guests")
    client.post(reverse("admin:auth_group_delete", args=[third.pk]), {"post": "yes"})
    assert not Group.objects.filter(name="Guests").exists()
