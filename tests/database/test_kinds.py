"""A model with a field of every kind: what its fields take can be stored and read back; what cannot is refused by a code."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.forms import modelform_factory
from django.test.utils import isolate_apps
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from overplane.api.schemas import input_schema, output_schema
from overplane.database import bulk
from overplane.database.attributes import attribute, attributes, parse_json
from overplane.database.encoding import dumps
from overplane.database.fields import DateField, IdField, MomentField, NumberField, RateField, StringField
from overplane.database.rows import SqlTable
from overplane.problems import Code, problems_in
from overplane.queries import filters
from overplane.queries.parameters import Query

NULLABLE = {"null": True, "blank": True}

with isolate_apps("overplane.database"):

    class Everything(models.Model):
        id = IdField()
        generated_at = models.DateTimeField(null=True, editable=False)
        text = StringField()
        word = StringField(null=False, blank=True, default="word", max_length=20)
        truth = models.BooleanField(default=False)
        perhaps = models.BooleanField(**NULLABLE)
        money = NumberField(max_digits=12, decimal_places=2)
        fee = NumberField(max_digits=5, decimal_places=2, null=False, blank=True, default=Decimal("1.50"))
        whole = NumberField(max_digits=15, decimal_places=0)
        fine = NumberField(max_digits=15, decimal_places=15)
        temperature = NumberField(max_digits=4, decimal_places=1, validators=[MinValueValidator(Decimal("-273.1"))])
        rate = RateField()
        stars = models.IntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)], **NULLABLE)
        small = models.SmallIntegerField(**NULLABLE)
        ordinary = models.IntegerField(**NULLABLE)
        big = models.BigIntegerField(**NULLABLE)
        positive_small = models.PositiveSmallIntegerField(**NULLABLE)
        positive = models.PositiveIntegerField(**NULLABLE)
        positive_big = models.PositiveBigIntegerField(**NULLABLE)
        count = models.IntegerField(default=7, blank=True)
        day = DateField()
        moment = MomentField()
        start = DateField(null=False, blank=True, default=date(2020, 2, 29))

        class Meta:
            app_label = "overplane_database"


KNOWN = attributes(Everything)
TABLE = SqlTable(Everything)
BOUNDS = {
    "money": ("-9999999999.99", "9999999999.99", "0.01"),
    "fee": ("-999.99", "999.99", "0.01"),
    "whole": ("-999999999999999", "999999999999999", "1"),
    "fine": ("-0.999999999999999", "0.999999999999999", "1e-15"),
    "temperature": ("-273.1", "999.9", "0.1"),
    "rate": ("0", "100", "1e-9"),
    "stars": ("1", "5", "1"),
    "small": (str(-(2**15)), str(2**15 - 1), "1"),
    "ordinary": (str(-(2**31)), str(2**31 - 1), "1"),
    "big": (str(-(2**63)), str(2**63 - 1), "1"),
    "positive_small": ("0", str(2**15 - 1), "1"),
    "positive": ("0", str(2**31 - 1), "1"),
    "positive_big": ("0", str(2**63 - 1), "1"),
    "count": (str(-(2**31)), str(2**31 - 1), "1"),
}
NUMBERS = list(BOUNDS)


@pytest.fixture(scope="module")
def _table(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        with connection.schema_editor() as editor:
            editor.create_model(Everything)
        yield
        with connection.schema_editor() as editor:
            editor.delete_model(Everything)
        connection.close()


@pytest.fixture(autouse=True)
def _stored(_table: None, db: None) -> None:
    pass


def complete(**values: Any) -> dict[str, Any]:
    """A row, everything else at its default."""
    return {"id": "one", "generated_at": None} | {name: one.default for name, one in KNOWN.items()} | values


def walked(name: str, value: Any) -> None:
    """Stored by every way there is, and read back by every way there is, each time as it was."""
    for write in (
        lambda row: TABLE.insert([row]),
        lambda row: bulk.insert(TABLE, [[row[name], row2[name]] for name in TABLE.written for row2 in [complete(id="two")]]),
        lambda row: TABLE.insert([complete(), complete(id="two")]) or TABLE.update("one", {name: row[name]}),
        lambda row: Everything.objects.create(**row),
    ):  # fmt: skip
        write(complete(**{name: value}))
        by_orm = list(Everything.objects.filter(id="one").values_list(name, flat=True))
        by_table = TABLE.values(TABLE.get("one"))[name]
        (by_list,) = TABLE.python([TABLE.get("one")])
        assert by_orm == [value]
        assert by_table == by_list[TABLE.names.index(name)] == value
        assert type(by_table) is type(value)
        output = json.loads(dumps({"x": by_table}), parse_float=Decimal)["x"]
        assert value == (KNOWN[name].from_json(output) if isinstance(value, date) else output)
        Everything.objects.all().delete()


def refused(parse: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        parse(value)
    (code,) = {one.code for one in problems_in(caught.value)}
    return code


@pytest.mark.parametrize("name", NUMBERS)
def test_the_ends_of_a_number_are_stored_and_what_is_beyond_is_refused(name: str) -> None:
    lowest, highest, step = map(Decimal, BOUNDS[name])
    known = KNOWN[name]
    assert (known.lowest, known.highest) == (lowest, highest)
    for end in (lowest, highest):
        assert known.from_json(end) == known.from_text(format(end, "f")) == end
        walked(name, known.from_json(end))
    for beyond in (lowest - step, highest + step, Decimal("1e400"), Decimal("-1e999999999"), Decimal(2**70)):
        assert refused(known.from_json, beyond) == Code.PARAMETER_INVALID_RANGE
        assert refused(known.from_text, str(beyond)) in (Code.PARAMETER_INVALID_RANGE, Code.PARAMETER_INVALID_TYPE)
    assert refused(known.from_text, "9" * 5000) == Code.PARAMETER_INVALID_RANGE


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("zero", ["0e-999999999", "0e999999999", "-0", "0." + "0" * 50_000], ids=lambda zero: zero[:12])
def test_a_zero_is_a_zero_however_many_of_them_are_written(name: str, zero: str) -> None:
    if name != "stars":
        assert str(KNOWN[name].from_json(Decimal(zero))) == "0"
        walked(name, KNOWN[name].from_json(Decimal(zero)))
    assert str(KNOWN["rate"].from_text("5." + "0" * 50_000)) == "5.000000000"
    assert KNOWN["ordinary"].from_text("-" + "0" * 100 + "7") == -7


@pytest.mark.parametrize("name", NUMBERS)
def test_a_form_holds_the_same_bounds(name: str) -> None:
    lowest, highest, step = map(Decimal, BOUNDS[name])
    form_class = modelform_factory(Everything, fields=[name])
    for end in (lowest, highest):
        form = form_class({name: format(end, "f")})
        assert form.is_valid(), form.errors
        assert getattr(form.instance, name) == end
    for beyond in (lowest - step, highest + step, Decimal(2**70)):
        assert set(form_class({name: format(beyond, "f")}).errors) == {name}


@pytest.mark.parametrize("name", NUMBERS)
def test_the_description_says_the_same_bounds(name: str) -> None:
    lowest, highest, _ = BOUNDS[name]
    sent = input_schema(Everything, rules={}, partial=True, ignored=())["properties"][name]
    output = output_schema(Everything, [name], rules={})["properties"][name]
    for schema in (sent, output):
        described = json.loads(dumps(schema), parse_float=Decimal)
        assert (described["minimum"], described["maximum"]) == (Decimal(lowest), Decimal(highest))


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "number", ["5", "-1", str(2**31), str(-(2**63)), str(2**63), "9" * 30, "9" * 5000], ids=lambda n: n[:40]
)
def test_a_filter_beyond_the_column_finds_nothing_or_is_refused(name: str, number: str) -> None:
    table = filters.filter_table(Everything)
    TABLE.insert([complete(**{name: KNOWN[name].from_text("5") if name != "fine" else Decimal("0.5")})])
    for operator in ("", "[ne]", "[in]", "[gt]", "[gte]", "[lt]", "[lte]"):
        query = Query(urlencode({name + operator: number}))
        rows = filters.apply(table, Everything.objects.all(), query)
        if query.errors:
            assert len(number) > 18
            assert {one.code for errors in query.errors.values() for one in errors} == {"parameter_invalid_range"}
        elif name != "fine":
            value, bound = 5, int(number)
            expected = {
                "": value == bound, "[in]": value == bound, "[ne]": value != bound, "[gt]": value > bound,
                "[gte]": value >= bound, "[lt]": value < bound, "[lte]": value <= bound,
            }[operator]  # fmt: skip
            assert rows.count() == expected
        else:
            assert rows.count() in (0, 1)


DAYS = {
    "2024-02-29": date(2024, 2, 29),
    "0001-01-01": date.min,
    "9999-12-31": date.max,
    " 2024-02-29T00:00:00 ": date(2024, 2, 29),
}
MOMENTS = {
    "2024-02-29T09:30:00Z": datetime(2024, 2, 29, 9, 30, tzinfo=UTC),
    "2024-02-29T09:30:00.999+01:00": datetime(2024, 2, 29, 8, 30, tzinfo=UTC),
    "2024-02-29 09:30": datetime(2024, 2, 29, 9, 30, tzinfo=UTC),
    "2024-02-29": datetime(2024, 2, 29, tzinfo=UTC),
    "0001-01-01T00:00:00Z": datetime(1, 1, 1, tzinfo=UTC),
    "9999-12-31T23:59:59.999999Z": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
}
NO_DAYS = [
    "2023-02-29",
    "2024-1-1",
    "29.02.2024",
    "20240229",
    "0000-01-01",
    "10000-01-01",
    "today",
    "2024-02-29T09:30:00Z",
]
NO_MOMENTS = [
    "2023-02-29T00:00:00Z",
    "now",
    "1705312800",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "25:00",
]


@pytest.mark.parametrize(("name", "texts", "wrong"), [("day", DAYS, NO_DAYS), ("moment", MOMENTS, NO_MOMENTS)])
def test_days_and_moments_are_read_alike_at_every_door(name: str, texts: dict[str, Any], wrong: list[str]) -> None:
    form_class = modelform_factory(Everything, fields=[name])
    for text, value in texts.items():
        assert KNOWN[name].from_json(text) == KNOWN[name].from_text(text) == value
        form = form_class({name: text})
        assert form.is_valid(), form.errors
        assert getattr(form.instance, name) == value
        walked(name, value)
    for text in wrong:
        assert refused(KNOWN[name].from_json, text) == refused(KNOWN[name].from_text, text) == Code.PARAMETER_INVALID
        assert set(form_class({name: text}).errors) == {name}
    for value in (5, True, [], {}):
        assert refused(KNOWN[name].from_json, value) == Code.PARAMETER_INVALID_TYPE
    assert KNOWN[name].from_json(None) is KNOWN[name].from_text(" ") is None
    assert KNOWN["start"].from_json("") == KNOWN["start"].from_text("") == date(2020, 2, 29)


@pytest.mark.parametrize("name", ["day", "moment"])
def test_a_form_that_nobody_touched_changes_no_day(name: str) -> None:
    stored = Everything(**complete(day=date(2024, 2, 29), moment=datetime(2024, 2, 29, 9, 30, tzinfo=UTC)))
    form_class = modelform_factory(Everything, fields=[name])
    sent = {name: form_class(instance=stored)[name].value()}
    form = form_class(sent, instance=stored)
    assert not form.has_changed()
    assert 'value="2024-02-29' in str(form_class(instance=stored)[name])


@pytest.mark.parametrize("name", ["day", "moment"])
def test_days_and_moments_are_compared(name: str) -> None:
    table = filters.filter_table(Everything)
    for i in range(1, 4):
        values = {"day": date(2024, 1, i), "moment": datetime(2024, 1, i, 12, tzinfo=UTC)}
        TABLE.insert([complete(id=f"on {i}", **{name: values[name]})])
    TABLE.insert([complete(id="never")])
    for query, expected in {
        "=2024-01-02": {"on 2"}, "[ne]=2024-01-02": {"on 1", "on 3", "never"}, "[in]=2024-01-01,2024-01-03": {"on 1", "on 3"},
        "[gt]=2024-01-02": {"on 3"}, "[gte]=2024-01-02": {"on 2", "on 3"}, "[lt]=2024-01-02": {"on 1"},
        "[lte]=2024-01-02": {"on 1", "on 2"}, "[is_null]=true": {"never"},
    }.items():  # fmt: skip
        parsed_query = Query(name + query)
        rows = filters.apply(table, Everything.objects.all(), parsed_query)
        assert not parsed_query.errors
        assert {one.pk for one in rows} == expected, query


@pytest.mark.parametrize(("name", "form"), [("day", "date"), ("moment", "date-time"), ("start", "date")])
def test_the_description_says_their_form(name: str, form: str) -> None:
    sent = input_schema(Everything, rules={}, partial=True, ignored=())["properties"][name]
    output = output_schema(Everything, [name], rules={})["properties"][name]
    assert (sent["format"], output["format"]) == (form, form)
    assert sent["type"] == ["string", "null"]
    assert output["type"] == ("string" if name == "start" else ["string", "null"])


def test_what_may_have_no_value_is_found_by_that() -> None:
    TABLE.insert([complete(), complete(id="two", perhaps=False, ordinary=3, money=Decimal(1))])
    table = filters.filter_table(Everything)
    for name in ("perhaps", "ordinary", "money"):
        rows = filters.apply(table, Everything.objects.all(), Query(f"{name}[is_null]=true"))
        assert [one.pk for one in rows] == ["one"]
    assert "count[is_null]" not in table


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**66), 2**66),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**12), 10**12, places=2),
    st.decimals(0, 101, places=9),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: Decimal(repr(x))),
    st.text(),
    st.dates().map(str),
    st.datetimes().map(str),
    st.just([]),
    st.just({}),
)


@pytest.mark.slow
@given(value=ANYTHING, name=st.sampled_from(sorted(KNOWN)))
@example(value=Decimal(99999999999), name="money")
@example(value=2**40, name="ordinary")
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_field_takes_from_json_is_stored_and_read_back(value: Any, name: str) -> None:
    values, errors = parse_json(KNOWN, {name: value})
    assert bool(values) != bool(errors)
    check_problems(errors)
    for one in values.values():
        walked(name, one)


@pytest.mark.slow
@given(
    text=st.one_of(
        st.text(),
        st.dates().map(str),
        st.datetimes().map(str),
        st.integers().map(str),
        st.decimals(allow_nan=False, allow_infinity=False).map(str),
    ),
    name=st.sampled_from(sorted(KNOWN)),
)
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_field_takes_from_text_is_stored_and_read_back(text: str, name: str) -> None:
    try:
        value = KNOWN[name].from_text(text)
    except ValidationError as error:
        check_problems({name: [error]})
    else:
        walked(name, value)


def check_problems(errors: dict[str, list[ValidationError]]) -> None:
    for one in [problem for own in errors.values() for error in own for problem in problems_in(error)]:
        assert one.code in {
            Code.PARAMETER_INVALID_TYPE, Code.PARAMETER_INVALID_RANGE, Code.PARAMETER_INVALID,
            Code.CHARACTERS_NOT_ALLOWED, Code.PARAMETER_TOO_LONG,
        }  # fmt: skip
        assert one.message


@pytest.mark.parametrize("kind", [models.IntegerField, models.BooleanField, StringField, NumberField])
def test_what_must_have_a_value_refuses_null(kind: type[models.Field]) -> None:
    more = {"max_digits": 5, "decimal_places": 2} if kind is NumberField else {}
    field = kind(null=False, name="needed", **more)
    field.set_attributes_from_name("needed")
    known = attribute(field)
    assert known.required
    assert refused(known.from_json, None) == refused(known.from_text, " ") == Code.PARAMETER_INVALID_EMPTY


@pytest.mark.parametrize(
    "field",
    [
        models.CharField(max_length=5), models.TextField(), models.DateField(), models.DateTimeField(),
        models.FloatField(), models.DecimalField(max_digits=5, decimal_places=2), models.JSONField(), models.UUIDField(),
    ],
    ids=lambda field: type(field).__name__,
)  # fmt: skip
def test_another_kind_is_refused_at_start(field: models.Field) -> None:
    field.set_attributes_from_name("strange")
    with pytest.raises(TypeError, match="an attribute is a StringField"):
        attribute(field)


@pytest.mark.parametrize("digits", [0, 16])
def test_no_number_promises_digits_that_are_not_kept(digits: int) -> None:
    with pytest.raises(ValueError, match="1 to 15 digits"):
        NumberField(max_digits=digits, decimal_places=0)
