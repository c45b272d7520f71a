"""What the description allows as the value of a filter is what the API takes, days and moments above all."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator

from overplane.api.moment_schemas import DAY
from tests.conftest import CUSTOMER, Api
from tests.described import DESCRIBED, SCHEMAS, parts, resolved

GOOD = [
    "2024-01-15",
    "2024-01-31",
    "2024-04-30",
    "2024-02-29",
    "2000-02-29",
    "2020-12-29",
    "1990-10-10",
    "0001-01-01",
    "9999-12-31",
    "2024-01-15T09:30:00Z",
    "2030-05-31T23:59:59Z",
    "2024-01-15T09:30:00+00:00",
    "2024-01-15T09:30:00-05:30",
    "2024-01-15T09:30:00.5Z",
    "2024-01-15T09:30:00.123456789+14:00",
]
BAD = [
    "", "today", "2024", "2024-01", "15.01.2024", "0000-01-01", "2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01",
    "2024-01-00", "2024-01-32", "2024-01-15T24:00:00Z", "2024-01-15T09:60:00Z", "2024-01-15T", "10000-01-01",
]  # fmt: skip
OPERATORS = ["", "[ne]", "[in]", "[gt]", "[gte]", "[lt]", "[lte]"]
MOMENTS = [f"{name}{operator}" for name in ("created_at", "updated_at") for operator in OPERATORS]


def schemas_of(name: str) -> Iterator[dict[str, Any]]:
    """What the filter takes in an address, of the list and of the export, and in the body of a search."""
    for path in (CUSTOMER, f"{CUSTOMER}/export"):
        parameters = map(resolved, DESCRIBED["paths"][path]["get"]["parameters"])
        yield next(one["schema"] for one in parameters if one["name"] == name)
    yield SCHEMAS["CustomerSearch"]["properties"][name]


def is_valid(schema: dict[str, Any], value: Any) -> bool:
    validator = Draft202012Validator(
        schema | {"components": DESCRIBED["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return validator.is_valid(value)


@pytest.mark.slow
@pytest.mark.parametrize("name", MOMENTS)
def test_a_filter_by_time_takes_a_day_as_well_as_a_moment(api: Api, name: str) -> None:
    in_list, in_export, in_search = schemas_of(name)
    for expected, values in ((True, GOOD), (False, BAD)):
        for value in values:
            sent = [value] if name.endswith("[in]") else value
            assert is_valid(in_list, value) is is_valid(in_export, value) is expected, value
            assert is_valid(in_search, sent) is expected, value
            status = 200 if expected else 400
            assert api.get(f"{CUSTOMER}?{urlencode({name: value})}").status_code == status, value
            assert api.post(f"{CUSTOMER}/search", {name: sent}).status_code == status, value
    if name.endswith("[in]"):
        assert is_valid(in_list, ",".join(GOOD))
        assert is_valid(in_search, GOOD)
        assert not is_valid(in_list, "2024-01-15,2023-02-29")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", True),
        ("a,b c", True),
        ('"a, b",c', True),
        ('" a ""b"" "', True),
        ('""""', True),
        ('"2024-01-15"', True),
        ("", False),
        ('""', False),
        ('"  "', False),
        ('a," "', False),
        ("a,,b", False),
        ('"a', False),
        ('"a"b', False),
        ("a\x01", False),
    ],
)
def test_a_list_of_texts_is_written_as_in_csv(api: Api, value: str, expected: bool) -> None:
    in_list, in_export, _ = schemas_of("industry[in]")
    assert is_valid(in_list, value) is is_valid(in_export, value) is expected
    answer = api.get(f"{CUSTOMER}?{urlencode({'industry[in]': value})}")
    assert answer.status_code == (200 if expected else 400)


def test_the_pattern_knows_the_calendar() -> None:
    day = re.compile(DAY)
    for year in (1, 10, 400, 1900, 1999, 2000, 2023, 2024, 2100, 9999):
        first = date(year, 1, 1)
        days = [(first + timedelta(number)).isoformat() for number in range(365)]
        assert [one for one in days if not day.fullmatch(one)] == []
        wrong = [f"{year:04}-{month:02}-{number:02}" for month in range(14) for number in range(34)]
        assert {one for one in wrong if day.fullmatch(one)} >= set(days)
        assert [one for one in wrong if day.fullmatch(one) and not is_day(one)] == []
    leap = [year for year in range(10_000) if day.fullmatch(f"{year:04}-02-29")]
    assert leap == [year for year in range(1, 10_000) if is_day(f"{year:04}-02-29")]


def is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def test_every_sample_is_what_it_is_a_sample_of() -> None:
    samples = [part for part in parts(DESCRIBED, set()) if isinstance(part.get("examples"), list)]
    assert len(samples) > 50
    wrong = [
        (example, part.get("description"))
        for part in samples
        for example in part["examples"]
        if not is_valid(part, example)
    ]
    assert wrong == []
    assert SCHEMAS["CustomerSearch"]["examples"][0]["created_at[gte]"] == "2024-01-15"
