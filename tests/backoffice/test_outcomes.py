"""What came of a job is told once, on the next page that its person opens, with a button that takes it back."""

import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm import services
from crm.backoffice import undo
from crm.backoffice.admin import bulk
from crm.models import Customer
from overplane.jobs.models import Job
from overplane.origin import Origin
from tests.backoffice.import_pages import check
from tests.backoffice.people import member

LIST = reverse("admin:crm_customer_changelist")
BELL = "Name,Territory\nBell,South\n"
INDEX = reverse("admin:index")
pytestmark = pytest.mark.django_db(transaction=True)


def work() -> None:
    call_command("run_worker", until_idle=True)


def messages(page: HttpResponse) -> list[str]:
    return [str(message) for message in page.context["messages"]]


def texts(page: HttpResponse) -> list[str]:
    return [re.sub(r"<[^>]+>", "", message).replace("\u2068", "").replace("\u2069", "") for message in messages(page)]


def undo_of(message: str) -> tuple[str, dict[str, str]]:
    button = re.search(r'data-undo="([^"]*)" data-undo-url="([^"]+)"', message)
    assert button, message
    return button[2], {"token": button[1]}


def imported(client: Client) -> str:
    """The import's page, after its job."""
    services.create_customer({"customer_name": "Acme", "tax_id": "T1"}, origin=Origin("test"))
    report = check(client, "Name,tax_id,Territory\nAcme,T1,North\nBell,T2,South\n", match_on="tax_id")
    page = client.post(f"{report}apply/")
    work()
    return page["Location"]


@pytest.mark.slow
def test_an_import_is_told_once_on_any_page_and_taken_back_by_its_message() -> None:
    client = member("Manager")
    page = imported(client)
    # What it replaced would stay with the job when the customer is deleted.
    assert Job.objects.values_list("result__changes", flat=True).get(kind="crm.import_customers") == []
    (message,) = messages(client.get(INDEX))
    assert "is imported: 1 created, 1 changed." in message
    assert f'<a href="{page}">Show</a>' in message
    assert messages(client.get(INDEX)) == messages(client.get(page)) == []
    url, sent = undo_of(message)
    answer = client.post(url, sent, headers={"Accept": "application/json"}).json()
    work()
    assert list(Customer.objects.values_list("customer_name", "territory")) == [("Acme", None)]
    assert messages(client.get(answer["url"], headers={"X-Requested-With": "fetch"})) == []
    assert texts(client.get(INDEX)) == [
        "Taken back: 1 customer deleted, 1 restored; 0 were changed since and left as they are. Show"
    ]


@pytest.mark.slow
def test_what_was_deleted_since_an_import_is_said_when_it_is_taken_back() -> None:
    client = member("Manager")
    url, sent = undo_of(*messages(client.get(imported(client))))
    services.delete_customer(Customer.objects.get(customer_name="Bell").pk, origin=Origin("test"))
    client.post(url, sent)
    work()
    (message,) = texts(client.get(INDEX))
    assert message.endswith("1 customer was deleted or merged since. Show")
    changes = client.get(reverse("admin:overplane_events_event_changelist")).content.decode()
    assert "customers.csv, anna (import)" in changes
    assert "customers.csv taken back, anna (import)" in changes


@pytest.mark.slow
def test_the_script_that_waits_for_the_end_takes_nobodys_message() -> None:
    client = member("Manager")
    page = imported(client)
    assert messages(client.get(page, headers={"X-Requested-With": "fetch"})) == []
    (message,) = messages(client.get(page))
    assert "Show</a>" not in message
    assert "data-undo" in message


@pytest.mark.slow
@pytest.mark.parametrize("group", ["Editor", "Manager"])
def test_undo_is_offered_for_ten_minutes_to_those_who_may(group: str) -> None:
    client = member(group)
    imported(client)
    if group == "Manager":
        Job.objects.update(finished_at=timezone.now() - timedelta(minutes=11))
    (message,) = messages(client.get(INDEX))
    assert "data-undo" not in message


@pytest.mark.slow
def test_what_failed_is_said() -> None:
    client = member("Manager")
    client.post(f"{check(client, BELL)}apply/")
    Job.objects.filter(kind="crm.import_customers").update(state="failed", error="--x", finished_at=timezone.now())
    assert texts(client.get(INDEX)) == ["“Import customers” failed. Show"]


@pytest.mark.slow
def test_others_are_told_nothing_and_nothing_before_the_end() -> None:
    client, other = member("Manager"), member("Manager", "other")
    page = client.post(f"{check(client, BELL)}apply/")["Location"]
    assert texts(client.get(INDEX)) == []
    work()
    assert texts(other.get(page)) == []
    assert texts(client.get(INDEX)) == ["“customers.csv” is imported: 1 created. Undo Show"]


def test_an_export_from_the_list_is_told() -> None:
    client = member("Manager")
    services.create_customer({"customer_name": "Acme"}, origin=Origin("test"))
    client.post(reverse("export_list"), {"format": "csv", "column": "customer_name"})
    work()
    assert texts(client.get(INDEX)) == ["1 customer is exported. Show"]


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> tuple[Client, list[str]]:
    """Five customers, whose territory a job has changed."""
    monkeypatch.setattr(bulk, "MAX_INLINE", 3)
    monkeypatch.setattr(undo, "MOST_WITHOUT_JOB", 3)
    client = member("Editor")
    created = [
        services.create_customer({"customer_name": f"C{i}", "territory": f"T{i}"}, origin=Origin("test"))
        for i in range(5)
    ]
    ids = [one.output["id"] for one in created]
    client.post(LIST, {"action": "set_territory", "_selected_action": ids[:1], "select_across": "1", "value": "All"})
    work()
    assert set(Customer.objects.values_list("territory", flat=True)) == {"All"}
    return client, ids


