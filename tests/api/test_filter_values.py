"""What the values of filters mean: closed choices, whole days, lists with commas."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.models import CUSTOMERS, Customer
from crm.services import new_customer
from overplane.queries.filter_values import split_list
from tests.conftest import CUSTOMER, Api, codes

MICROSECOND = timedelta(microseconds=1)
DAY = datetime(2024, 1, 15, tzinfo=UTC)
# Around a day and a second, and at both ends of time.
MOMENTS = {
    "first": datetime(1, 1, 1, tzinfo=UTC),
    "before": DAY - MICROSECOND,
    "start": DAY,
    "second": DAY + timedelta(hours=9),
    "in second": DAY + timedelta(hours=9, microseconds=999_999),
    "next second": DAY + timedelta(hours=9, seconds=1),
    "end": DAY + timedelta(days=1) - MICROSECOND,
    "after": DAY + timedelta(days=1),
    "last": datetime.max.replace(tzinfo=UTC),
}
IN_DAY = {"start", "second", "in second", "next second", "end"}
NAMES = list(MOMENTS)


@pytest.fixture
def moments(api: Api) -> Api:
    for name, moment in MOMENTS.items():
        columns = new_customer({"customer_name": name}, now=moment)
        CUSTOMERS.insert([columns | {"id": f"customer_{name.replace(' ', '')}", "search_text": ""}])
    return api


def names_matching(api: Api, query: str) -> set[str]:
    answer = api.get(f"{CUSTOMER}?fields=customer_name&{query}")
    assert answer.status_code == 200, answer.content
    names = {one["customer_name"] for one in answer.json()["data"]}
    assert answer.json()["total"] == len(names)
    return names


def test_a_date_is_that_whole_day(moments: Api) -> None:
    until_end, from_start = {"first", "before"} | IN_DAY, {"after", "last"} | IN_DAY
    for operator, there in {
        "": IN_DAY,
        "[ne]": set(NAMES) - IN_DAY,
        "[in]": IN_DAY,
        "[gt]": {"after", "last"},
        "[gte]": from_start,
        "[lt]": {"first", "before"},
        "[lte]": until_end,
    }.items():
        for name in ("created_at", "updated_at"):
            assert names_matching(moments, f"{name}{operator}=2024-01-15") == there, operator


@pytest.mark.slow
def test_a_moment_is_the_second_it_falls_in(moments: Api) -> None:
    second = {"second", "in second"}
    for written in (
        "2024-01-15T09:00:00Z",
        "2024-01-15T09:00:00",
        "2024-01-15 09:00:00",
        "2024-01-15T09:00:00.000Z",
        "2024-01-15T11:00:00%2B02:00",
        "2024-01-15T11:00:00+02:00",  # a plus in an address is a blank
        "2024-01-15 11:00:00 02:00",
        "2024-01-15T11:00:00 %2B02:00",
        "2024-01-15T04:00:00-05:00",
    ):
        assert names_matching(moments, f"created_at={written}") == second, written
        assert names_matching(moments, f"created_at[ne]={written}") == set(NAMES) - second
        assert names_matching(moments, f"created_at[gt]={written}") == {"next second", "end", "after", "last"}
        assert names_matching(moments, f"created_at[lte]={written}") == {"first", "before", "start"} | second
    assert names_matching(moments, "created_at=2024-01-15T09:00:00.999999Z") == {"in second"}
    assert names_matching(
        moments, "created_at[gt]=2024-01-15T09:00:00.999999Z&created_at[lte]=2024-01-15T09:00:01"
    ) == {"next second"}


def test_days_and_moments_stand_in_one_list(moments: Api) -> None:
    assert names_matching(moments, "created_at[in]=2024-01-16,2024-01-15T09:00:01Z,0001-01-01,1999-01-01") == {
        "after",
        "next second",
        "first",
    }


def test_the_ends_of_time(moments: Api) -> None:
    everybody = set(NAMES)
    for query, there in {
        "=0001-01-01": {"first"},
        "[lt]=0001-01-01": set(),
        "[gte]=0001-01-01": everybody,
        "[gt]=0001-01-01T00:00:00Z": everybody - {"first"},
        "=9999-12-31": {"last"},
        "[in]=9999-12-31,0001-01-01": {"first", "last"},
        "[ne]=9999-12-31": everybody - {"last"},
        "[gt]=9999-12-31": set(),
        "[gt]=9999-12-30": {"last"},
        "[lte]=9999-12-31": everybody,
        "=9999-12-31T23:59:59Z": {"last"},
        "[gt]=9999-12-31T23:59:59Z": set(),
        "[lte]=9999-12-31T23:59:59.999999Z": everybody,
        "[lt]=9999-12-31T23:59:59.999999Z": everybody - {"last"},
    }.items():
        assert names_matching(moments, f"created_at{query}") == there, query


@pytest.mark.parametrize(
    "written",
    ["0000-01-01", "10000-01-01", "2024-02-30", "2024-1", "15.01.2024", "today", "1705312800",
     "0001-01-01T00:00:00%2B01:00", "9999-12-31T23:00:00-02:00", "2024-01-15T25:00:00Z", "2024-01-15,2024-01-16"],
)  # fmt: skip
@pytest.mark.parametrize("operator", ["", "[gt]", "[ne]"])
def test_what_is_no_moment(api: Api, written: str, operator: str) -> None:
    assert codes(api.get(f"{CUSTOMER}?created_at{operator}={written}")) == {
        f"created_at{operator}": "parameter_invalid"
    }


@pytest.mark.parametrize("name", ["created_at", "default_commission_rate", "disabled", "tax_id", "customer_type"])
@pytest.mark.parametrize("operator", ["", "[ne]"])
@pytest.mark.parametrize("written", ["", "%20"])
def test_a_blank_is_no_value_of_any_kind(api: Api, name: str, operator: str, written: str) -> None:
    answer = api.get(f"{CUSTOMER}?{name}{operator}={written}")
    assert codes(answer) == {f"{name}{operator}": "parameter_invalid_empty"}
    assert "[is_null]" in answer.json()["error"]["message"]


@pytest.mark.parametrize("query", ["=company", "=", "[ne]=company", "[in]=Company,Foo", "[in]=Foo", "[in]="])
def test_a_closed_choice_takes_no_other_value(api: Api, query: str) -> None:
    answer = api.get(f"{CUSTOMER}?customer_type{query}")
    code = "parameter_invalid_empty" if query in ("=", "[in]=") else "parameter_invalid"
    assert codes(answer) == {f"customer_type{query.partition('=')[0]}": code}
    if code == "parameter_invalid":
        assert "Company, Individual, Partnership" in answer.json()["error"]["message"]


def test_a_closed_choice_is_filtered_by(api: Api) -> None:
    for kind in ("Company", "Individual", "Partnership"):
        api.create(customer_name=kind, customer_type=kind)
    assert names_matching(api, "customer_type=Company") == {"Company"}
    assert names_matching(api, "customer_type[ne]=Company") == {"Individual", "Partnership"}
    assert names_matching(api, "customer_type[in]=Company,Partnership") == {"Company", "Partnership"}
    # A part of a choice is free text.
    assert names_matching(api, "customer_type[contains]=ip") == {"Partnership"}
    assert names_matching(api, "customer_type[prefix]=comp") == {"Company"}
    assert names_matching(api, "customer_type[contains]=foo") == set()


@pytest.mark.parametrize("operator", ["", "[ne]", "[in]"])
@pytest.mark.parametrize("blank", ["", "%20", "%09%20", "%C2%A0"])
def test_blank_is_no_value(api: Api, operator: str, blank: str) -> None:
    """Nor the absence of one: who has no territory is found by [is_null]."""
    api.create(territory=None)
    answer = api.get(f"{CUSTOMER}?territory{operator}={blank}")
    assert codes(answer) == {f"territory{operator}": "parameter_invalid_empty"}
    assert "[is_null]" in answer.json()["error"]["message"]


def test_a_value_is_trimmed_as_what_is_kept_is(api: Api) -> None:
    api.create(territory=" North ", customer_type="Individual")
    for query in ("territory=%20North%20", "territory[in]=South,%20North", "customer_type=Individual%20"):
        assert names_matching(api, query) == {"Acme"}


LISTS: list[tuple[str, list[str]]] = [
    ("a", ["a"]),
    ("a,b", ["a", "b"]),
    ("a, b ,c", ["a", "b", "c"]),
    ('"Acme, Inc.",Foo', ["Acme, Inc.", "Foo"]),
    ('Foo , "Acme, Inc." ', ["Foo", "Acme, Inc."]),
    ('"say ""hi""",x', ['say "hi"', "x"]),
    ('""""', ['"']),
    ('","', [","]),
    ('5" pipe,"5"" pipe, long"', ['5" pipe', '5" pipe, long']),
    ('" a "', [" a "]),
    ('"a\nb"', ["a\nb"]),
    ("a,,b", ["a", "", "b"]),
    ("", [""]),
]


