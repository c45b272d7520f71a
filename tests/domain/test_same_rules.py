"""One table of values, three doors: what one of them refuses, all refuse, at the same attribute and with the same code.

What is kept is kept alike too: trimmed, with one kind of empty, and otherwise untouched.
"""

import csv
import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.urls import reverse

from crm import rules
from crm.models import Customer
from overplane.database.attributes import attributes
from overplane.events.models import Event
from tests.backoffice.people import signed_in
from tests.conftest import CUSTOMER, Api, codes

Sheet = Mapping[str, str]
Codes = dict[str, str]
# A door takes one customer's values as people write them. It says what it refuses, or which customer it wrote.
Door = Callable[[Sheet], tuple[Codes, str]]

STRINGS = {name: Customer._meta.get_field(name) for name, one in attributes(Customer).items() if one.kind == "string"}
NUMBERS = [name for name, one in attributes(Customer).items() if one.kind == "number"]
JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
JSON_TEXT = {"\\": "\\\\", '"': '\\"'} | {chr(code): f"\\u{code:04x}" for code in range(0x20)}


def json_of(sheet: Sheet) -> bytes:
    """The sheet as a program sends it: numbers as they are written, if they are JSON numbers."""
    return ("{" + ",".join(f'"{name}":{_json_value(name, text)}' for name, text in sheet.items()) + "}").encode()


def _json_value(name: str, text: str) -> str:
    if name in NUMBERS and JSON_NUMBER.fullmatch(text):
        return text
    return '"' + "".join(JSON_TEXT.get(one, one) for one in text) + '"'


@pytest.fixture
def by_api_create(api: Api) -> Door:
    def door(sheet: Sheet) -> tuple[Codes, str]:
        answer = api.post(CUSTOMER, json_of({"customer_name": "Acme"} | sheet))
        return (codes(answer), "") if answer.status_code == 400 else ({}, answer.json()["id"])

    return door


@pytest.fixture
def by_api_update(api: Api) -> Door:
    def door(sheet: Sheet) -> tuple[Codes, str]:
        customer_id = api.create()["id"]
        answer = api.patch(f"{CUSTOMER}/{customer_id}", json_of(sheet))
        return (codes(answer), "") if answer.status_code == 400 else ({}, answer.json()["id"])

    return door


new_form: dict[str, Any] = {}  # of a customer as `create` makes it: alike for each, and rendering it takes long


@pytest.fixture
def by_admin(api: Api) -> Door:
    staff = signed_in(get_user_model().objects.create_superuser("anna", password="x"))

    def door(sheet: Sheet) -> tuple[Codes, str]:
        customer_id = api.create()["id"]
        url = reverse("admin:crm_customer_change", args=[customer_id])
        if not new_form:
            new_form.update(as_rendered(staff.get(url)))
        answer = staff.post(url, new_form | sheet)
        if answer.status_code == 302:
            return {}, customer_id
        errors = answer.context["adminform"].form.errors.as_data()
        assert all(len(field_errors) == 1 for field_errors in errors.values()), errors
        return {name: field_errors[0].code for name, field_errors in errors.items()}, ""

    return door


def as_rendered(page: Any) -> dict[str, Any]:
    """What a browser sends when somebody opens the form and saves it as it is."""
    form = page.context["adminform"].form
    sent = {field.html_name: field.value() for field in form}
    sent |= {field.html_initial_name: field.value() for field in form if field.field.show_hidden_initial}
    for inline in page.context["inline_admin_formsets"]:
        sent |= {field.html_name: field.value() for field in inline.formset.management_form}
    return {name: value for name, value in sent.items() if value is not None and value is not False}


@pytest.fixture
def by_import(db: None, tmp_path: Path) -> Door:
    def door(sheet: Sheet) -> tuple[Codes, str]:
        # With a second column a row is never a blank line.
        row = {"customer_name": "Acme", "industry": "Trade"} | sheet
        file = tmp_path / "customers.csv"
        with file.open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines).writerows([row.keys(), row.values()])
        before = set(Customer.objects.values_list("pk", flat=True))
        refused = refused_by_import(file)
        new = set(Customer.objects.values_list("pk", flat=True)) - before
        assert len(new) == (0 if refused else 1)
        return refused, "".join(new)

    return door


def refused_by_import(file: Path) -> Codes:
    """What the command finds wrong, by column."""
    output = StringIO()
    try:
        call_command("import_customers", str(file), json=True, stdout=output)
    except CommandError as error:
        if error.returncode != 1:  # it is not about rows
            raise
    return {problem["column"]: problem["code"] for problem in json.loads(output.getvalue())["problems"]}


