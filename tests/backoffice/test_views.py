"""Saved views of a list, which stand as its tabs: kept, changed, shared, arranged; what is somebody else's is never changed."""

import pytest
from django.http import QueryDict
from django.test import Client

from overplane.backoffice.models import SavedView
from tests.backoffice.people import member
from tests.domain.customers import make

LIST = "/admin/crm/customer/"
VIEW = {"name": "North", "query": "territory=North", "column": ["customer_name", "industry"]}
pytestmark = pytest.mark.django_db


def keep(client: Client, **more: object) -> SavedView:
    values = VIEW | more
    client.post(f"{LIST}views/", values)
    return SavedView.objects.get(name=values["name"], user_id=client.session["_auth_user_id"])


def do(client: Client, view: SavedView, what: str, **more: object) -> int:
    return client.post(f"{LIST}views/{view.pk}/", {"do": what} | more).status_code


def tabs(client: Client, query: str = "all=") -> list[str]:
    return [tab.view.name for tab in client.get(f"{LIST}?{query}", follow=True).context["cl"].tabs]


def list_output(client: Client, address: str = f"{LIST}?all=") -> str:
    return client.get(address).content.decode()


def test_a_view_keeps_filters_and_columns_under_a_name() -> None:
    anna = member("Viewer")
    view = keep(anna)
    assert (view.query, view.columns, view.is_shared) == ("territory=North", ["customer_name", "industry"], False)
    page = anna.get(f"{LIST}?view={view.pk}", follow=True)
    assert page.redirect_chain == [(f"{LIST}?territory=North&view={view.pk}", 302)]
    assert "industry" in page.context["cl"].list_display
    assert tabs(member("Viewer", "bert")) == []


def test_the_number_of_a_view_alone_shows_what_it_has_saved_and_takes_actions_on_that(client: Client) -> None:
    make("Alpha", territory="North")
    make("Beta", territory="South")
    anna = member("Editor")
    view = keep(anna)
    page = anna.get(f"{LIST}?view={view.pk}", follow=True)
    assert [row.customer_name for row in page.context["cl"].result_list] == ["Alpha"]
    across = {"action": "disable", "_selected_action": [], "select_across": "1"}
    confirmation = anna.post(
        f"{LIST}?view={view.pk}", across | {"_selected_action": page.context["cl"].result_list[0].pk}
    )
    assert confirmation.context["count"] == 1


def test_a_view_that_is_gone_is_said_and_shows_nobody() -> None:
    make("Alpha")
    anna = member("Viewer")
    page = anna.get(f"{LIST}?view=12345")
    assert list(page.context["cl"].result_list) == []
    assert "This view is not there any more" in page.content.decode()


def test_a_name_that_is_taken_replaces_nothing() -> None:
    bert = member("Manager", "bert")
    view = keep(bert, is_shared="on")
    bert.post(f"{LIST}views/", VIEW | {"query": "territory=South"})
    view.refresh_from_db()
    assert (view.query, view.is_shared) == ("territory=North", True)
    assert "You have a view “North” already" in list_output(bert)
    assert SavedView.objects.exclude(name="").count() == 1


def test_saving_changes_keeps_a_view_shared_and_its_name() -> None:
    bert = member("Manager", "bert")
    view = keep(bert, is_shared="on")
    assert do(bert, view, "update", query="territory=South&industry.filled=", column=["customer_name"]) == 302
    view.refresh_from_db()
    assert (view.name, view.is_shared) == ("North", True)
    assert QueryDict(view.query) == QueryDict("territory=South&industry.filled=")
    assert view.columns == ["customer_name"]


@pytest.mark.parametrize(
    ("query", "is_changed"),
    [
        ("territory=North", False),
        ("territory=North&q=&after=2999-01-01T00:00:00%2B00:00~x", False),
        ("territory=North&status=active", True),
        ("territory=North&industry.empty=", True),
        ("all=", True),
        ("territory=North&o=-customer_name", True),
    ],
)
def test_saving_changes_is_offered_only_when_there_are_any(query: str, is_changed: bool) -> None:
    anna = member("Viewer")
    view = keep(anna)
    page = anna.get(f"{LIST}?{query}&view={view.pk}")
    (tab,) = page.context["cl"].tabs
    assert (tab.is_current, tab.is_changed) == (True, is_changed)
    assert ("Save changes" in page.content.decode()) == is_changed


def test_taking_away_the_last_filter_of_a_view_stays_in_it_and_shows_all() -> None:
    make("Alpha")
    anna = member("Viewer")
    view = keep(anna)
    page = anna.get(f"{LIST}?view={view.pk}", follow=True)
    (chip,) = page.context["cl"].chips
    assert chip.remove == f"?all=&view={view.pk}"
    without = anna.get(f"{LIST}{chip.remove}")
    assert without.status_code == 200
    assert len(without.context["cl"].result_list) == 1
    assert without.context["cl"].tabs[0].is_current


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "may"), [("Viewer", False), ("Editor", False), ("Manager", True), ("Administrator", True)]
)
def test_managers_and_administrators_share_with_everybody(role: str, may: bool) -> None:
    anna, carl = member(role), member("Viewer", "carl")
    view = keep(anna)
    assert ("Share with everybody" in list_output(anna, f"{LIST}?territory=North&view={view.pk}")) == may
    assert do(anna, view, "share") == (302 if may else 403)
    assert tabs(carl) == (["North"] if may else [])
    assert anna.post(f"{LIST}views/", VIEW | {"name": "South", "is_shared": "on"}).status_code == (302 if may else 403)
    assert do(anna, view, "unshare") == 302
    assert "North" not in tabs(carl)