@pytest.mark.parametrize(("text", "values"), LISTS)
def test_a_list_is_written_as_in_csv(text: str, values: list[str]) -> None:
    assert split_list(text) == values


@pytest.mark.slow
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_whatever_is_quoted_comes_back(values: list[str]) -> None:
    assert split_list(",".join('"' + value.replace('"', '""') + '"' for value in values)) == values


def test_names_with_commas_are_found(api: Api) -> None:
    for name in ("Acme, Inc.", "Foo", 'The "Bar", Ltd', "Acme"):
        api.create(customer_name=name)
    assert names_matching(api, "customer_name[in]=" + quote('"Acme, Inc.",Foo')) == {"Acme, Inc.", "Foo"}
    assert names_matching(api, "customer_name[in]=" + quote('"The ""Bar"", Ltd", Acme')) == {'The "Bar", Ltd', "Acme"}


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ('"Acme, Inc.', "parameter_invalid", "double quote of value 1 is never closed"),
        ('Foo,"Acme', "parameter_invalid", "double quote of value 2 is never closed"),
        ('"a""b', "parameter_invalid", "double quote of value 1 is never closed"),
        ('"Acme" Inc.,Foo', "parameter_invalid", "A comma must follow the closing double quote of value 1"),
        ('Foo,"a"b"', "parameter_invalid", "A comma must follow the closing double quote of value 2"),
        ("Foo,", "parameter_invalid_empty", "Value 2 of the list: Must not be empty"),
        (",", "parameter_invalid_empty", "Value 1"),
        ("a,,b", "parameter_invalid_empty", "Value 2"),
        ('a,""', "parameter_invalid_empty", "Value 2"),
        ("a, ,b", "parameter_invalid_empty", "Value 2"),
        ("", "parameter_invalid_empty", "Value 1"),
    ],
)
def test_what_is_wrong_with_a_list_is_told(api: Api, text: str, code: str, message: str) -> None:
    answer = api.get(f"{CUSTOMER}?customer_name[in]={quote(text)}")
    assert codes(answer) == {"customer_name[in]": code}
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("default_commission_rate[in]=1,x", "parameter_invalid_type"),
        ("disabled[in]=true,yes", "parameter_invalid_type"),
        ("created_at[in]=2024-01-15,x", "parameter_invalid"),
    ],
)
def test_lists_of_other_kinds(api: Api, query: str, code: str) -> None:
    answer = api.get(f"{CUSTOMER}?{query}")
    assert codes(answer) == {query.partition("=")[0]: code}
    assert answer.json()["error"]["message"].startswith("Value 2 of the list: ")


RATE = "default_commission_rate"


@pytest.mark.parametrize("operator", ["", "[ne]", "[gt]", "[gte]", "[lt]", "[lte]", "[in]"])
@pytest.mark.parametrize("number", ["12345678901234567890", "-99999999999", "0.00000000000000000001", "1e20", "1e-20"])
def test_numbers_beyond_any_rate_are_compared_with(api: Api, operator: str, number: str) -> None:
    api.create(default_commission_rate=5)
    wanted: dict[str, Any] = {
        "": False, "[in]": False, "[ne]": True, "[gt]": float(number) < 5, "[gte]": float(number) < 5,
        "[lt]": float(number) > 5, "[lte]": float(number) > 5,
    }  # fmt: skip
    assert bool(names_matching(api, f"{RATE}{operator}={number}")) is wanted[operator]


def test_rates_are_compared_exactly(api: Api) -> None:
    api.create(default_commission_rate=5)
    assert names_matching(api, f"{RATE}=5.0000000001") == set()
    assert names_matching(api, f"{RATE}[lt]=5.0000000001") == {"Acme"}
    assert names_matching(api, f"{RATE}[gt]=4.9999999999") == {"Acme"}
    assert Customer.objects.count() == 1
