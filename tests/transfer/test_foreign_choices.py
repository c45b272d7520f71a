"""A column "Type" with somebody else's types: one sentence, and a way to go on."""

from typing import Any

import pytest

from crm.models import Customer
from tests.backoffice.import_pages import columns, upload
from tests.backoffice.people import member

pytestmark = pytest.mark.django_db
FILE = "Name,Type\nAcme,\nBeta,Prospect\nCole,Customer - Direct\n"
MESSAGE = (
    "The column Type says something else than this service means by it (row 3: 'Prospect'; known are Company, Individual,"
    " Partnership). Leave it out (--map 'Type='), or keep it in another field (--map 'Type=customer_group')."
)


@pytest.mark.parametrize("options", [[], ["--skip-errors"], ["--dry-run"]])
def test_one_sentence_says_what_to_do(imported: Any, options: list[str]) -> None:
    ran = imported(FILE, *options)
    assert (ran.code, ran.said) == (2, MESSAGE)
    assert not Customer.objects.exists()


def test_what_it_says_works(imported: Any) -> None:
    assert imported(FILE, "--map", "Type=").counts == {"created": 3}
    assert imported(FILE, "--map", "Type=customer_group", "--again").counts == {"created": 3}
    assert set(Customer.objects.values_list("customer_group", flat=True)) == {None, "Prospect", "Customer - Direct"}


def test_some_wrong_types_among_ours_are_told_by_their_rows(imported: Any) -> None:
    assert imported("Name,Type\nAcme,company\nBeta,Verein\n").problems == [(3, "Type", "parameter_invalid")]


@pytest.mark.parametrize(("heading", "options"), [("customer_type", []), ("Type", ["--map", "Type=customer_type"])])
def test_what_is_named_so_is_judged_row_by_row(imported: Any, heading: str, options: list[str]) -> None:
    ran = imported(f"Name,{heading}\nBeta,Verein\n", *options)
    assert ran.problems == [(2, heading, "parameter_invalid")]


def test_blank_cells_and_words_for_them_say_nothing(imported: Any) -> None:
    assert imported("Name,Type\nAcme,\nBeta,NULL\n", "--null", "NULL").counts == {"created": 2}


@pytest.mark.slow
def test_the_page_proposes_another_field() -> None:
    client = member("Editor")
    page = client.get(upload(client, FILE)["Location"])
    assert columns(page) == {"column-0": "customer_name", "column-1": "customer_group"}
    taken = client.get(upload(client, "Name,Type,Group\nA,Prospect,G\n")["Location"])
    assert columns(taken) == {"column-0": "customer_name", "column-1": "", "column-2": "customer_group"}
    own = client.get(upload(client, "Name,Type\nA,Firma\n")["Location"])
    assert columns(own) == {"column-0": "customer_name", "column-1": "customer_type"}
