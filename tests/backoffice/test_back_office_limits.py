"""What the pages beside the customers let nobody do: others' jobs, rights that were taken away, names that are to be gone."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from crm.models import Customer
from overplane.api import keys
from overplane.api.models import ApiKey
from overplane.jobs import queue
from overplane.jobs.models import Job, JobFile, State
from tests.backoffice.import_pages import GOOD, check
from tests.backoffice.people import User, member, person
from tests.domain.customers import make
from tests.filled_forms import filled, new_form


def works(client: Client, address: str) -> bool:
    return client.post(address).status_code == 302


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_only_who_began_an_import_cancels_or_goes_on_with_it() -> None:
    client, other = member("Editor"), member("Manager", "other")
    job = client.post(f"{check(client, GOOD)}apply/")["Location"]
    for way in ("cancel", "go-on"):
        assert other.post(f"{job}{way}/").status_code == 404, way
    assert Job.objects.latest("created_at").state == State.QUEUED
    assert works(client, f"{job}cancel/")
    assert Job.objects.latest("created_at").state == State.CANCELLED
    call_command("run_worker", until_idle=True)
    assert not Customer.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_taking_an_import_back_needs_the_right_to_delete() -> None:
    client = member("Editor")
    job = client.post(f"{check(client, GOOD)}apply/")["Location"]
    call_command("run_worker", until_idle=True)
    assert "undo/" not in client.get(job).content.decode()
    for role in ("Viewer", "Editor"):
        assert member(role, role).post(f"{job}undo/").status_code == 403, role
    assert client.post(f"{job}undo/").status_code == 403
    call_command("run_worker", until_idle=True)
    assert Customer.objects.count() == 2
    assert works(member("Manager", "boss"), f"{job}undo/")
    call_command("run_worker", until_idle=True)
    assert not Customer.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("kind", "role"), [("export", "Editor"), ("import", "Viewer")])
def test_a_file_is_kept_from_who_has_lost_the_right_to_it(kind: str, role: str) -> None:
    client = member("Manager")
    make("Acme")
    if kind == "export":
        client.post(reverse("export"), {"format": "csv"})
    else:
        check(client, GOOD)
    call_command("run_worker", until_idle=True)
    address = reverse("job_file", args=[JobFile.objects.latest("created_at").pk])
    answer = client.get(address)
    assert answer.status_code == 200
    answer.close()
    member(role, "other")  # the group is there
    User.objects.get(username="anna").groups.set([Group.objects.get(name=role)])
    assert client.get(address).status_code == 403


@pytest.mark.slow
@pytest.mark.django_db
def test_django_s_own_log_keeps_no_customer() -> None:
    """Its entries would outlive whom they name."""
    client = member("Manager")
    first, second, third = make("Secret one"), make("Secret two"), make("Secret three")
    change = reverse("admin:crm_customer_change", args=[first])
    assert client.post(change, filled(client.get(change)) | {"territory": "North"}).status_code == 302
    url = reverse("admin:crm_customer_changelist")
    fourth = new_form(customer_name="Secret four")
    assert client.post(reverse("admin:crm_customer_add"), fourth).status_code == 302
    assert client.post(reverse("admin:crm_customer_delete", args=[first]), {"post": "yes"}).status_code == 302
    client.post(url, {"action": "disable", "_selected_action": [second, third]})
    client.post(url, {"action": "delete_selected", "_selected_action": [second, third], "post": "yes"})
    assert [one.customer_name for one in Customer.objects.all()] == ["Secret four"]
    assert not LogEntry.objects.exists()


@pytest.mark.django_db
def test_a_key_that_is_revoked_has_no_successor() -> None:
    client = member("Administrator")
    record, _ = keys.mint("stolen")
    keys.revoke(record)
    address = reverse("admin:overplane_api_apikey_roll", args=[record.pk])
    assert client.get(address).status_code == client.post(address, {"hours": "1"}).status_code == 404
    assert ApiKey.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("hours", ["-1", "8761", "x", ""])
def test_a_key_is_rolled_within_reason(hours: str) -> None:
    client = member("Administrator")
    record, _ = keys.mint("shop")
    answer = client.post(reverse("admin:overplane_api_apikey_roll", args=[record.pk]), {"hours": hours})
    assert answer.status_code == 200
    assert ApiKey.objects.get().expires_at is None


@pytest.mark.django_db(transaction=True)
def test_a_job_that_has_ended_cannot_be_cancelled_from_the_list_of_jobs() -> None:
    client = member("Manager")
    client.post(reverse("export"), {"format": "csv"})
    call_command("run_worker", until_idle=True)
    done = Job.objects.filter(state=State.DONE).latest("created_at")
    waiting = queue.enqueue("crm.export_customers", {"format": "csv"}, "user:anna", owner=person("anna").pk)
    chosen = {"action": "cancel", "_selected_action": [done.pk, waiting.pk]}
    client.post(reverse("admin:overplane_jobs_job_changelist"), chosen)
    done.refresh_from_db()
    waiting.refresh_from_db()
    assert (done.state, waiting.state) == (State.DONE, State.CANCELLED)
    assert done.finished_at - done.created_at < timedelta(minutes=10)
