"""Filters of a list: every field, each with the operators of its kind; what cannot be read is said and shows no row."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from urllib.parse import urlencode

import pytest
from django.contrib.admin.utils import quote
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.utils import timezone, translation

from crm import services
from crm.backoffice.admin import bulk, listing
from crm.models import Customer
from crm.representation import CUSTOMER_NAMES
from overplane.backoffice import changelist
from overplane.backoffice.periods import PERIODS
from overplane.database import time_limits
from overplane.database.dialect import is_postgresql
from overplane.events.models import Event
from overplane.jobs.models import Job
from tests.backoffice.people import member
from tests.domain.customers import ORIGIN, make

LIST = "/admin/crm/customer/"
EVENTS = "/admin/overplane_events/event/"
pytestmark = pytest.mark.django_db


def names(page: HttpResponse) -> set[str]:
    return {row.customer_name for row in page.context["cl"].result_list}


def chips(page: HttpResponse) -> list[str]:
    return [chip.words for chip in page.context["cl"].chips]


def jobs_rows(query: str) -> set[str]:
    """What a job that was started on the list would take."""
    return set(listing.filtered(query, timezone.now()).values_list("customer_name", flat=True))


@pytest.fixture
def three() -> None:
    make(
        "Alpha", territory="North", customer_group="Retail", tax_id="DE 123", email_id="A@x.example", industry="Straße",
        default_commission_rate="2.5", website="https://alpha.example", customer_details="Likes tea",
    )  # fmt: skip
    make("Beta", territory="north", customer_type="Individual", default_commission_rate="10", industry="Glass")
    make("Gamma", territory="South", disabled=True, is_frozen=True)
    moments = {"Alpha": datetime(2024, 1, 15, 12, tzinfo=UTC), "Beta": datetime(2024, 2, 1, tzinfo=UTC)}
    for name, moment in moments.items():
        Customer.objects.filter(customer_name=name).update(created_at=moment)


MATCHES = {
    # Text
    "territory.contains=NOR": "Alpha Beta",
    "territory.is=NORTH": "Alpha Beta",
    "territory.in=south&territory.in=nowhere": "Gamma",
    "territory.not=North": "Gamma",
    "industry.not=glass": "Alpha Gamma",
    "industry.is=STRASSE": "Alpha",
    "industry.in=strasse&industry.in=GLASS": "Alpha Beta",
    "industry.begins=g": "Beta",
    "industry.empty=": "Gamma",
    "industry.filled=": "Alpha Beta",
    "customer_name.is=alpha": "Alpha",
    "customer_name.contains=a&customer_name.contains=m": "Gamma",
    "customer_details.contains=TEA": "Alpha",
    "customer_details.empty=": "Beta Gamma",
    "website.contains=alpha.ex": "Alpha",
    # Natural keys, as the index knows them
    "email_id.is=a@X.example": "Alpha",
    "tax_id.is=de123": "Alpha",
    "tax_id.in=DE-123&tax_id.in=9": "Alpha",
    "tax_id.not=de123": "Beta Gamma",
    # The rest
    "disabled.is=true": "Gamma",
    "is_frozen=false": "Alpha Beta",
    "customer_type.is=Individual": "Beta",
    "customer_type.in=Individual&customer_type.in=Partnership": "Beta",
    "customer_type.not=Individual": "Alpha Gamma",
    "status=frozen": "Gamma",
    "status.not=active": "Gamma",
    "status.in=active&status.in=disabled": "Alpha Beta Gamma",
    "default_commission_rate.is=2.50": "Alpha",
    "default_commission_rate.min=3": "Beta",
    "default_commission_rate.max=3": "Alpha",
    "default_commission_rate.between=2..11": "Alpha Beta",
    "default_commission_rate.not=10": "Alpha Gamma",
    "default_commission_rate.empty=": "Gamma",
    # Days
    "created_at.on=2024-01-15": "Alpha",
    "created_at.before=2024-02-01": "Alpha",
    "created_at.after=2024-01-15": "Beta Gamma",
    "created_at.from=2024-02-01": "Beta Gamma",
    "created_at.until=2024-02-01": "Alpha Beta",
    "created_at.between=2024-01-15..2024-02-01": "Alpha Beta",
    "created_at.within=today": "Gamma",
    # Names of before
    "customer_group=retail": "Alpha",
    "customer_type=Company&territory=south": "Gamma",
    "created_from=2024-01-16&created_to=2024-02-01": "Beta",
    # All of them must hold, and what is empty asks nothing
    "territory=North&disabled=false&industry.filled=&customer_type=Company": "Alpha",
    "territory=&status=": "Alpha Beta Gamma",
}


@pytest.mark.parametrize("query", MATCHES)
def test_finds_what_is_meant_on_the_page_and_in_a_job(query: str, three: None) -> None:
    expected = set(MATCHES[query].split())
    assert names(member("Viewer").get(f"{LIST}?{query}")) == expected
    assert jobs_rows(query) == expected


def test_there_is_a_filter_for_every_attribute_with_its_words_in_both_languages() -> None:
    page = member("Viewer").get(LIST)
    offered = {one.name: one for one in page.context["cl"].choosable}
    assert set(CUSTOMER_NAMES) | {"status"} <= set(offered)
    assert offered["territory"].words == "Gebiet"
    with translation.override("de"):
        labels = [one.label for one in page.context["cl"].choosable]
    assert "Gebiet" in labels
    assert labels == sorted(labels, key=str.casefold)


@pytest.mark.parametrize("number", [30])
def test_there_may_be_any_number_of_filters(number: int, three: None) -> None:
    query = urlencode([("industry.contains", "s")] * number + [(f"{n}.empty", "") for n in ("image", "gender")])
    page = member("Viewer").get(f"{LIST}?{query}")
    assert names(page) == {"Alpha", "Beta"}
    assert len(chips(page)) == number + 2


UNREADABLE = {
    "created_from=abc": "“abc”.*2024-01-15|2024-01-15.*“abc”",
    "created_at.on=31.12.2024": "2024-01-15",
    "created_at.between=2024-01-01": r"2024-01-15\.\.2024-01-31",
    "created_at.within=someday": "last_7_days",
    "default_commission_rate.min=much": "12.5",
    "disabled=perhaps": "true or false",
    "status=nonsense": "active, disabled, frozen, internal",
    "territory.in=": "no value",
    "territory.contains=": "no value",
    f"territory={'x' * 301}": "300 characters",
    "territory=%00": "300 characters",
    "territory.sounds_like=x": "no comparison “sounds_like”",
    "territroy=North": "no filter “territroy”",
    "customer_name__regex=x": "no filter",
}


@pytest.mark.parametrize("query", UNREADABLE)
def test_what_cannot_be_read_is_said_shows_nobody_and_leaves_the_other_filters(query: str, three: None) -> None:
    page = member("Viewer").get(f"{LIST}?{query}&customer_type=Company")
    assert page.status_code == 200
    assert names(page) == set()
    assert jobs_rows(f"{query}&customer_type=Company") == set()
    (text, without), *_more = page.context["cl"].problems
    assert re.search(UNREADABLE[query], text), text
    assert text.replace("“", "").split()[0] in page.content.decode()
    assert "customer_type=Company" in without
    assert "Type is Company" in " ".join(chips(page)) or "Customer type is Company" in chips(page)
    assert names(member("Viewer", "bert").get(f"{LIST}{without}")) == {"Alpha", "Gamma"}


def test_an_action_on_all_that_match_changes_nobody_if_a_filter_cannot_be_read(three: None) -> None:
    client = member("Editor")
    across = {"action": "disable", "_selected_action": [], "select_across": "1", "post": "yes"}
    client.post(f"{LIST}?created_from=abc", across)
    assert Customer.objects.filter(disabled=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_job_takes_those_of_the_new_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_INLINE", 1)
    client = member("Editor")
    for name in ("North 1", "North 2", "South"):
        make(name, industry=name)
    across = {"action": "disable", "_selected_action": Customer.objects.first().pk, "select_across": "1", "post": "yes"}
    client.post(f"{LIST}?industry.begins=NORTH&industry.filled=", across)
    call_command("run_worker", until_idle=True)
    assert Job.objects.get(kind=bulk.KIND).result["customers"] == 2
    assert set(Customer.objects.filter(disabled=True).values_list("customer_name", flat=True)) == {"North 1", "North 2"}


def test_the_list_exports_those_of_the_new_filters(three: None) -> None:
    across = {"action": "export_selected", "_selected_action": Customer.objects.first().pk, "select_across": "1"}
    answer = member("Manager").post(f"{LIST}?industry.in=STRASSE&industry.in=glass", across)
    text = b"".join(answer).decode()
    assert ("Alpha" in text, "Beta" in text, "Gamma" in text) == (True, True, False)


# The panel

ADDED = {
    "add.field=territory&add.op=contains&add.value=north": "territory.contains=north",
    "add.field=territory&add.op=&add.value=north": "territory.contains=north",
    "add.field=disabled&add.value=Ja": "disabled.is=true",
    "add.field=default_commission_rate&add.op=min&add.value=2,5": "default_commission_rate.min=2.5",
    "add.field=created_at&add.op=on&add.value=31.12.2024": "created_at.on=2024-12-31",
    "add.field=created_at&add.op=between&add.value=2024-01-01&add.until=2024-02-01": "created_at.between=2024-01-01..2024-02-01",
    "add.field=territory&add.op=in&add.value=A, \"B, C\"": "territory.in=A&territory.in=B, C",
    "add.field=territory&add.op=in&add.each=A, B&add.each=C&add.value=": "territory.in=A, B&territory.in=C",
    "add.field=customer_type&add.op=is&add.value=company": "customer_type.is=Company",
    "add.field=industry&add.op=empty&add.value=x": "industry.empty=",
    "add.field=territory&add.op=contains&add.value=": "territory.contains=",
    "industry.empty=&add.field=territory&add.op=is&add.value=x&add.instead=industry.empty=": "territory.is=x",
    "industry.is=a&industry.is=b&add.field=industry&add.op=is&add.value=c&add.instead=industry.is=b": "industry.is=a&industry.is=c",
    "add.op=contains&add.value=&q=&o=customer_name": "o=customer_name",
    "add.op=&add.value=&q=": "all=",
}  # fmt: skip


@pytest.mark.parametrize("sent", ADDED)
def test_the_panel_makes_an_address_and_keeps_what_was_there(sent: str) -> None:
    current = "" if "q=" in sent else "q=ltd&status=active&website.filled=&"
    pairs = [tuple(part.split("=", 1)) for part in f"{current}{sent}".split("&")]
    answer = member("Viewer").get(f"{LIST}?{urlencode(pairs)}")
    assert answer.status_code == 302
    address = answer["Location"].partition("?")[2]
    expected = [tuple(part.split("=", 1)) for part in f"{current}{ADDED[sent]}".split("&")]
    assert sorted((n, v) for n, vs in QueryDict(address).lists() for v in vs) == sorted(expected)


@pytest.mark.parametrize("address", [LIST, EVENTS])
def test_a_period_is_a_value_of_the_form_and_drops_no_other_filter(address: str) -> None:
    make("Acme")
    name, value = ("status", "active") if address == LIST else ("door", "staff")
    sent = f"{name}={value}&add.field=created_at&add.op=within&add.value=last_7_days"
    page = member("Viewer").get(f"{address}?{sent}", follow=True)
    assert page.redirect_chain[0][0].endswith(f"?{name}={value}&created_at.within=last_7_days")
    chip_values = [chip.value for chip in page.context["cl"].chips]
    assert chip_values == ["active" if address == LIST else "back office", "the last 7 days"]
    assert len(page.context["cl"].result_list) == 1
    # The form passes on every filter that is in use.
    assert {(name, value), ("created_at.within", "last_7_days")} <= set(page.context["cl"].other_params)


def test_chips_say_field_comparison_and_value_and_are_removed_one_by_one(three: None) -> None:
    query = "industry.contains=s&industry.contains=a&created_at.between=2024-01-01..2024-03-01&disabled=false&territory.in=A&territory.in=B"
    page = member("Viewer").get(f"{LIST}?{query}")
    assert chips(page) == [
        "Industry contains s",
        "Industry contains a",
        "Created is between 1 Jan 2024 and 1 Mar 2024",
        "Disabled is no",
        "Territory is one of A, B",
    ]
    removes = [chip.remove for chip in page.context["cl"].chips]
    assert "industry.contains=a" in removes[0]
    assert "industry.contains=s" not in removes[0]
    assert "territory" not in removes[4]
    client = member("Viewer", "bert")
    client.cookies["django_language"] = "de"
    assert "Gebiet ist eins von A, B" in client.get(f"{LIST}?{query}").content.decode()


DAYS = {
    "today": ("2024-03-31", "2024-03-31"),
    "this_week": ("2024-03-25", "2024-03-31"),
    "last_7_days": ("2024-03-25", "2024-03-31"),
    "last_30_days": ("2024-03-02", "2024-03-31"),
    "this_month": ("2024-03-01", "2024-03-31"),
    "last_month": ("2024-02-01", "2024-02-29"),
    "this_year": ("2024-01-01", "2024-03-31"),
}


@pytest.mark.parametrize("name", DAYS)
def test_periods_begin_and_end_where_people_expect_it(name: str) -> None:
    first, last = PERIODS[name].days(date(2024, 3, 31))
    assert (first.isoformat(), last.isoformat()) == DAYS[name]
    assert set(DAYS) == set(PERIODS)


# A limit of time


@contextmanager
def nothing_at_all(seconds: float) -> Iterator[None]:
    raise time_limits.TookTooLong
    yield


def test_a_search_that_takes_too_long_is_stopped_and_said(monkeypatch: pytest.MonkeyPatch, three: None) -> None:
    monkeypatch.setattr(changelist, "at_most", nothing_at_all)
    page = member("Viewer").get(f"{LIST}?industry.contains=x")
    assert page.status_code == 200
    assert names(page) == set()
    assert "The search was stopped" in page.content.decode()
    assert names(member("Viewer", "bert").get(LIST)) == {"Alpha", "Beta", "Gamma"}


SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_database_is_stopped_and_works_on_afterwards() -> None:
    with pytest.raises(time_limits.TookTooLong), time_limits.at_most(0.2):
        list(Customer.objects.raw(f"SELECT '1' AS id, ({SLOW}) AS version"))
    with time_limits.at_most(5):
        assert not Customer.objects.exists()
    Customer.objects.count()


# Events


@pytest.mark.slow
def test_presets_and_filters_of_events_keep_each_other() -> None:
    customer = make("Acme")
    services.update_customer(customer, {"territory": "North"}, origin=ORIGIN)
    client = member("Viewer")

    def count(query: str) -> int:
        page = client.get(f"{EVENTS}?{query}", follow=True)
        return len(page.context["cl"].result_list)

    assert count("field=territory&add.field=created_at&add.op=within&add.value=today") == 1
    assert count("field=territory&created_at.within=last_month") == 0
    assert count("field.in=territory&field.in=industry&actor.in=anna&actor.in=bert") == 1
    assert count("type.not=customer.created") == 1
    assert count("field=nonsense") == 0
    assert client.get(f"{EVENTS}?field=nonsense").context["cl"].problems


def test_an_event_leads_to_its_customer(client: Client) -> None:
    customer = make("Acme")
    event = Event.objects.get()
    viewer = member("Viewer")
    form = f'href="{LIST}{quote(customer)}/change/"'
    assert form in viewer.get(EVENTS).content.decode()
    assert form in viewer.get(f"{EVENTS}{event.pk}/change/").content.decode()
    services.delete_customer(customer, origin=ORIGIN)
    assert form not in viewer.get(f"{EVENTS}{event.pk}/change/").content.decode()


def test_the_history_of_a_customer_says_what_it_cannot_read() -> None:
    customer = make("Acme")
    page = member("Viewer").get(f"{LIST}{customer}/history/?created_from=abc")
    assert not page.context["entries"]
    assert "it expects a date" in page.content.decode()


# The way back


@pytest.mark.slow
def test_breadcrumbs_saving_and_deleting_keep_the_filter(three: None) -> None:
    client = member("Manager")
    query = "industry.contains=s&o=customer_name"
    listed = client.get(f"{LIST}?{query}")
    pk = quote(Customer.objects.get(customer_name="Alpha").pk)
    preserved = urlencode({"_changelist_filters": "industry.contains=s&o=customer_name"})
    # The page's script puts it behind each row's address.
    assert f'data-kept="{preserved}"'.replace("&", "&amp;") in listed.content.decode()
    back = "?industry.contains=s&amp;o=customer_name"
    for page in (f"{LIST}{pk}/change/", f"{LIST}{pk}/history/", f"{LIST}{pk}/delete/", f"{LIST}add/"):
        assert f'href="{LIST}{back}"' in client.get(f"{page}?{preserved}").content.decode(), page
    history = f"{LIST}{pk}/history/?{preserved}".replace("&", "&amp;")
    assert history in client.get(f"{LIST}{pk}/change/?{preserved}").content.decode()
    answer = client.post(f"{LIST}{pk}/delete/?{preserved}", {"post": "yes"})
    assert answer["Location"] == f"{LIST}?{query}"


@pytest.mark.parametrize(
    ("query", "index"), [("email_id.is=A@x.example", "customer_email_key"), ("tax_id.is=de123", "customer_tax_key")]
)
def test_natural_keys_are_found_by_their_index(query: str, index: str, three: None) -> None:
    if is_postgresql():
        with connection.cursor() as cursor:  # three rows are read faster without
            cursor.execute("SET LOCAL enable_seqscan = off")
    filters = listing.FILTERS.read(dict(QueryDict(query).lists()))
    assert index in filters.filter_queryset(Customer.objects.order_by()).explain()
