"""Two merges of the same customers, each keeping another one: one is done, the other is told; neither waits for ever."""

import pytest

from crm import merging
from crm.models import Customer
from overplane.origin import Origin
from overplane.problems import ObjectMissing
from tests.conftest import ROW, Api
from tests.domain.customers import make
from tests.threads import meanwhile


@pytest.mark.slow
def test_two_merges_the_other_way_round_do_not_block_each_other(live_api: Api) -> None:
    first, second = sorted(make(name) for name in "AB")

    def other() -> str:
        try:
            merging.merge_customers(first, [second], choices={}, origin=Origin("user:otto"))
        except ObjectMissing:
            return "told"
        return "done"

    # In the middle of the first: it holds one of the two and wants the other.
    with meanwhile(other, before='FROM "crm_customer" WHERE', nth=2) as others:
        merging.merge_customers(second, [first], choices={}, origin=Origin("user:anna"))
    assert others == ["told"]
    assert Customer.objects.get().pk == second


@pytest.mark.slow
def test_a_row_that_a_merge_takes_over_meanwhile_is_still_found(live_api: Api) -> None:
    survivor, other = make("A"), make("B")
    row = live_api.add_row(other, company="x")["id"]

    def change() -> int:
        return live_api.patch(f"{ROW}/{row}", {"company": "y"}).status_code

    # The merge holds both customers by now, and has not moved the row yet.
    with meanwhile(change, before='UPDATE "crm_suppliernumberatcustomer"') as answers:
        merging.merge_customers(survivor, [other], choices={}, origin=Origin("user:anna"))
    assert answers == [200]
    assert live_api.get(f"{ROW}/{row}").json().items() >= {"customer_id": survivor, "company": "y"}.items()
