"""The search of the whole table gives up on strangers early: it may lose no pair that a whole comparison finds."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.duplicates import weighing
from crm.duplicates.comparing import Agreement, Level, compare
from crm.duplicates.judging import ADDRESS, Judge
from crm.duplicates.normalising import NAMES, profile
from crm.duplicates.terms import Frequencies, bits_of, number, slots
from crm.duplicates.weighing import LIKELY

WORDS = [
    "Nordlicht",
    "Nordlich",
    "Werke",
    "Werk",
    "Anna",
    "A",
    "Weber",
    "Bau",
    "Metallbau",
    "GmbH",
    "Krone",
    "Kr0ne",
    "12",
    "21",
]
TOWNS = ["Hauptstraße 12", "Hauptstr. 21", "10115 Berlin", "10117 Berlin", "Gartenweg 7", "Ulm"]
NUMBERS = ["123456789", "123456798", "12345678", "DE 123.456-789", "987654321"]


def some_of(words: list[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=most).map(" ".join)


customers = st.fixed_dictionaries(
    {"customer_name": some_of(WORDS, 4)},
    optional={
        "primary_address": some_of(TOWNS, 3),
        "tax_id": st.sampled_from(NUMBERS),
        "mobile_no": st.sampled_from(NUMBERS).map(lambda one: f"030 {one}"),
        "email_id": st.builds("{}@{}".format, st.sampled_from(["info", "anna.weber", "anna.webre"]), st.sampled_from(["a.example", "b.example"])),
        "customer_pos_id": st.sampled_from(NUMBERS),
        "supplier_numbers": st.lists(st.sampled_from(NUMBERS), max_size=2),
    },
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=400)
@given(
    one=customers,
    other=customers,
    table=st.sampled_from([50, 20_000, 1_000_000]),
    common=st.dictionaries(st.sampled_from(WORDS), st.integers(2, 5000)),
)
def test_who_is_given_up_on_is_not_likely(
    one: dict[str, Any], other: dict[str, Any], table: int, common: dict[str, int]
) -> None:
    counts = {number(0, word.upper()): min(n, table) for word, n in common.items()}
    bits = bits_of(lambda term: counts.get(term, 2), table)
    model, first, second = weighing.assumed(table), profile(one), profile(other)
    whole = min(sum(bits(ADDRESS, word) for word in each[ADDRESS]) for each in (first, second))
    compared = compare(first, second, bits)
    judged = Judge(model, bits).agreements(first, second, whole)
    if judged is None:
        assert model.score(compared) < LIKELY
    else:
        assert judged == compared


def agreeing(**levels: tuple[Level, float]) -> list[Agreement]:
    return sorted(Agreement(NAMES.index(name), *level) for name, level in levels.items())


def test_how_often_groups_agree_is_learnt_from_the_table() -> None:
    """Thousands with one e-mail, no two of which have one number: who has the same numbers is no branch of the other."""
    name, email = (Level.SAME, 12.0), (Level.SAME, 9.0)
    different, number_, street = (Level.DIFFERENT, 0.0), (Level.SAME, 21.0), (Level.SAME, 25.0)
    branches = agreeing(
        customer_name=name, email_id=email, tax_id=different, primary_address=different, mobile_no=different
    )
    moved = agreeing(customer_name=name, email_id=email, tax_id=number_, primary_address=different, mobile_no=number_)
    alike = agreeing(customer_name=name, tax_id=number_, primary_address=street, mobile_no=number_)
    model = weighing.estimate([branches] * 2000 + [moved] * 4 + [alike] * 4, 100_000, 100)
    assert model.pairs[weighing.GROUP] > 1
    assert model.score(branches) < 0.01
    assert model.score(moved) > weighing.NEARLY_CERTAIN
    as_assumed = weighing.Model(model.ones, model.pairs, model.customers)
    assert as_assumed.score(moved) < weighing.NEARLY_CERTAIN
    for learnt, assumed in zip(weighing.estimate([], 100).agreeing, weighing.ASSUMED_AGREEING, strict=True):
        assert learnt == pytest.approx(assumed)


def test_families_with_one_e_mail_and_one_phone_are_not_one() -> None:
    same = (Level.SAME, 20.0)
    family = agreeing(customer_name=(Level.SOME, 8.0), primary_address=same, email_id=same, mobile_no=same)
    again = agreeing(customer_name=(Level.CLOSE, 15.0), primary_address=same, email_id=same, mobile_no=same)
    model = weighing.estimate([family] * 3000 + [again] * 200, 3000)
    assert model.score(family) < 0.1
    assert model.score(again) > weighing.NEARLY_CERTAIN


@pytest.mark.parametrize("size", [0, 1, 1000, 1_000_000])
def test_terms_that_share_a_counter_are_rare(size: int) -> None:
    assert slots(size) >= 32 * size
    few = Frequencies(1000)
    for i in range(1000):
        few.add([number(0, "GMBH"), *(number(place, f"{place} {i}") for place in range(8))])
    assert few.count(number(0, "GMBH")) == 1000
    assert sum(few.count(number(place, f"{place} {i}")) > 1 for place in range(8) for i in range(1000)) < 100
    assert few.common(500, 5) == {number(0, "GMBH") % few.slots: 1000}
