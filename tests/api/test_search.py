"""`q=`: numbers however they are written, whole ids, words of which nothing is left; and the texts of customers that were there before."""

import importlib
import re
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm import search
from crm.models import Customer
from overplane.database.text import search_text
from tests.api.searching import matching_names
from tests.conftest import CUSTOMER, ROW, Api

NUMBER = "6475617697"


@pytest.mark.parametrize(
    "written",
    ["(647) 561-7697", "647.561.7697", "647 561 7697", "647/5617697", "+1 (647) 561-7697", "6475617697",
     "tel. 647-561-7697 ext. 5", "647_561_7697", "647\u2011561\u20117697", "647\xa0561\xa07697", "\u202a647 561 7697\u202c"],
)  # fmt: skip
@pytest.mark.parametrize("attribute", ["mobile_no", "tax_id", "customer_pos_id", "customer_name"])
def test_digits_are_found_without_what_stands_between_them(api: Api, attribute: str, written: str) -> None:
    api.create(mobile_no="647 561", tax_id="7697")
    customer = api.create(**{attribute: written})
    for words in (NUMBER, NUMBER[2:8], "647-561-7697", "561-7697", f"{NUMBER} {customer['customer_name'][:3]}"):
        assert matching_names(api, words) == [customer["customer_name"]], words
    assert matching_names(api, f"{NUMBER}1") == []


def test_digits_of_supplier_numbers_and_of_changes(api: Api) -> None:
    customer = api.create(customer_name="one", mobile_no="12-34-56")
    row = api.add_row(customer["id"], supplier_number="77 88-99")
    assert matching_names(api, "778899") == ["one"]
    api.patch(f"{ROW}/{row['id']}", {"supplier_number": "11 22-33"})
    assert matching_names(api, "778899") == []
    assert matching_names(api, "112233") == ["one"]
    api.patch(f"{CUSTOMER}/{customer['id']}", {"mobile_no": "65-43-21"})
    assert matching_names(api, "123456") == []
    assert matching_names(api, "654321") == ["one"]


def test_numbers_of_different_values_are_different_numbers(api: Api) -> None:
    api.create(customer_name="A 123", mobile_no="456", tax_id="78A90")
    assert matching_names(api, "123456") == []
    assert matching_names(api, "7890") == []  # a letter is no gap


def test_signs_stand_for_themselves(api: Api) -> None:
    for name in ("50%20", "50_20", "50\\20", "5020"):
        api.create(customer_name=name)
    for sign in "%_\\":
        assert matching_names(api, f"50{sign}20") == [f"50{sign}20"]
    assert len(matching_names(api, "5020")) == 4


def test_a_whole_id_finds_its_customer(api: Api) -> None:
    first, second = api.create(customer_name="first"), api.create(customer_name="second")
    row = api.add_row(second["id"], supplier_number="x")
    assert matching_names(api, first["id"]) == ["first"]
    assert matching_names(api, f" {second['id']} ") == ["second"]
    assert matching_names(api, row["id"]) == ["second"]
    assert matching_names(api, first["id"][:-1]) == []
    assert matching_names(api, "customer_nobody") == []
    assert matching_names(api, "supplier-number-at-customer_nobody") == []


def test_what_looks_like_an_id_may_be_a_word(api: Api) -> None:
    api.create(customer_name="desk", email_id="customer_service@acme.example")
    assert matching_names(api, "customer_service") == ["desk"]


@pytest.mark.parametrize(
    "words", ["\u0301", "\u0301 \u0308", "\u200b", "\ufeff\u200d", "\u00ad", "\u2060", "a\u0301 \u0308x", "\U000e0041"]
)
def test_words_of_which_nothing_is_left_find_nobody(api: Api, words: str) -> None:
    api.create(customer_name="Acme")
    assert matching_names(api, words) == (["Acme"] if "a" in words and "x" not in words else [])


@pytest.mark.parametrize("words", ["", "   ", "\t", "\u2003"])
def test_blank_words_are_no_condition(api: Api, words: str) -> None:
    api.create(customer_name="Acme")
    assert matching_names(api, words) == ["Acme"]


def test_invisible_characters_do_not_matter(api: Api) -> None:
    api.create(customer_name="Ac\u00adme\u200b GmbH", mobile_no="\u202d+49 30\u202c")
    for words in ("acme", "ac\u200dme", "\ufeffacme", "+49", "4930"):
        assert matching_names(api, words) == ["Ac\u00adme\u200b GmbH"], words


@pytest.mark.parametrize("words", ["customer_abc123", "supplier-number-at-customer_abc123", "6475617697"])
def test_every_search_starts_from_an_index(api: Api, words: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # a small table would be read whole
            cursor.execute("SET LOCAL enable_indexscan = off")
    plan = search.filter_by_words(Customer.objects.order_by(), words).explain()
    assert ("customer_search" if connection.vendor == "postgresql" else "crm_search") in plan
    assert "Seq Scan on crm_customer" not in plan
    assert not re.search("SCAN crm_customer$", plan, re.MULTILINE)


class TestRefreshing:
    """The migration that makes the texts of customers anew that are there already."""

    @pytest.fixture
    def refresh(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        migration = importlib.import_module("crm.migrations.0007_search_numbers")
        monkeypatch.setattr(migration, "AT_ONCE", 3)
        return lambda: migration.refresh(apps, connection.schema_editor())

    def test_every_customer_is_found_as_a_new_one_is(self, live_api: Api, refresh: Any) -> None:
        customer_ids = [live_api.create(customer_name=f"c{i}", mobile_no=f"(647) 561-769{i}")["id"] for i in range(8)]
        live_api.add_row(customer_ids[0], supplier_number="11-22-33")
        live_api.add_row(customer_ids[0], supplier_number="44-55-66")
        texts = dict(Customer.objects.values_list("pk", "search_text"))
        Customer.objects.update(search_text=" OLD\n  OLD")
        assert matching_names(live_api, "6475617693") == []
        refresh()
        assert matching_names(live_api, "6475617693") == ["c3"]
        assert matching_names(live_api, "112233 445566") == ["c0"]
        assert matching_names(live_api, "old") == []
        assert dict(Customer.objects.values_list("pk", "search_text")) == texts

    def test_what_is_right_already_is_not_written(self, live_api: Api, refresh: Any) -> None:
        live_api.create()
        with CaptureQueriesContext(connection) as captured:
            refresh()
        statements = [one["sql"] for one in captured.captured_queries]
        assert any("search_text" in sql for sql in statements)
        assert not any("UPDATE crm_customer" in sql for sql in statements)


def test_a_text_grows_by_its_numbers_only() -> None:
    assert search_text(["Acme 12", None, "12"]) == " ACME 12\n 12\n  ACME 12 12"
    assert search_text(["1-2", "3 4 x 5.6"]) == " 1-2\n 3 4 X 5.6\n  1 2 3 4 X 5 6\n 12 34 56"