DOORS = ("by_api_create", "by_api_update", "by_admin", "by_import")
TOO_LONG, NOT_ALLOWED = "parameter_too_long", "characters_not_allowed"
INVALID, EMPTY, RANGE, TYPE = (
    "parameter_invalid", "parameter_invalid_empty", "parameter_invalid_range", "parameter_invalid_type",
)  # fmt: skip

INVISIBLE = (
    "\u200b",
    "\ufeff",
    "\u2060",
    "\u00ad",
    "\u180e",
    "\u115f",
    "\u1160",
    "\u3164",
    "\uffa0",
    "\u2800",
    "\U000e0041",
)
FORBIDDEN = (
    "\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x1f", "\x7f", "\x80", "\x85", "\x9f", "\ufdd0", "\ufdef", "\ufffe", "\uffff",
    "\U0001fffe", "\U0010ffff",
)  # fmt: skip
BAD = [
    *[("customer_name", value, EMPTY) for value in ("", "   ", "\t\n", "\u00a0\u2003")],
    *[("customer_name", value, EMPTY) for value in (*INVISIBLE, " \u200b \u200d ", "".join(INVISIBLE))],
    *[("territory", f"a{sign}b", NOT_ALLOWED) for sign in FORBIDDEN],
    *[("territory", f"{sign} a", NOT_ALLOWED) for sign in ("\x0b", "\x1f", "\x85")],
    ("customer_details", "ä" * 300 + "\x1b[31m", NOT_ALLOWED),
    ("customer_details", "a" * 300 + "\x1b[31m", NOT_ALLOWED),
    *[("customer_type", value, INVALID) for value in ("Club", "Company.", "0")],
    *[("email_id", value, INVALID) for value in ("nobody", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\u00a0c", "a@\tb")],
    ("email_id", "a@" + "b" * 254, TOO_LONG),
    *[("default_currency", value, INVALID) for value in ("US", "USDX", "U D", "ÄÖÜ", "U1D", "ＵＳＤ")],
    *[
        ("default_commission_rate", value, RANGE)
        for value in ("-1", "100.000000001", "101", "-1e-9", "1e400", "1e99999999999999999999")
    ],
    *[
        ("default_commission_rate", value, INVALID)
        for value in ("0.1234567891", "1e-10", "99.9999999999", "1e-99999999999999999999")
    ],
    *[
        ("default_commission_rate", value, TYPE)
        for value in ("much", "0x10", "1_0", "٥", "NaN", "-NaN", "sNaN", "Infinity", "-inf", "1e", "--1")
    ],
]

# What people write in files, and what it is taken for there. (crm.transfer.written has the whole of it.)
ONLY_IN_FILES = [
    ("customer_type", "company", INVALID, "Company"),
    ("default_currency", "usd", INVALID, "USD"),
    ("default_commission_rate", "1,5", TYPE, 1.5),
]

GOOD = [
    ("customer_name", " \u00a0Müller & Söhne\t\n", "Müller & Söhne"),
    ("customer_name", "a  b\tc", "a  b\tc"),
    ("customer_name", "=1+1", "=1+1"),
    ("customer_name", "'; DROP TABLE crm_customer; --", "'; DROP TABLE crm_customer; --"),
    ("customer_name", "😀\u200d🎈 \u202eright", "😀\u200d🎈 \u202eright"),
    ("customer_name", "e\u0301", "e\u0301"),
    ("customer_name", "\u200ba\u2060", "\u200ba\u2060"),
    ("customer_details", "a\tb\nc\ufffd\ue000\u0378", "a\tb\nc\ufffd\ue000\u0378"),
    ("customer_name", '<script>"x"</script>', '<script>"x"</script>'),
    ("customer_details", "one\n\ntwo\n", "one\n\ntwo"),
    ("tax_id", "007", "007"),
    ("tax_id", "1e5", "1e5"),
    ("mobile_no", " +49 30 1 ", "+49 30 1"),
    ("customer_type", " Partnership ", "Partnership"),
    ("customer_type", "", "Company"),
    ("customer_type", "  ", "Company"),
    ("email_id", " ä@b ", "ä@b"),
    ("email_id", "  ", None),
    ("default_currency", " USD ", "USD"),
    ("default_commission_rate", "0", 0),
    ("default_commission_rate", "-0", 0),
    ("default_commission_rate", "-0.0", 0),
    ("default_commission_rate", "100", 100),
    ("default_commission_rate", "1E1", 10),
    ("default_commission_rate", "12.5000000000000", 12.5),
    ("default_commission_rate", "0.000000001", 0.000000001),
    ("default_commission_rate", "99.999999999", 99.999999999),
]


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, db: None) -> Door:
    return request.getfixturevalue(request.param)


@pytest.mark.slow
@pytest.mark.half("postgresql")  # what is refused comes to none
@pytest.mark.parametrize(("name", "value", "code"), BAD)
def test_refuses_the_same_with_the_same_code(door: Door, name: str, value: str, code: str) -> None:
    assert door({name: value}) == ({name: code}, "")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value", "code", "stored"), ONLY_IN_FILES)
def test_takes_what_people_write_from_files_only(
    door: Door, by_import: Door, api: Api, name: str, value: str, code: str, stored: Any
) -> None:
    if door is by_import:
        assert api.get(f"{CUSTOMER}/{door({name: value})[1]}").json()[name] == stored
    else:
        assert door({name: value}) == ({name: code}, "")


def test_a_rate_may_have_its_sign_where_people_write(door: Door, by_admin: Door, by_import: Door, api: Api) -> None:
    if door in (by_admin, by_import):
        customer_id = door({"default_commission_rate": "5 %"})[1]
        assert api.get(f"{CUSTOMER}/{customer_id}").json()["default_commission_rate"] == 5
    else:
        assert door({"default_commission_rate": "5 %"}) == ({"default_commission_rate": TYPE}, "")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value", "stored"), GOOD)
def test_keeps_the_same(door: Door, api: Api, name: str, value: str, stored: Any) -> None:
    refused, customer_id = door({name: value})
    assert refused == {}
    output = api.get(f"{CUSTOMER}/{customer_id}")
    assert output.json()[name] == stored
    assert b":-0" not in output.content


@pytest.mark.slow
def test_every_text_has_its_length_and_its_characters(door: Door, api: Api) -> None:
    """All attributes at once, so one that is added tomorrow is in the table already."""
    too_long = {name: "x" * (field.max_length + 1) for name, field in STRINGS.items()}
    assert door(too_long) == (dict.fromkeys(STRINGS, TOO_LONG), "")
    assert door(dict.fromkeys(STRINGS, "a\0b")) == (dict.fromkeys(STRINGS, NOT_ALLOWED), "")
    free = {name: field for name, field in STRINGS.items() if name not in rules.CUSTOMER}
    longest = {name: "ä" * field.max_length for name, field in free.items()}
    refused, customer_id = door({name: f"  {text} \n" for name, text in longest.items()})
    assert refused == {}
    output = api.get(f"{CUSTOMER}/{customer_id}").json()
    assert {name: output[name] for name in free} == longest


def test_there_is_one_kind_of_empty(door: Door, api: Api) -> None:
    optional = [name for name in STRINGS if name not in rules.REQUIRED]
    refused, customer_id = door(dict.fromkeys(optional, " \t "))
    assert refused == {}
    output = api.get(f"{CUSTOMER}/{customer_id}").json()
    assert {name: output[name] for name in optional} == {name: attributes(Customer)[name].default for name in optional}


@pytest.mark.slow
def test_tells_everything_at_once(door: Door) -> None:
    sheet = {
        "customer_name": " ", "customer_type": "Club", "email_id": "no", "default_currency": "US",
        "default_commission_rate": "-1", "website": "x" * 2049,
    }  # fmt: skip
    wanted = {
        "customer_name": EMPTY, "customer_type": INVALID, "email_id": INVALID, "default_currency": INVALID,
        "default_commission_rate": RANGE, "website": TOO_LONG,
    }  # fmt: skip
    assert door(sheet) == (wanted, "")
    assert not Event.objects.filter(type="customer.updated").exists()


@pytest.mark.slow
@pytest.mark.parametrize("word", ["maybe", "2", "truth", "oui"])
def test_yes_and_no_are_nothing_else(by_api_create: Door, by_import: Door, word: str) -> None:
    """In the admin it is a box to tick, which holds no word that could be wrong."""
    for door in (by_api_create, by_import):
        assert door({"disabled": word}) == ({"disabled": TYPE}, "")


def test_rates_are_exact_behind_each_door(door: Door) -> None:
    _, customer_id = door({"default_commission_rate": "33.333333333"})
    assert Customer.objects.get(pk=customer_id).default_commission_rate == Decimal("33.333333333")
