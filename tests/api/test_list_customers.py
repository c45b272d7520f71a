"""GET /api/crm/customer: pages, order, filters, search, shape."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm import services
from crm.models import Customer
from overplane.api import pagination
from overplane.database import counters
from overplane.database.text import NOT_WORD, fold, is_blank
from overplane.origin import Origin
from tests.conftest import CUSTOMER, ROW, Api, codes
from tests.threads import concurrently, meanwhile


def ids(page: dict[str, Any]) -> list[str]:
    return [one["id"] for one in page["data"]]


def names(api: Api, query: str) -> list[str]:
    answer = api.get(f"{CUSTOMER}?{query}")
    assert answer.status_code == 200, answer.content
    page = answer.json()
    assert page["total"] >= len(page["data"])
    return [one["customer_name"] for one in page["data"]]


class TestPages:
    def test_newest_first_with_exact_total(self, api: Api) -> None:
        newest_first = [api.create(customer_name=f"c{i}")["id"] for i in range(25)][::-1]
        page = api.get(CUSTOMER).json()
        assert list(page) == ["data", "has_more", "total"]
        assert (ids(page), page["has_more"], page["total"]) == (newest_first[:20], True, 25)
        page = api.get(f"{CUSTOMER}?limit=10&offset=15").json()
        assert (ids(page), page["has_more"], page["total"]) == (newest_first[15:], False, 25)
        page = api.get(f"{CUSTOMER}?offset=99999999999999999999").json()
        assert page == {"data": [], "has_more": False, "total": 25}
        assert len(api.get(f"{CUSTOMER}?limit={'9' * 21}").json()["data"]) == 25

    @pytest.mark.parametrize(
        ("query", "wrong"),
        [
            ("limit=0", {"limit": "parameter_invalid_range"}),
            ("limit=-1", {"limit": "parameter_invalid_range"}),
            ("limit=x", {"limit": "parameter_invalid_integer"}),
            ("limit=", {"limit": "parameter_invalid_integer"}),
            ("limit=1.0", {"limit": "parameter_invalid_integer"}),
            ("limit=٣", {"limit": "parameter_invalid_integer"}),
            ("offset=-1", {"offset": "parameter_invalid_range"}),
            ("limit=1&limit=2", {"limit": "parameter_duplicate"}),
            ("teritory=x", {"teritory": "parameter_unknown"}),
            ("customer_name__icontains=x", {"customer_name__icontains": "parameter_unknown"}),
            ("customer_name[regex]=x", {"customer_name[regex]": "parameter_unknown"}),
            ("starting_after=a&offset=1", {"starting_after": "parameter_conflict"}),
            ("starting_after=a&ending_before=b", {"ending_before": "parameter_conflict"}),
            ("starting_after=customer_never", {"starting_after": "resource_missing"}),
            ("order_by=gender", {"order_by": "parameter_invalid"}),
            ("fields=gender,sex", {"fields": "parameter_invalid"}),
            ("expand[]=everything", {"expand[][0]": "parameter_invalid"}),
            ("q=" + "x" * 201, {"q": "parameter_too_long"}),
            ("disabled=1", {"disabled": "parameter_invalid_type"}),
            ("created_at[gte]=yesterday", {"created_at[gte]": "parameter_invalid"}),
            ("default_commission_rate[gt]=x", {"default_commission_rate[gt]": "parameter_invalid_type"}),
            ("territory=", {"territory": "parameter_invalid_empty"}),
            ("territory=%00", {"territory": "characters_not_allowed"}),
            ("%ff=%fe", {None: "characters_not_allowed"}),
            ("limit=x&teritory=y&disabled=z", dict(zip(
                ["limit", "disabled", "teritory"],
                ["parameter_invalid_integer", "parameter_invalid_type", "parameter_unknown"], strict=True))),
        ],
    )  # fmt: skip
    def test_refuses(self, api: Api, query: str, wrong: dict[str, str]) -> None:
        answer = api.get(f"{CUSTOMER}?{query}")
        assert answer.status_code == 400
        assert codes(answer) == wrong

    def test_a_typo_is_told_the_right_name(self, api: Api) -> None:
        assert '"territory"' in api.get(f"{CUSTOMER}?teritory=x").json()["error"]["message"]

    def test_cursors_go_both_ways_and_outlive_their_row(self, api: Api) -> None:
        newest_first = [api.create()["id"] for _ in range(10)][::-1]
        page = api.get(f"{CUSTOMER}?limit=4").json()
        page = api.get(f"{CUSTOMER}?limit=4&starting_after={newest_first[3]}").json()
        assert (ids(page), page["has_more"], page["total"]) == (newest_first[4:8], True, 10)
        page = api.get(f"{CUSTOMER}?limit=3&ending_before={newest_first[4]}").json()
        assert (ids(page), page["has_more"]) == (newest_first[1:4], True)
        assert api.get(f"{CUSTOMER}?limit=4&ending_before={newest_first[4]}").json()["has_more"] is False
        api.delete(f"{CUSTOMER}/{newest_first[3]}")
        assert ids(api.get(f"{CUSTOMER}?limit=4&starting_after={newest_first[3]}").json()) == newest_first[4:8]
        gone = api.get(f"{CUSTOMER}?order_by=customer_name&starting_after={newest_first[3]}")
        assert codes(gone) == {"starting_after": "resource_missing"}

    @pytest.mark.parametrize("query", ["", "territory=x&", "order_by=customer_name&", "order_by=-updated_at&"])
    def test_following_the_links_walks_everything_once(self, api: Api, query: str) -> None:
        customer_ids = {api.create(customer_name=f"n{i % 3}", territory="x")["id"] for i in range(11)}
        url, seen = f"{CUSTOMER}?{query}limit=3", []
        while url:
            answer = api.get(url)
            seen += ids(answer.json())
            match = re.search(r'<http://testserver(/[^>]+)>; rel="next"', answer.headers.get("Link", ""))
            url = match[1] if match else ""
        assert len(seen) == 11
        assert set(seen) == customer_ids
        back = re.search(r'<http://testserver(/[^>]+)>; rel="prev"', answer["Link"])[1]
        assert ids(api.get(back).json()) == seen[6:9]

    @pytest.mark.parametrize("query", ["", "territory=x&", "order_by=customer_name&", "order_by=-updated_at&"])
    def test_far_offsets_are_the_same_rows(self, api: Api, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
        """Also those that are looked for from the end, and those beyond it."""
        for i in range(9):
            api.create(customer_name=f"n{i % 3}", territory="x")
        everything = ids(api.get(f"{CUSTOMER}?{query}").json())
        monkeypatch.setattr(pagination, "FAR", 2)
        for offset in range(2, 12):
            for limit in (1, 3, 20):
                page = api.get(f"{CUSTOMER}?{query}limit={limit}&offset={offset}").json()
                assert ids(page) == everything[offset : offset + limit], (offset, limit)
                assert (page["has_more"], page["total"]) == (offset + limit < 9, 9), (offset, limit)

    @pytest.mark.parametrize("query", ["order_by=created_at&", "territory=x&order_by=created_at&"])
    def test_a_far_page_is_of_the_moment_at_which_it_was_counted(
        self, live_api: Api, monkeypatch: pytest.MonkeyPatch, query: str
    ) -> None:
        customer_ids = [live_api.create(territory="x")["id"] for _ in range(9)]
        monkeypatch.setattr(pagination, "FAR", 2)
        with meanwhile(lambda: Api(live_api.key).create(territory="x"), before='AS "pk" FROM "crm_customer"') as later:
            page = live_api.get(f"{CUSTOMER}?{query}limit=3&offset=6").json()
        assert later
        assert (ids(page), page["has_more"], page["total"]) == (customer_ids[6:], False, 9)

    def test_a_far_page_of_rows_is_of_one_moment_too(self, live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        customer = live_api.create()["id"]
        rows = [live_api.add_row(customer, company=str(i))["id"] for i in range(9)]
        monkeypatch.setattr(pagination, "FAR", 2)
        with meanwhile(lambda: Api(live_api.key).delete(f"{ROW}/{rows[3]}"), before="IN ("):
            page = live_api.get(f"{ROW}?parent_id={customer}&limit=3&offset=2").json()
        assert (ids(page), page["has_more"], page["total"]) == (rows[2:5], True, 9)

    def test_orders_by_code_point(self, api: Api) -> None:
        for name in ("b", "a", "Z", "ä", "B", "_"):
            api.create(customer_name=name)
        assert names(api, "order_by=customer_name") == sorted(["b", "a", "Z", "ä", "B", "_"])
        assert names(api, "order_by=-customer_name") == sorted(["b", "a", "Z", "ä", "B", "_"], reverse=True)

    @pytest.mark.slow
    def test_a_walk_beside_writers_sees_each_survivor_once(self, live_api: Api) -> None:
        stay = {live_api.create(customer_name="stay")["id"] for _ in range(60)}
        to_delete = [live_api.create(customer_name="go")["id"] for _ in range(30)]
        stay |= {live_api.create(customer_name="stay")["id"] for _ in range(60)}
        seen: list[str] = []

        def work(i: int) -> None:
            api = Api(live_api.key)
            if i == 0:
                cursor = ""
                while True:
                    page = api.get(f"{CUSTOMER}?limit=7{cursor}").json()
                    seen.extend(ids(page))
                    if not page["has_more"]:
                        return
                    cursor = f"&starting_after={page['data'][-1]['id']}"
            for doom in to_delete[i - 1 :: 3]:
                assert api.delete(f"{CUSTOMER}/{doom}").status_code == 200
                api.create(customer_name="new")

        concurrently(work, 4)
        assert len(seen) == len(set(seen))
        assert stay <= set(seen)


class TestFilters:
    @pytest.fixture(autouse=True)
    def customers(self, api: Api) -> None:
        api.create(customer_name="Straße 100%", territory="North", default_commission_rate=5, disabled=True)
        api.create(customer_name="ÄRGER", territory="north", default_commission_rate=7.5)
        api.create(customer_name="a_b\\c", territory=None, email_id="a@b.example")

    @pytest.mark.parametrize(
        ("query", "matches"),
        [
            ("territory=North", {"Straße 100%"}),
            ("territory[ne]=North", {"ÄRGER", "a_b\\c"}),
            ("territory[in]=North,South", {"Straße 100%"}),
            ("territory[contains]=ORT", {"Straße 100%", "ÄRGER"}),
            ("territory[prefix]=nor", {"Straße 100%", "ÄRGER"}),
            ("territory[is_null]=true", {"a_b\\c"}),
            ("territory[is_null]=false", {"Straße 100%", "ÄRGER"}),
            ("customer_name[contains]=rger", {"ÄRGER"}),
            ("customer_name[contains]=ärg", {"ÄRGER"}),
            ("customer_name[contains]=STRASSE", {"Straße 100%"}),
            ("customer_name[contains]=0%25", {"Straße 100%"}),
            ("customer_name[contains]=_b", {"a_b\\c"}),
            ("customer_name[contains]=%25", {"Straße 100%"}),
            ("customer_name[prefix]=a_B\\", {"a_b\\c"}),
            ("default_commission_rate[gte]=5&default_commission_rate[lt]=7.5", {"Straße 100%"}),
            ("default_commission_rate=7.50", {"ÄRGER"}),
            ("default_commission_rate[in]=5,7.5", {"Straße 100%", "ÄRGER"}),
            ("default_commission_rate[ne]=5", {"ÄRGER", "a_b\\c"}),
            ("disabled=true", {"Straße 100%"}),
            ("disabled[ne]=true", {"ÄRGER", "a_b\\c"}),
            ("created_at[gt]=2020-01-01&created_at[lt]=2020-01-02T00:00:00%2B02:00", set()),
            ("created_at[gt]=2020-01-01T00:00:00Z", {"Straße 100%", "ÄRGER", "a_b\\c"}),
            ("email_id=a@b.example", {"a_b\\c"}),
        ],
    )
    def test_finds(self, api: Api, query: str, matches: set[str]) -> None:
        page = api.get(f"{CUSTOMER}?{query}").json()
        assert {one["customer_name"] for one in page["data"]} == matches
        assert page["total"] == len(matches)

    def test_a_shown_timestamp_finds_its_row(self, api: Api) -> None:
        customer = api.create(customer_name="now")
        for operator, there in (
            ("", True),
            ("[gte]", True),
            ("[lte]", True),
            ("[gt]", False),
            ("[lt]", False),
            ("[in]", True),
        ):
            page = api.get(f"{CUSTOMER}?created_at{operator}={customer['created_at']}&customer_name=now").json()
            assert bool(page["total"]) is there, operator


class TestSearch:
    @pytest.mark.parametrize(
        ("query", "there"),
        [
            ("muller", True), ("MÜLLER", True), ("mul", True), ("ull", True), ("ul", False), ("mu", True), ("m", True),
            ("sohne muller", True), ("muller xyz", False), ("lodz", True), ("strasse", True), ("4711-X", True),
            ("11-x", True), ("x", True), ("user@example", True), ("030 123", True), ("100%", True), ("%", False),
            ("_", False), ('"', False), ("DE0815", True), ("pos7", True), ("anna", True), ("'", False),
        ],
    )  # fmt: skip
    def test_finds(self, api: Api, query: str, there: bool) -> None:
        customer = api.create(
            customer_name="Müller & Söhne, Łódź, Straße 100%",
            email_id="user@example.com",
            mobile_no="030 1234",
            tax_id="DE0815",
            customer_pos_id="POS7",
            first_name="Anna",
        )
        api.add_row(customer["id"], supplier_number="4711-X")
        page = api.get(f"{CUSTOMER}?q={quote(query)}").json()
        assert ids(page) == ([customer["id"]] if there else [])
        assert page["total"] == int(there)

    def test_reads_its_own_writes(self, api: Api) -> None:
        customer = api.create(customer_name="before")
        row = api.add_row(customer["id"], supplier_number="number1")
        path = f"{CUSTOMER}/{customer['id']}"
        api.patch(path, {"customer_name": "after"})
        assert names(api, "q=before") == []
        assert names(api, "q=after") == ["after"]
        assert names(api, "q=number1 after") == ["after"]
        api.patch(f"/api/crm/supplier-number-at-customer/{row['id']}", {"supplier_number": "number2"})
        assert names(api, "q=number1") == []
        assert names(api, "q=number2") == ["after"]
        api.delete(f"/api/crm/supplier-number-at-customer/{row['id']}")
        assert names(api, "q=number2") == []

    @pytest.mark.slow
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        name=st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=20).filter(lambda text: not is_blank(text)),
        words=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Zs", "Zl", "Zp"]), min_size=1, max_size=5), max_size=3),
        part=st.tuples(st.integers(0, 20), st.integers(3, 6)),
    )  # fmt: skip
    def test_is_what_its_rule_says(self, api: Api, name: str, words: list[str], part: tuple[int, int]) -> None:
        """Long words anywhere, short ones at a word's start, after folding."""
        customer = api.create(customer_name=name)
        words = [*words, *name[part[0] : sum(part)].split()]
        text = " ".join(fold(name).split())
        starts = f"{text} {re.sub(NOT_WORD, ' ', text)}".split()

        def is_match(word: str) -> bool:
            return word in text if len(word) > 2 else any(start.startswith(word) for start in starts)

        folded = fold(" ".join(words)).split()
        # Blank words are no condition; words of which nothing is left find nobody.
        is_asked_for = bool(folded) or not " ".join(words).strip()
        page = api.get(f"{CUSTOMER}?q={quote(' '.join(words))}&id={customer['id']}").json()
        assert page["total"] == int(is_asked_for and all(is_match(word) for word in folded)), (text, folded)
        api.delete(f"{CUSTOMER}/{customer['id']}")