@pytest.mark.slow
def test_a_change_of_many_by_a_job_is_told_and_taken_back_by_another(many: tuple[Client, list[str]]) -> None:
    client, ids = many
    services.update_customer(ids[0], {"territory": "Own"}, origin=Origin("test"))
    services.delete_customer(ids[4], origin=Origin("test"))
    started, message = messages(client.get(LIST))
    assert message.startswith("5 customers changed.")
    assert "a job does it now" in started
    client.post(*undo_of(message))
    work()
    territories = dict(Customer.objects.values_list("customer_name", "territory"))
    assert territories == {"C0": "Own", "C1": "T1", "C2": "T2", "C3": "T3"}
    outcome = (
        "Undone: 3 customers are as they were. 1 customer was changed once more since; that stays: C0. "
        "1 customer was deleted or merged since."
    )
    assert texts(client.get(LIST))[-1].startswith(outcome)


@pytest.mark.slow
def test_the_same_button_in_a_second_tab_changes_nothing(many: tuple[Client, list[str]]) -> None:
    client, ids = many
    url, sent = undo_of(messages(client.get(LIST))[-1])
    client.post(url, sent)
    work()
    client.get(LIST)
    services.update_customer(ids[0], {"territory": "All"}, origin=Origin("test"))
    client.post(url, sent)
    work()
    assert texts(client.get(LIST)) == ["This is taken back already."]
    assert Customer.objects.get(pk=ids[0]).territory == "All"


@pytest.mark.slow
def test_only_what_was_another_value_is_counted(many: tuple[Client, list[str]]) -> None:
    client, ids = many
    client.get(LIST)
    services.update_customer(ids[0], {"territory": "West"}, origin=Origin("test"))
    sent = {"action": "set_territory", "_selected_action": ids[:1], "select_across": "1", "value": "All"}
    for outcome in ("1 customer changed. Undo Show", "No customer is changed: they have this value already. Show"):
        client.post(LIST, sent)
        work()
        assert texts(client.get(LIST))[-1] == outcome
    few = {"action": "set_territory", "_selected_action": ids[:2], "value": "All"}
    client.post(LIST, few)
    assert texts(client.get(LIST)) == ["No customer is changed: they have this value already."]


@pytest.mark.slow
def test_the_answer_to_a_form_tells_nothing_of_jobs(many: tuple[Client, list[str]]) -> None:
    """The button loads the page anew: of an answer to a form that would send the form once more."""
    client, ids = many
    client.get(LIST)
    client.post(LIST, {"action": "set_territory", "_selected_action": ids, "select_across": "1", "value": "South"})
    client.get(LIST, headers={"X-Requested-With": "fetch"})
    work()
    answer = client.post(LIST, {"action": "set_customer_group", "_selected_action": ids[:1]})
    assert answer.status_code == 200
    assert messages(answer) == []
    assert "5 customers changed." in texts(client.get(LIST))[-1]


@pytest.mark.slow
def test_a_job_that_takes_back_goes_on_where_it_stood(many: tuple[Client, list[str]]) -> None:
    job = Job.objects.get(kind=bulk.KIND)
    origin = Origin(job.actor, "req_undo")

    class Killed(Exception):
        pass

    def progress(done: int, total: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        undo.undo(job.request_id or "", origin, progress)
    assert Customer.objects.filter(territory="All").count() == 3
    done = undo.undo(job.request_id or "", origin)
    assert (done.restored, done.kept_count) == (5, 0)
    assert not Customer.objects.filter(territory="All").exists()


@pytest.mark.slow
def test_a_deletion_of_many_is_told_without_undo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_INLINE", 0)
    client = member("Manager")
    created = services.create_customer({"customer_name": "Acme"}, origin=Origin("test"))
    client.post(LIST, {"action": "delete_selected", "_selected_action": [created.output["id"]], "post": "yes"})
    work()
    message = messages(client.get(LIST))[-1]
    assert "1 customer is deleted." in message
    assert "data-undo" not in message


@pytest.mark.slow
@pytest.mark.parametrize(("state", "end"), [("failed", "failed"), ("cancelled", "was cancelled")])
def test_what_a_job_had_changed_before_it_broke_off_is_told_and_taken_back(
    many: tuple[Client, list[str]], state: str, end: str
) -> None:
    client, ids = many
    services.update_customer(ids[0], {"territory": "Own"}, origin=Origin("test"))
    Job.objects.filter(kind=bulk.KIND).update(state=state, finished_at=timezone.now())
    if state == "cancelled":  # its worker may still write
        assert len(messages(client.get(LIST))) == 1
        Job.objects.filter(kind=bulk.KIND).update(finished_at=timezone.now() - timedelta(seconds=6))
    page = client.get(LIST)
    assert texts(page)[-1] == f"“Change many customers” {end}. 5 customers were changed by then. Undo Show"
    client.post(*undo_of(messages(page)[-1]))
    work()
    assert set(Customer.objects.values_list("territory", flat=True)) == {"Own", "T1", "T2", "T3", "T4"}
