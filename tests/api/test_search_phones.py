"""`q=`: a phone number is found in each notation, however it is stored; so is a part of it, and an id as it is pasted."""

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm import phones, search
from crm.models import Customer
from overplane.events import feed
from overplane.events.models import Event
from tests.api.searching import matching_names
from tests.conftest import CUSTOMER, Api

GERMAN = ("+49 30 1234567", "0049 30 1234567", "+49 (0)30 1234567", "(+49) 030/1234567", "+49-30-123-45-67", "+49301234567",
          "030 1234567", "(030) 123 4567", "0301234567", "004930/1234567", "+49 30 1234567, +49 170 5554433")  # fmt: skip
AMERICAN = (
    "(647)561-7697",
    "647-561-7697",
    "6475617697",
    "+1 (647) 561-7697",
    "001 647 561 7697",
    "16475617697",
    "+16475617697",
)


@pytest.mark.slow
@pytest.mark.parametrize("stored", GERMAN)
def test_each_notation_finds_each_other_one(api: Api, stored: str) -> None:
    api.create(customer_name="other", mobile_no="+43 30 7654321", tax_id="12345")
    api.create(customer_name="it", mobile_no=stored)
    for words in GERMAN[:-1]:
        assert matching_names(api, words) == ["it"], words
        assert matching_names(api, f"it {words}") == ["it"], words
        assert matching_names(api, f"other {words}") == [], words


@pytest.mark.parametrize("stored", AMERICAN)
def test_numbers_of_a_country_without_a_leading_zero(api: Api, stored: str) -> None:
    api.create(customer_name="other", mobile_no="(647) 561-7698")
    api.create(customer_name="it", mobile_no=stored)
    for words in (*AMERICAN, "06475617697"):
        assert matching_names(api, words) == ["it"], words


@pytest.mark.parametrize(
    "part",
    ["3012", "30 12", "030 12", "+49 30 12", "0049 3012", "(030) 12", "4567", "23 45", "030/123", "+49 (0)30 12"],
)
def test_a_part_of_four_digits_is_enough(api: Api, part: str) -> None:
    api.create(customer_name="other", mobile_no="+43 1 99988877")
    api.create(customer_name="it", mobile_no="+49 30 1234567")
    assert matching_names(api, part) == ["it"]


def test_a_country_is_not_overlooked(api: Api) -> None:
    api.create(customer_name="Vienna", mobile_no="+43 30 1234567")
    api.create(customer_name="Berlin", mobile_no="+49 30 1234567")
    assert matching_names(api, "+49 30 1234567") == ["Berlin"]
    assert matching_names(api, "+43301234567") == ["Vienna"]
    assert matching_names(api, "030 1234567") == ["Berlin", "Vienna"]


def test_words_of_digits_are_still_words(api: Api) -> None:
    api.create(customer_name="Haus 12", tax_id="777", mobile_no="5551234")
    assert matching_names(api, "12 777") == matching_names(api, "777 5551 12") == ["Haus 12"]
    assert matching_names(api, "1277 7") == []


def newest_event() -> str:
    row = Event.objects.order_by("-seq").values_list(*feed.NAMES)[0]
    return str(feed.output(row)["id"])


def test_ids_are_found_as_they_are_pasted(api: Api) -> None:
    customer = api.create(customer_name="it")
    api.create(customer_name="other")
    row = api.add_row(customer["id"], supplier_number="x")
    event = newest_event()
    for pasted in (customer["id"], row["id"], event):
        for words in (pasted, f"  {pasted}\t", f'"{pasted}"', f"{pasted},", f"<{pasted}>"):
            assert matching_names(api, words) == ["it"], words
    assert matching_names(api, event[:-1]) == []
    assert matching_names(api, "evt_" + "v" * 24) == []


def test_an_event_of_nobody_finds_nobody(api: Api) -> None:
    customer = api.create()
    event = newest_event()
    api.delete(f"{CUSTOMER}/{customer['id']}")
    assert Event.objects.exists()
    assert matching_names(api, event) == []


@pytest.mark.parametrize("words", ["+1 (647) 561-7697", "nord 030 1234567", "evt_" + "0" * 24])
def test_each_way_starts_from_an_index(api: Api, words: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # a small table would be read whole
            cursor.execute("SET LOCAL enable_indexscan = off")
    plan = search.filter_by_words(Customer.objects.order_by(), words).explain()
    assert ("customer_search" if connection.vendor == "postgresql" else "crm_search") in plan
    assert "Seq Scan on crm_customer" not in plan
    assert "SCAN crm_customer\n" not in plan + "\n"


def test_forms_that_are_kept() -> None:
    assert phones.stored_forms("tel. (+49) (0)30/123456, 0043 1 5551234") == [
        " 4930123456",
        "~030123456",
        " 4315551234",
        "~015551234",
    ]
    assert phones.stored_forms("030 1234567") == phones.stored_forms("+12") == []
    assert search.with_phone(" X\n  X", "+49 30 1234567") == " X\n  X 49301234567~0301234567"
    assert search.with_phone(" X", None) == " X"


class TestAdding:
    """The migration that adds the notations to customers that are there already."""

    @pytest.fixture
    def add(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        migration = importlib.import_module("crm.migrations.0009_search_phones")
        monkeypatch.setattr(migration, "AT_ONCE", 3)
        return lambda: migration.add_phones(apps, connection.schema_editor())

    @staticmethod
    def forget() -> dict[str, str]:
        """The texts as they were before; what they are now is the answer."""
        texts = dict(Customer.objects.values_list("pk", "search_text"))
        for customer in Customer.objects.all():
            old = customer.search_text.replace(f" 4930123450{customer.customer_name}", "").replace(
                f"~030123450{customer.customer_name}", ""
            )
            Customer.objects.filter(pk=customer.pk).update(search_text=old)
        return texts

    @pytest.mark.slow
    def test_every_customer_is_found_as_a_new_one_is(self, live_api: Api, add: Any) -> None:
        for i in range(8):
            live_api.create(customer_name=f"{i}", mobile_no=f"+49301234 50{i}" if i != 4 else None)
        texts = self.forget()
        assert matching_names(live_api, "030 1234503") == []
        add()
        assert matching_names(live_api, "030 123450") == [*"7653210"]
        assert dict(Customer.objects.values_list("pk", "search_text")) == texts

    def test_what_is_right_already_is_not_written(self, live_api: Api, add: Any) -> None:
        live_api.create(mobile_no="+49 30 1234567")
        with CaptureQueriesContext(connection) as captured:
            add()
        assert not any("UPDATE" in one["sql"] for one in captured.captured_queries)

    def test_what_somebody_writes_meanwhile_stays(
        self, live_api: Api, add: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = live_api.create(customer_name="0", mobile_no="+49301234 500")
        self.forget()
        migration = importlib.import_module("crm.migrations.0009_search_phones")

        def between(text: str, phone: str) -> str:
            live_api.patch(f"{CUSTOMER}/{customer['id']}", {"mobile_no": "+49 89 777777"})
            return search.with_phone(text, phone)

        monkeypatch.setattr(migration, "with_phone", between)
        add()
        assert matching_names(live_api, "030 1234500") == []
        assert matching_names(live_api, "089 777777") == ["0"]