def test_expand_and_fields(api: Api, django_assert_num_queries: Any) -> None:
    customers = [api.create(customer_name=f"c{i}") for i in range(3)]
    rows = [api.add_row(one["id"], company=f"of {one['customer_name']}") for one in customers]
    api.get(CUSTOMER)
    with django_assert_num_queries(2 + 2):  # and the test's own savepoint
        page = api.get(f"{CUSTOMER}?expand[]=supplier_numbers&fields=customer_name,gender").json()
    output = {"id": customers[2]["id"], "customer_name": "c2", "gender": None, "supplier_numbers": [rows[2]]}
    assert page["data"][0] == output
    assert (
        api.get(f"{CUSTOMER}/{customers[2]['id']}?expand[]=supplier_numbers&fields=gender,customer_name").json()
        == output
    )
    whole = api.get(f"{CUSTOMER}/{customers[2]['id']}?expand[]=supplier_numbers").json()
    assert whole == customers[2] | {"supplier_numbers": [rows[2]]}


@pytest.mark.slow
def test_the_kept_count_is_exact_whatever_happens(live_api: Api) -> None:
    def work(i: int) -> None:
        api = Api(live_api.key)
        customer_ids = [api.create(customer_name=f"{i}")["id"] for _ in range(8)]
        api.delete(f"{CUSTOMER}/{customer_ids[0]}")
        with transaction.atomic():  # not by a request, which takes its turn before its transaction
            services.create_customer({"customer_name": "r"}, origin=Origin("user:hand"))
            transaction.set_rollback(True)
        operations = [{"op": "create", "data": {"customer_name": "b"}}] * 5 + [{"op": "delete", "id": customer_ids[1]}]
        assert api.post(f"{CUSTOMER}/batch", {"operations": operations}).status_code == 200

    concurrently(work, 6)
    assert Customer.objects.count() == 6 * (8 - 1 + 5 - 1)
    assert counters.total(connection, "crm_customer") == Customer.objects.count()
    assert live_api.get(f"{CUSTOMER}?limit=1").json()["total"] == Customer.objects.count()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "part",
    [
        "straße",
        "STRASSE",
        "ÄÖ",
        "a  b",
        " b c",
        "b ",
        "50%_",
        "\\x",
        "e\u0301t",
        "é",
        "ﬁn",
        "İz",
        "ø",
        "x\u0301",
        "东京都",
    ],
)
def test_contains_finds_what_is_there_though_an_index_narrows_it_first(api: Api, part: str) -> None:
    api.post(CUSTOMER, {"customer_name": f"vor{part}nach"})
    for operator, text in (("contains", part), ("prefix", f"vor{part}"), ("contains", part.upper())):
        page = api.get(f"{CUSTOMER}?customer_name[{operator}]={quote(text)}").json()
        assert page["total"] == 1, (operator, text)
