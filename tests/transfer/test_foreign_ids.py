"""A column `id` with the numbers of another system: one sentence, and a way to go on."""

from typing import Any

import pytest

from crm.models import Customer, ImportRun
from tests.backoffice.import_pages import columns, upload
from tests.backoffice.people import member

pytestmark = pytest.mark.django_db
FILE = "Id;Name\n4711;Acme\n4712;Beta\n;Gamma\n"
MESSAGE = (
    "The column Id holds numbers of another system (row 2: '4711'), not ids of this one (customer_…). Leave it out"
    " (--map 'Id='), or keep the numbers in another field (--map 'Id=customer_pos_id')."
)


@pytest.mark.parametrize("options", [[], ["--skip-errors"], ["--match-on", "id"], ["--dry-run"]])
def test_one_sentence_says_what_to_do(imported: Any, options: list[str]) -> None:
    ran = imported(FILE, *options)
    assert (ran.code, ran.said) == (2, MESSAGE)
    assert not Customer.objects.exists()
    assert not ImportRun.objects.exists()


def test_what_it_says_works(imported: Any) -> None:
    assert imported(FILE, "--map", "Id=").counts == {"created": 3}
    assert imported(FILE, "--map", "Id=customer_pos_id", "--again").counts == {"created": 3}
    assert set(Customer.objects.values_list("customer_pos_id", flat=True)) == {None, "4711", "4712"}


def test_some_wrong_ids_among_ours_are_told_by_their_rows(imported: Any) -> None:
    ran = imported("Id;Name\ncustomer_abc;Acme\n4712;Beta\n")
    assert ran.problems == [(3, "Id", "parameter_invalid")]
    assert imported("Id;Name\ncustomer_a b;Acme\n").problems == [(2, "Id", "parameter_invalid")]


def test_the_page_proposes_another_field() -> None:
    client = member("Editor")
    page = client.get(upload(client, FILE)["Location"])
    assert columns(page) == {"column-0": "customer_pos_id", "column-1": "customer_name"}
    taken = client.get(upload(client, "Id;Name;POS\n1;Acme;7\n")["Location"])
    assert columns(taken) == {"column-0": "", "column-1": "customer_name", "column-2": "customer_pos_id"}
    own = client.get(upload(client, "Id;Name\ncustomer_1;Acme\n")["Location"])
    assert columns(own) == {"column-0": "id", "column-1": "customer_name"}
