"""Line items in the back office: the customer form, the history, merging, deleting many, and what all pages call them."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils.text import capfirst

from crm import line_item_services, rules, services
from crm.backoffice.admin import line_items as inlines
from crm.backoffice.admin.line_item_forms import form_of
from crm.backoffice.pages.merge import compare_url
from crm.line_items import LINE_ITEMS, LineItem
from crm.models import Customer
from overplane.events.models import Event
from overplane.origin import Origin
from overplane.problems import Code, invalid
from tests.backoffice.people import member
from tests.contract.values import texts_of
from tests.filled_forms import filled

ORIGIN = Origin("user:bert")
LIST = "/admin/crm/customer/"
WRONG = {
    "string": "x" * 70_000, "number": "much", "integer": "9" * 30, "date": "soon", "timestamp": "soon",
}  # fmt: skip


def parsed(kind: LineItem, n: int) -> dict[str, Any]:
    texts = texts_of(kind, n)
    return {name: known.from_text(texts[name]) for name, known in kind.attributes.items()}


def telling(kind: LineItem) -> str:
    """An attribute of which there are as many values as one likes."""
    return next(name for name in kind.names if len({texts_of(kind, n)[name] for n in range(1, 6)}) == 5)


class BackOffice:
    """A person before the form of customers, with line items of one kind in mind."""

    def __init__(self, kind: LineItem, client: Client) -> None:
        self.kind, self.client = kind, client

    def customer(self, *numbers: int, name: str = "Acme") -> str:
        """With line items of these values."""
        customer_id = services.create_customer({"customer_name": name}, origin=ORIGIN).output["id"]
        for n in numbers:
            line_item_services.add_line_item(self.kind, customer_id, parsed(self.kind, n), origin=ORIGIN)
        return customer_id

    def fields(self, i: int, values: dict[str, Any]) -> dict[str, Any]:
        return {f"{self.kind.name}-{i}-{name}": value for name, value in values.items()}

    def added(self, form: dict[str, Any], *rows: dict[str, Any]) -> dict[str, Any]:
        """The form with further rows, as the page would send them."""
        total = f"{self.kind.name}-TOTAL_FORMS"
        first = int(form[total])
        form = form | {total: str(first + len(rows))}
        for i, row in enumerate(rows, first):
            form |= self.fields(i, {"idx": str(i + 1)} | row)
        return form

    def address(self, customer_id: str, query: str = "") -> str:
        return reverse("admin:crm_customer_change", args=[customer_id]) + query

    def open(self, customer_id: str, query: str = "") -> dict[str, Any]:
        return filled(self.client.get(self.address(customer_id, query)))

    def send(self, customer_id: str, form: dict[str, Any], query: str = "") -> HttpResponse:
        return self.client.post(self.address(customer_id, query), form)

    def save(self, customer_id: str, form: dict[str, Any], query: str = "") -> HttpResponse:
        answer = self.send(customer_id, form, query)
        assert answer.status_code == 302, answer.context["errors"]
        return answer

    def ids(self, customer_id: str) -> list[str]:
        return [row.pk for row in self.rows(customer_id)]

    def rows(self, customer_id: str) -> list[Any]:
        rows = list(self.kind.model.objects.filter(customer_id=customer_id).order_by("idx"))
        assert [row.idx for row in rows] == list(range(1, len(rows) + 1))
        return rows

    def holds(self, customer_id: str, *numbers: int) -> bool:
        """Whether the customer has line items of these values, in this order."""
        stored = [{name: getattr(row, name) for name in self.kind.names} for row in self.rows(customer_id)]
        assert stored == [parsed(self.kind, n) for n in numbers]
        return True

    def formset(self, page: HttpResponse) -> Any:
        formsets = (one.formset for one in page.context["inline_admin_formsets"])
        return next(formset for formset in formsets if formset.prefix == self.kind.name)

    def errors(self, page: HttpResponse) -> list[dict[str, list[str]]]:
        return self.formset(page).errors

    def types(self) -> list[str]:
        return list(Event.objects.filter(actor="user:anna").order_by("seq").values_list("type", flat=True))


@pytest.fixture
def staff(db: None) -> Client:
    return member("Manager")


@pytest.fixture
def office(staff: Client, kind: LineItem) -> BackOffice:
    return BackOffice(kind, staff)


@pytest.mark.slow
def test_is_added_edited_and_deleted(office: BackOffice) -> None:
    customer_id = office.customer()
    office.save(customer_id, office.added(office.open(customer_id), texts_of(office.kind, 1), texts_of(office.kind, 2)))
    assert office.holds(customer_id, 1, 2)
    first = office.ids(customer_id)[0]
    office.save(customer_id, office.open(customer_id))
    assert office.types() == [office.kind.created] * 2
    edited = office.open(customer_id) | office.fields(0, texts_of(office.kind, 4))
    office.save(customer_id, edited | office.fields(1, {"DELETE": "on"}))
    assert office.holds(customer_id, 4)
    assert office.ids(customer_id) == [first]
    assert office.types()[2:] == [office.kind.deleted, office.kind.updated]


def test_comes_with_a_new_customer(office: BackOffice) -> None:
    form = filled(office.client.get(reverse("admin:crm_customer_add"))) | {"customer_name": "New"}
    sent = office.added(form, texts_of(office.kind, 1), texts_of(office.kind, 2) | {"idx": "1"})
    assert office.client.post(reverse("admin:crm_customer_add"), sent).status_code == 302
    assert office.holds(Customer.objects.get().pk, 2, 1)


@pytest.mark.slow
def test_rows_of_every_kind_are_saved_at_once(staff: Client) -> None:
    offices = [BackOffice(kind, staff) for kind in LINE_ITEMS]
    customer_id = offices[0].customer()
    form = offices[0].open(customer_id)
    for n, office in enumerate(offices, 1):
        form = office.added(form, *(texts_of(office.kind, i) for i in range(n + 1)))
    offices[0].save(customer_id, form)
    assert all(office.holds(customer_id, *range(n + 1)) for n, office in enumerate(offices, 1))


@pytest.mark.slow
def test_a_row_in_which_nobody_typed_is_not_stored(office: BackOffice) -> None:
    customer_id = office.customer(1)
    untouched = filled_pattern(office, customer_id)
    office.save(customer_id, office.added(office.open(customer_id), untouched, untouched))
    assert office.holds(customer_id, 1)
    assert office.types() == []


def filled_pattern(office: BackOffice, customer_id: str) -> dict[str, Any]:
    """What the page puts into a new row."""
    pattern = office.formset(office.client.get(office.address(customer_id))).empty_form
    initial = {name: pattern[name].value() for name in office.kind.names}
    return {name: "on" if value is True else value for name, value in initial.items() if value not in (None, False)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("positions", "order"),
    [
        ({2: "1"}, [3, 1, 2]),
        ({0: "3"}, [2, 3, 1]),
        ({0: "2", 1: "1"}, [2, 1, 3]),
        ({1: "99"}, [1, 3, 2]),
        ({0: ""}, [1, 2, 3]),
    ],
)
def test_moves_to_the_position_that_is_typed(office: BackOffice, positions: dict[int, str], order: list[int]) -> None:
    customer_id = office.customer(1, 2, 3)
    form = office.open(customer_id)
    for i, position in positions.items():
        form |= office.fields(i, {"idx": position})
    office.save(customer_id, form)
    assert office.holds(customer_id, *order)
    assert set(office.types()) <= {office.kind.reordered}


@pytest.mark.slow
def test_wrong_values_come_back_with_the_form(office: BackOffice) -> None:
    customer_id = office.customer(1)
    wrong = [(name, WRONG[known.kind]) for name, known in office.kind.attributes.items() if known.kind in WRONG]
    wrong += [(name, " ") for name, known in office.kind.attributes.items() if known.required]
    form = office.open(customer_id)
    for name, text in wrong:
        answer = office.send(customer_id, form | office.fields(0, {name: text}))
        assert answer.status_code == 200, name
        assert set(office.errors(answer)[0]) == {name}
    assert office.holds(customer_id, 1)


@pytest.mark.slow
def test_comes_by_the_page_and_others_stay_on_theirs(office: BackOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inlines, "PAGE_SIZE", 3)
    kind, customer_id = office.kind, office.customer(1, 2, 3, 4, 5)
    query = f"?other=7&{kind.name}=2"
    page = office.client.get(office.address(customer_id, query)).content.decode()
    assert f'href="?other=7&amp;{kind.name}=1#{kind.name}-heading"' in page
    assert f'href="?other=7&amp;{kind.name}=2#{kind.name}-heading" aria-current="page"' in page
    opened = office.open(customer_id, query)
    assert [opened[f"{one.name}-TOTAL_FORMS"] for one in LINE_ITEMS] == [
        "2" if one is kind else "0" for one in LINE_ITEMS
    ]
    second = opened | office.fields(0, {"idx": "5"}) | office.fields(1, {"idx": "4"})
    answer = office.save(customer_id, second | {"_continue": "1"}, query)
    assert answer["Location"].endswith(query)
    assert office.holds(customer_id, 1, 2, 3, 5, 4)
    for nonsense in ("0", "-1", "x", "99999", "1e3", "²"):
        assert office.client.get(office.address(customer_id, f"?{kind.name}={nonsense}")).status_code == 200


@pytest.mark.slow
def test_a_conflict_says_in_which_list_and_is_settled(office: BackOffice) -> None:
    kind, customer_id = office.kind, office.customer(1, 2)
    name = telling(kind)
    form = office.open(customer_id) | office.fields(1, {name: texts_of(kind, 3)[name]})
    second = office.ids(customer_id)[1]
    line_item_services.update_line_item(kind, second, {name: parsed(kind, 4)[name]}, origin=ORIGIN)
    page = office.send(customer_id, form)
    assert page.status_code == 200
    assert f"row 2 ({kind.label_plural})" in page.content.decode()
    (choice,) = page.context["choices"]
    assert (choice.conflict.name, choice.who) == (name, "bert (back office)")
    again = dict(page.context["sent"]) | {choice.conflict.initial_html_name: choice.conflict.theirs_text}
    office.save(customer_id, again | {choice.conflict.html_name: choice.conflict.mine_text})
    assert getattr(office.rows(customer_id)[1], name) == parsed(kind, 3)[name]


@pytest.mark.slow
def test_changes_of_two_people_both_survive(office: BackOffice) -> None:
    customer_id = office.customer(1, 2)
    form = office.open(customer_id) | office.fields(0, texts_of(office.kind, 3))
    second = office.ids(customer_id)[1]
    line_item_services.update_line_item(office.kind, second, parsed(office.kind, 5), origin=ORIGIN)
    line_item_services.add_line_item(office.kind, customer_id, parsed(office.kind, 6), origin=ORIGIN)
    office.save(customer_id, form)
    assert office.holds(customer_id, 3, 5, 6)


@pytest.mark.slow
def test_one_that_somebody_deleted_is_missed(office: BackOffice) -> None:
    kind, customer_id = office.kind, office.customer(1, 2)
    form = office.open(customer_id)
    line_item_services.delete_line_item(kind, office.ids(customer_id)[1], origin=ORIGIN)
    changed = form | office.fields(1, {telling(kind): texts_of(kind, 5)[telling(kind)]})
    assert "removed by somebody else" in office.send(customer_id, changed).content.decode()
    office.save(customer_id, form)
    assert office.holds(customer_id, 1)


def test_the_history_tells_it_and_gives_old_values_back(office: BackOffice) -> None:
    kind, customer_id = office.kind, office.customer(1, 2)
    first, second = office.ids(customer_id)
    line_item_services.update_line_item(kind, first, parsed(kind, 4), origin=ORIGIN)
    line_item_services.reorder_line_items(kind, customer_id, [second, first], origin=ORIGIN)
    line_item_services.delete_line_item(kind, second, origin=ORIGIN)
    history = reverse("admin:crm_customer_history", args=[customer_id])
    page = office.client.get(history)
    titles = [f"{kind} added", f"{kind} changed", f"{kind} removed", f"{kind.label_plural} put in another order"]
    assert {capfirst(title) for title in titles} <= {entry.title for entry in page.context["entries"]}
    labels = {str(kind.model._meta.get_field(name).verbose_name) for name in kind.names}
    assert all(capfirst(label) in page.content.decode() for label in labels)
    (event,) = Event.objects.filter(type=kind.updated)
    for name in event.changed.split():
        answer = office.client.post(f"{LIST}{customer_id}/restore/", {"event": event.pk, "field": name}, follow=True)
        assert "The old value is back" in answer.content.decode()
    assert office.holds(customer_id, 1)
    assert office.client.get(f"{history}?field={telling(kind)}").context["entries"]
    gone = Event.objects.filter(type=kind.deleted).get()
    refused = office.client.post(f"{LIST}{customer_id}/restore/", {"event": gone.pk, "field": telling(kind)})
    assert refused.status_code == 404


def test_a_merge_shows_and_keeps_all(office: BackOffice) -> None:
    kind, survivor, other = office.kind, office.customer(1, 2), office.customer(3, 4, name="Twin")
    page = office.client.get(compare_url([survivor, other])).content.decode()
    assert capfirst(str(kind.label_plural)) in page
    assert texts_of(kind, 4)[telling(kind)] in page
    versions = dict(Customer.objects.values_list("id", "version"))
    sent = {"id": [survivor, other], "kept": survivor} | {f"version-{i}": n for i, n in versions.items()}
    assert office.client.post(reverse("merge"), sent)["Location"] == office.address(survivor)
    assert office.holds(survivor, 1, 2, 3, 4)
    moved = Event.objects.filter(type=kind.updated).first()
    history = office.client.get(reverse("admin:crm_customer_history", args=[survivor])).content.decode()
    assert "Restore the old value of position" in history
    assert "Restore the old value of customer" not in history
    # Whose line item it is no form can change, so nobody can put that back either.
    assert (
        office.client.post(f"{LIST}{survivor}/restore/", {"event": moved.pk, "field": "customer_id"}).status_code == 404
    )


def test_deleting_many_says_how_many(office: BackOffice) -> None:
    chosen = [office.customer(1, 2), office.customer(3), office.customer()]
    page = office.client.post(LIST, {"action": "delete_selected", "_selected_action": chosen}).content.decode()
    assert f", 3 {office.kind.label_plural}" in page
    alone = office.client.post(LIST, {"action": "delete_selected", "_selected_action": chosen[1]}).content.decode()
    assert f", 1 {office.kind.label}" in alone
    sent = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert office.client.post(LIST, sent).status_code == 302
    assert not office.kind.model.objects.exists()


@pytest.mark.slow
def test_every_page_calls_it_by_its_name(office: BackOffice) -> None:
    kind, customer_id = office.kind, office.customer(1)
    plural = capfirst(str(kind.label_plural))
    form = office.client.get(office.address(customer_id)).content.decode()
    assert f'<a href="#{kind.name}-heading">{plural} <small>1</small></a>' in form
    assert f"Add another {capfirst(kind.label)}" in form
    assert f"{kind} added" in office.client.get("/admin/").content.decode()
    changes = reverse("admin:overplane_events_event_changelist")
    response = office.client.get(f"{changes}?type={kind.created}")
    assert len(response.context["cl"].result_list) == 1
    assert capfirst(f"{kind} added") in response.content.decode()
    assert str(kind.label_plural) in office.client.get(reverse("export")).content.decode().lower()
    placeholder = office.client.get(LIST).context["search_placeholder"]
    assert all(str(kind.model._meta.get_field(name).verbose_name) in placeholder for name in kind.searched)


def test_a_file_s_columns_may_be_its_attributes(office: BackOffice) -> None:
    headings = ["customer_name", *(f"{office.kind.name}.{name}" for name in office.kind.names)]
    file = SimpleUploadedFile("some.csv", (",".join(headings) + "\n").encode())
    page = office.client.post(reverse("import"), {"file": file}, follow=True)
    assert [column["chosen"] for column in page.context["columns"]] == headings
    assert all(capfirst(f"{office.kind}: ") in page.context["labels"][heading] for heading in headings[1:])


@pytest.mark.slow
def test_a_rule_is_told_beside_its_field(office: BackOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, name, customer_id = office.kind, telling(office.kind), office.customer(1, 2)
    monkeypatch.setitem(
        rules.LINE_ITEM_RULES, kind.name, {name: lambda value: invalid(Code.PARAMETER_INVALID, "Not this.")}
    )
    answer = office.send(customer_id, office.open(customer_id) | office.fields(1, {name: texts_of(kind, 3)[name]}))
    assert answer.status_code == 200
    assert office.errors(answer) == [{}, {name: ["Not this."]}]
    assert office.holds(customer_id, 1, 2)


def test_a_closed_choice_is_chosen(kind: LineItem, monkeypatch: pytest.MonkeyPatch) -> None:
    name = telling(kind)
    monkeypatch.setitem(rules.LINE_ITEM_CHOICES, kind.name, {name: ("big", "small")})
    field = form_of(kind)().fields[name]
    assert [value for value, _label in field.widget.choices] == ["", "big", "small"]
