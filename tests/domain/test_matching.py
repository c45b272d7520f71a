"""When two values of a natural key are the same, and that the index of either database finds them."""

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm import matching
from crm.filters import customers_of
from crm.matching import MOST_MIXED, SEPARATORS, EmailKey, TaxKey, match_key, stored_key, stored_keys
from crm.models import Customer
from tests.conftest import CUSTOMER, Api
from tests.domain.customers import make

SAME = {
    "email_id": [
        ("A@B.de", "a@b.DE"),
        ("MÜLLER@x.de", "müller@X.de"),
        ("Özgür@x.de", "özgür@x.de"),
        ("Иван.Петров@почта.рф", "ИВАН.ПЕТРОВ@ПОЧТА.РФ"),
        ("Иван.Петров@почта.рф", "иван.петров@ПОЧТА.РФ"),
    ],
    "tax_id": [
        ("DE 123.456/7-8", "de12345678"),
        ("DE\u00a0123\u2013456", "DE123456"),
        ("12\u202f345\u2011678", "12345678"),
        ("ŠK 1", "šk-1"),
    ],
    "customer_pos_id": [("P-1", "P-1")],
}
DIFFERENT = {
    "email_id": [
        ("a.b@c.de", "ab@c.de"),
        ("a-b@c.de", "ab@c.de"),
        ("muller@x.de", "müller@x.de"),
        ("ß@x.de", "SS@x.de"),
    ],
    "tax_id": [("DE1", "DE2"), ("-", "--"), ("-", "DE1"), ("DE_1", "DE1")],
    "customer_pos_id": [("P-1", "p-1"), ("P-1", "P1")],
}


def pairs(of: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str, str]]:
    return [(name, *pair) for name, values in of.items() for pair in values]


@pytest.mark.parametrize(("name", "one", "other"), pairs(SAME))
def test_values_that_are_the_same(name: str, one: str, other: str) -> None:
    assert match_key(name, one) == match_key(name, other)


@pytest.mark.parametrize(("name", "one", "other"), pairs(DIFFERENT))
def test_values_that_are_not(name: str, one: str, other: str) -> None:
    assert match_key(name, one) != match_key(name, other)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "one", "other"), [pair for pair in pairs(SAME) if pair[0] in matching.KEYED])
def test_the_index_finds_either_by_the_other(name: str, one: str, other: str) -> None:
    for stored, sought in ((one, other), (other, one)):
        customer = make("x", **{name: stored})
        assert [match.pk for match in matching.candidates(Customer.objects.all(), name, [sought])] == [customer]
        Customer.objects.all().delete()


LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"])
SOME = st.sampled_from("abcXYZ01ÄöüßÉéŠšΩωςИиİıſK\u212a" + SEPARATORS)
TEXTS = st.text(st.one_of(SOME, SOME, LETTERS), min_size=1, max_size=12)


@pytest.mark.slow
@settings(max_examples=500)
@given(
    text=TEXTS, cases=st.lists(st.booleans(), min_size=12, max_size=12), name=st.sampled_from(sorted(matching.KEYED))
)
def test_every_way_to_write_a_few_letters_is_looked_up(text: str, cases: list[bool], name: str) -> None:
    other = "".join(
        c.swapcase() if swaps and len(c.swapcase()) == 1 else c for c, swaps in zip(text, cases, strict=False)
    )
    if match_key(name, text) == match_key(name, other) and sum(not c.isascii() for c in text) <= MOST_MIXED:
        # Nothing but separators matches itself only; the index has one empty key for all of them.
        assert stored_key(name, other) in stored_keys(name, text)


@pytest.mark.slow
@given(text=TEXTS, name=st.sampled_from(sorted(matching.KEYED)))
def test_a_key_is_that_of_its_own_key(text: str, name: str) -> None:
    assert match_key(name, match_key(name, text)) == match_key(name, text)


@pytest.mark.slow
@pytest.mark.django_db
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS.map(str.strip).filter(bool))
def test_both_databases_make_the_key_that_python_makes(api: Api, text: str) -> None:
    if not Customer.objects.exists():
        make("x")
    Customer.objects.update(customer_details=text)
    keys = Customer.objects.values_list(EmailKey("customer_details"), TaxKey("customer_details"))
    assert keys.get() == (stored_key("email_id", text), stored_key("tax_id", text))


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(matching.KEYED))
def test_filters_are_exact_and_find_by_the_index(api: Api, name: str) -> None:
    values = {"email_id": ["A@b.de", "a@b.de", "c@d.de"], "tax_id": ["DE 1", "DE1", "DE 2"]}[name]
    ids = [make(value, **{name: value}) for value in values] + [make("none")]

    def matching_ids(query: str) -> list[str]:
        return sorted(one["id"] for one in api.get(f"{CUSTOMER}?{query}").json()["data"])

    for value, customer in zip(values, ids, strict=False):
        assert matching_ids(f"{name}={value}") == matching_ids(f"{name}[in]={value}") == [customer]
    assert matching_ids(f"{name}={values[0].swapcase()}x") == []
    assert matching_ids(f"{name}[in]={values[0]},{values[2]},nobody") == sorted([ids[0], ids[2]])
    assert matching_ids(f"{name}[ne]={values[0]}") == sorted(ids[1:])
    answer = api.post(f"{CUSTOMER}/search", {f"{name}[in]": values[:2]})
    assert answer.json()["total"] == 2


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(matching.KEYED))
@pytest.mark.parametrize("how", ["exact", "in one", "in", "match"])
def test_who_asks_for_a_value_starts_from_the_index(name: str, how: str) -> None:
    query = {
        "exact": lambda: customers_of(f"{name}=a@b.de"),
        "in one": lambda: customers_of(f"{name}[in]=a@b.de"),
        "in": lambda: customers_of(f"{name}[in]=a@b.de,c@d.de"),
        "match": lambda: Customer.objects.filter(**{f"{name}__isnull": False, f"{name}__match_key__in": ["a", "b"]}),
    }[how]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # an empty table would be read whole
    assert f"customer_{name.partition('_')[0]}_key" in query().order_by().explain()


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite needs none")
def test_postgresql_knows_how_many_have_a_key() -> None:
    """Without statistics it would believe that each value is in one row of 200, and read the table for a list of them."""
    first = make("first", tax_id="x", email_id="x@y")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crm_customer SELECT (jsonb_populate_record(NULL::crm_customer, to_jsonb(c)"
            " || jsonb_build_object('id', 'customer_' || i, 'tax_id', 'DE ' || i, 'email_id', 'A@' || i))).*"
            " FROM crm_customer AS c, generate_series(1, 300) AS i WHERE c.id = %s",
            [first],
        )
        cursor.execute("ANALYZE crm_customer")
        for name, value in (("tax_id", "DE1"), ("email_id", "a@1")):
            key = Customer.objects.filter(**{f"{name}__match_key": value, f"{name}__isnull": False}).order_by()
            assert "rows=1 " in key.explain()
