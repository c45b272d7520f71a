"""`contains` and `prefix`: case ignored beyond ASCII, accents not, however they are spelled; the same on both databases."""

import unicodedata
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crm.models import Customer
from overplane.database.text import fold
from tests.conftest import CUSTOMER, Api

NFC, NFD = (lambda text, form=form: unicodedata.normalize(form, text) for form in ("NFC", "NFD"))


def plain(text: str) -> str:
    """What the contract says, in Python's words."""
    return NFC(NFD(text).upper()).replace("ẞ", "SS").replace("ϴ", "Θ")


def finds(api: Api, name: str, operator: str, part: str) -> bool:
    customer = api.create(customer_name=name)
    answer = api.get(f"{CUSTOMER}?customer_name[{operator}]={quote(part)}&id={customer['id']}")
    assert answer.status_code == 200, answer.content
    return bool(answer.json()["total"])


@pytest.mark.parametrize(
    ("name", "part", "there"),
    [
        *(("Straße", part, True) for part in ("straße", "STRASSE", "STRAẞE", "strasse", "STRAßE", "ẞ", "ss", "SS", "ß")),
        *(("STRAẞE", part, True) for part in ("straße", "STRASSE", "ẞ", "ss", "ß", "aẞe")),
        *(("Strasse", part, True) for part in ("ẞ", "ß", "STRAẞ")),
        ("İstanbul", "i\u0307stanbul", True),
        ("İstanbul", "istanbul", False),
        ("ırmak", "IRMAK", True),
        ("ŉamibia", "ʼNAMIBIA", True),
        ("ǰedna", "J\u030cEDNA", True),
        ("ΐδιος", "Ϊ\u0301ΔΙΟΣ", True),
        ("ΟΔΟΣ", "οδος", True),
        ("οδός", "ΌΣ", True),
        ("ﬁnest", "FINEST", True),
        ("100 \u212a", "100 k", True),  # the Kelvin sign
        ("ϴ", "θ", True),
        ("ᾳ\u0308", "\u1fb3\u0308", True),
        (NFC("Café Ünlü"), NFD("café ÜNLÜ"), True),
        (NFD("Café Ünlü"), NFC("café ÜNLÜ"), True),
        (NFD("Café"), "cafe", False),  # accents matter
        (NFC("Café"), "cafe", False),
        ("Cafe", NFD("café"), False),
        ("각", NFD("각"), True),
        ("100%_\\", "%_\\", True),
        ("100x", "100%", False),
        ("a b", " ", True),
        ("ab", " ", False),
        ("ab", "b ", False),
        ("ab c", "b ", True),
        ("ab", " a", False),
    ],
)  # fmt: skip
def test_contains(api: Api, name: str, part: str, there: bool) -> None:
    assert finds(api, name, "contains", part) is there
    assert finds(api, name, "prefix", part) is (there and plain(name).startswith(plain(part)))


def test_an_attribute_that_search_does_not_know(api: Api) -> None:
    customer = api.create(customer_group=NFD("Größe STRAẞE"))
    for query in ("customer_group[contains]=" + quote(NFC("ößE strasse")), "customer_group[prefix]=" + quote("GRÖẞE")):
        assert [one["id"] for one in api.get(f"{CUSTOMER}?{query}").json()["data"]] == [customer["id"]]


ODD = "ßẞſKÅΩϴθσςΣΐΰǰŉıİiIﬁﬂﬀﬃﬓǅǆᾳᾼͅ\u0300\u0301\u0307\u0308\u0323\u0345\u05b0각가ᄀ\u200d\u00ad\u2028´¨½㎏Ǿǽø ÆÞłðĦŧ-.%_\\'\"aA1"
# Letters that one of the databases does not know yet are no question of ours.
LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"])
TEXTS = st.text(st.one_of(st.sampled_from(ODD), st.sampled_from(ODD), LETTERS), min_size=1, max_size=12)
SPELLINGS: list[Any] = [str, str.upper, str.lower, str.title, str.swapcase, str.casefold, NFC, NFD]


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=TEXTS.filter(lambda text: any(c.isalnum() for c in text)),
    cut=st.tuples(st.integers(0, 12), st.integers(1, 12)),
    spell=st.sampled_from(SPELLINGS),
    other=TEXTS,
    is_other=st.integers(0, 4).map(lambda number: number == 0),
)
@example(name="Ǿre Ǽon", cut=(0, 3), spell=NFD, other="x", is_other=False)
@example(name="x´y", cut=(1, 2), spell=str, other="x", is_other=False)
def test_what_the_index_leaves_and_what_is_compared_agree(
    api: Api, name: str, cut: tuple[int, int], spell: Any, other: str, is_other: bool
) -> None:
    """The folded text that is looked up first never hides a customer, and both databases say what Python says."""
    customer = api.create(customer_name=name)
    name = customer["customer_name"]
    part = other if is_other else spell(name[cut[0] : sum(cut)]) or spell(name)
    for operator, true in (
        ("contains", plain(part) in plain(name)),
        ("prefix", plain(name).startswith(plain(part))),
    ):
        compared = Customer.objects.filter(**{f"customer_name__caseless_{operator}": part, "id": customer["id"]})
        answer = api.get(f"{CUSTOMER}?customer_name[{operator}]={quote(part)}&id={customer['id']}")
        assert (answer.json()["total"], compared.count()) == (true, true), (operator, name, part)
    api.delete(f"{CUSTOMER}/{customer['id']}")


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(text=TEXTS, more=TEXTS)
def test_folding_knows_no_case_and_no_spelling(text: str, more: str) -> None:
    for spelling in (NFC, NFD, plain, fold):
        assert fold(spelling(text)) == fold(text)
    assert fold(text + more) == fold(text) + fold(more)