@pytest.mark.parametrize("what", ["update", "rename", "share", "unshare", "remove"])
def test_a_shared_view_is_used_by_others_and_never_changed(what: str) -> None:
    bert, carl = member("Manager", "bert"), member("Manager", "carl")
    view = keep(bert, is_shared="on")
    page = carl.get(f"{LIST}?view={view.pk}", follow=True)
    assert "Shared by bert" in page.content.decode()
    assert 'value="update"' not in carl.get(f"{LIST}?all=&view={view.pk}").content.decode()
    assert do(carl, view, what, name="Mine", query="q=x") == 404
    stored = SavedView.objects.get(pk=view.pk)
    assert (stored.name, stored.query, stored.is_shared) == ("North", "territory=North", True)


def test_what_is_not_shared_is_not_there_for_others() -> None:
    view = keep(member("Viewer"))
    carl = member("Administrator", "carl")
    assert {do(carl, view, what) for what in ("open", "left", "hide", "show", "update")} == {404}


@pytest.mark.slow
def test_a_shared_view_is_hidden_by_whoever_does_not_need_it_and_found_again() -> None:
    bert, carl, dora = (
        member(role, name) for role, name in (("Manager", "bert"), ("Viewer", "carl"), ("Viewer", "dora"))
    )
    view = keep(bert, is_shared="on")
    do(carl, view, "open")
    assert do(carl, view, "hide") == 302
    assert (tabs(carl), tabs(dora), tabs(bert)) == ([], ["North"], ["North"])
    page = carl.get(LIST)
    assert page.status_code == 200  # it does not open with it any more
    assert [one.name for one in page.context["hidden_views"]] == ["North"]
    assert tabs(carl, f"view={view.pk}") == ["North"]  # by a link it is there
    do(carl, view, "show")
    assert tabs(carl) == ["North"]


@pytest.mark.slow
def test_each_person_has_an_order_of_tabs() -> None:
    anna, bert = member("Viewer"), member("Manager", "bert")
    a, b, c = (keep(anna, name=name) for name in "ABC")
    shared = keep(bert, name="Z", is_shared="on")
    assert tabs(anna) == ["A", "B", "C", "Z"]
    do(anna, shared, "left")
    do(anna, a, "right")
    assert tabs(anna) == ["B", "A", "Z", "C"]
    do(anna, b, "left")  # it is the first
    assert tabs(anna) == ["B", "A", "Z", "C"]
    late = keep(anna, name="AA")
    assert tabs(anna) == ["B", "A", "Z", "C", "AA"]
    assert (tabs(bert), late.name, c.name) == (["Z"], "AA", "C")


@pytest.mark.slow
def test_the_list_opens_with_a_view_until_it_is_told_not_to() -> None:
    anna = member("Viewer")
    view = keep(anna, is_default="on")
    assert anna.get(LIST)["Location"] == f"{LIST}?territory=North&view={view.pk}"
    assert anna.get(f"{LIST}?all=").status_code == 200
    do(anna, view, "open_without")
    assert anna.get(LIST).status_code == 200
    do(anna, view, "open")
    assert anna.get(LIST).status_code == 302
    do(anna, view, "remove")
    assert anna.get(LIST).status_code == 200
    assert not SavedView.objects.exclude(name="").exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "South"])
def test_a_view_gets_no_name_that_is_none_or_taken(name: str) -> None:
    anna = member("Viewer")
    view = keep(anna)
    keep(anna, name="South")
    assert do(anna, view, "rename", name=name) == 302
    assert SavedView.objects.get(pk=view.pk).name == "North"
    do(anna, view, "rename", name=" East ")
    assert SavedView.objects.get(pk=view.pk).name == "East"


@pytest.mark.parametrize("what", ["", "delete_user", "save"])
def test_an_unknown_act_is_none(what: str) -> None:
    anna = member("Viewer")
    assert do(anna, keep(anna), what) == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sent", "widths"),
    [
        (
            {"widths": '{"territory": 120, "nothing": 5, "customer_type": 5000, "status": "x"}'},
            {"territory": 120, "customer_type": 900},
        ),
        ({"widths": "no json"}, {}),
        ({"widths": "[1]"}, {}),
        ({"widths": '{"territory": true, "status": 1e300}'}, {}),
        ({}, {}),
    ],
)
def test_columns_keep_their_order_and_only_widths_that_make_sense(sent: dict[str, str], widths: dict[str, int]) -> None:
    client = member("Viewer")
    columns = ["status", "nothing", "territory", "status", "customer_name"]
    client.post(f"{LIST}columns/", sent | {"column": columns, "back": LIST})
    page = client.get(LIST)
    assert page.context["cl"].list_display[-3:] == ["customer_name", "status", "territory"]
    assert page.context["layout"] == {"widths": widths, "dense": False}


@pytest.mark.django_db
def test_the_layout_of_a_view_that_is_open_is_changed_and_nobody_elses() -> None:
    client, other = member("Manager"), member("Manager", "bert")
    client.post(
        f"{LIST}views/", {"name": "Mine", "query": "territory=North", "column": ["territory"], "is_shared": "on"}
    )
    view = SavedView.objects.get(name="Mine")
    for one in (other, client):
        one.post(f"{LIST}columns/", {"column": ["status"], "density": "dense", "back": f"{LIST}?view={view.pk}"})
        view.refresh_from_db()
        assert view.columns == (["status"] if one is client else ["territory"])
    assert view.query == "territory=North"
