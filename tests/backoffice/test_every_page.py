"""Every page of the back office, by every kind of visitor: read off the URL configuration, so that none can be forgotten.

What each may *do* there, and see of it, is in `test_roles.py`; here is whom a page lets in at all.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse

from tests.backoffice.people import member, person, signed_in

pytestmark = [pytest.mark.slow, pytest.mark.half("sqlite")]
ANONYMOUS, NO_GROUP, SUPERUSER = "anonymous", "staff without a group", "superuser"
GROUPS = ("Viewer", "Editor", "Manager", "Administrator")
VISITORS = (ANONYMOUS, NO_GROUP, *GROUPS, SUPERUSER)


STAFF = VISITORS[1:]
EVERYBODY, VIEWER, EDITOR, MANAGER, ADMINISTRATOR, SUPERUSERS = VISITORS, *(VISITORS[i:] for i in range(2, 7))
NOBODY: tuple[str, ...] = ()
# Whom a page lets in, by one of its methods. Where it looks for an object first, staff learn that there is none; whom it
# would show one is in the table of `test_roles.py`.
WHO = {
    EVERYBODY: """
        session admin:login
    """,
    STAFF: """
        second_factor second_factor_qr second_factor_off recovery_codes
        second_factor_code job_file admin:index admin:password_change
        admin:password_change_done admin:jsi18n admin:view_on_site admin:overplane_jobs_job_columns
        admin:overplane_jobs_job_views admin:overplane_jobs_job_view admin:overplane_jobs_job_values admin:overplane_jobs_job_cell
        admin:overplane_jobs_job_changelist admin:overplane_jobs_job_history admin:admin/overplane_jobs/job/<path:object_id>/ admin:overplane_api_apikey_roll
        admin:overplane_api_apikey_cell admin:overplane_api_apikey_history admin:admin/overplane_api/apikey/<path:object_id>/ admin:axes_accesslog_cell
        admin:axes_accesslog_history admin:admin/axes/accesslog/<path:object_id>/ admin:axes_accessfailurelog_cell admin:axes_accessfailurelog_history
        admin:admin/axes/accessfailurelog/<path:object_id>/ admin:axes_accessattempt_cell admin:axes_accessattempt_history admin:admin/axes/accessattempt/<path:object_id>/
        admin:auth_user_cell admin:admin/auth/user/<path:object_id>/ admin:auth_group_cell admin:admin/auth/group/<path:object_id>/
        admin:overplane_webhooks_endpoint_cell admin:overplane_webhooks_endpoint_history admin:admin/overplane_webhooks/endpoint/<path:object_id>/ admin:overplane_events_event_cell
        admin:overplane_events_event_history admin:admin/overplane_events/event/<path:object_id>/ admin:crm_customer_next admin:crm_customer_previous
        admin:crm_customer_restore admin:crm_customer_cell admin:crm_customer_history admin:admin/crm/customer/<path:object_id>/
        admin:overplane_jobs_job_change admin:app_list admin:admin/(?P<url>.*)$
    """,
    VIEWER: """
        find find_start duplicates admin:overplane_events_event_columns
        admin:overplane_events_event_views admin:overplane_events_event_view admin:overplane_events_event_values admin:overplane_events_event_changelist
        admin:overplane_events_event_change admin:crm_customer_duplicates_of admin:crm_customer_columns admin:crm_customer_views
        admin:crm_customer_view admin:crm_customer_values admin:crm_customer_changelist admin:crm_customer_change
    """,
    EDITOR: """
        import import_mapping import_job import_apply
        import_correct import_mend import_cancel import_go_on import_result import_refused
        admin:crm_customer_undo admin:crm_customer_add
    """,
    MANAGER: """
        merge import_undo export export_list confirm_duplicates judge_duplicate
        admin:crm_customer_unmerge admin:crm_customer_delete
    """,
    ADMINISTRATOR: """
        admin:overplane_api_apikey_columns admin:overplane_api_apikey_views admin:overplane_api_apikey_view admin:overplane_api_apikey_values
        admin:overplane_api_apikey_changelist admin:overplane_api_apikey_add admin:overplane_api_apikey_change admin:axes_accesslog_columns
        admin:axes_accesslog_views admin:axes_accesslog_view admin:axes_accesslog_values admin:axes_accesslog_changelist
        admin:axes_accesslog_change admin:axes_accessattempt_columns admin:axes_accessattempt_views admin:axes_accessattempt_view
        admin:axes_accessattempt_values admin:axes_accessattempt_changelist admin:axes_accessattempt_delete admin:axes_accessattempt_change
        admin:auth_user_columns admin:auth_user_views admin:auth_user_view admin:auth_user_values
        admin:auth_user_password_change admin:auth_user_changelist admin:auth_user_add admin:auth_user_history
        admin:auth_user_delete admin:auth_user_change admin:auth_group_columns admin:auth_group_views
        admin:auth_group_view admin:auth_group_values admin:auth_group_changelist admin:auth_group_add
        admin:auth_group_history admin:auth_group_delete admin:auth_group_change admin:overplane_webhooks_endpoint_edit
        admin:overplane_webhooks_endpoint_roll admin:overplane_webhooks_endpoint_replay admin:overplane_webhooks_endpoint_ping admin:overplane_webhooks_endpoint_enable
        admin:overplane_webhooks_endpoint_enable_from_now admin:overplane_webhooks_endpoint_disable admin:overplane_webhooks_endpoint_delivery admin:overplane_webhooks_endpoint_resend
        admin:overplane_webhooks_endpoint_columns admin:overplane_webhooks_endpoint_views admin:overplane_webhooks_endpoint_view admin:overplane_webhooks_endpoint_values
        admin:overplane_webhooks_endpoint_changelist admin:overplane_webhooks_endpoint_add admin:overplane_webhooks_endpoint_delete admin:overplane_webhooks_endpoint_change
    """,
    SUPERUSERS: """
        admin:axes_accesslog_delete admin:axes_accessfailurelog_columns admin:axes_accessfailurelog_views admin:axes_accessfailurelog_view
        admin:axes_accessfailurelog_values admin:axes_accessfailurelog_changelist admin:axes_accessfailurelog_delete admin:axes_accessfailurelog_change
    """,
    NOBODY: """
        admin:autocomplete admin:overplane_jobs_job_add admin:overplane_jobs_job_delete
        admin:overplane_api_apikey_delete admin:axes_accesslog_add admin:axes_accessfailurelog_add admin:axes_accessattempt_add
        admin:overplane_events_event_add admin:overplane_events_event_delete
    """,
}


def client_of(visitor: str) -> Client:
    if visitor in GROUPS:
        client = member(visitor, visitor)
    elif visitor == ANONYMOUS:
        client = Client()
    else:
        user: Any = person(visitor)
        user.is_staff, user.is_superuser = True, visitor == SUPERUSER
        user.save()
        client = signed_in(user)
    client.raise_request_exception = False
    return client


def pages(resolver: Any, route: str = "", namespace: str = "") -> Iterator[tuple[str, str]]:
    """Name and address; where it names something there is nothing of this name."""
    for pattern in resolver.url_patterns:
        here = route + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from pages(pattern, here, namespace + (f"{pattern.namespace}:" if pattern.namespace else ""))
        elif here.startswith("admin/"):
            yield namespace + (pattern.name or here), "/" + re.sub(r"<[^>]*>|\(\?P.*", "1", here)


def is_let_in(client: Client, method: str, url: str) -> bool | None:
    """All that it may have written is taken back. None: there is no such method.

    A service that finds no such object leaves its transaction, and here all of this one, unusable: then it was let in, too.
    """
    with transaction.atomic():
        answer = client.generic(method, url)
        transaction.set_rollback(True)
    if answer.status_code == 405:
        return None
    is_led_to_login = answer.status_code == 302 and answer["Location"].startswith(reverse("admin:login"))
    return not is_led_to_login and answer.status_code != 403


def test_each_page_has_its_place_above() -> None:
    listed = [name for names in WHO.values() for name in names.split()]
    assert sorted(listed) == sorted(name for name, _ in pages(get_resolver()) if name != "admin:logout")
    assert len(listed) > 140


@pytest.mark.django_db
@pytest.mark.parametrize("visitor", VISITORS)
def test_each_page_lets_in_whom_it_should(visitor: str) -> None:
    client, addresses = client_of(visitor), dict(pages(get_resolver()))
    # Whose history is asked for before anybody looks whether he may be seen.
    User.objects.get_or_create(pk=1, defaults={"username": "the first"})
    wrong = []
    for audience, names in WHO.items():
        for name in names.split():
            let_in = {method: is_let_in(client, method, addresses[name]) for method in ("GET", "POST")}
            if any(let_in.values()) != (visitor in audience):
                wrong.append((name, let_in))
    assert wrong == []
