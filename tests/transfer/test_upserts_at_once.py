"""Two who look for the same new value at the same time: one makes the customer, the other finds it."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CUSTOMER, Api
from tests.importing import run
from tests.threads import meanwhile

WRITTEN = {"North": "T1", "South": "t-1"}  # the same number
# The last statement of each way's transaction that Django sees: what was made is written and not committed.
LAST = {"batch": 'INSERT INTO "overplane_events_event"', "import": '"position" = '}


@pytest.mark.slow
@pytest.mark.parametrize("second", LAST)
@pytest.mark.parametrize("first", LAST)
def test_a_new_value_makes_one_customer(live_api: Api, tmp_path: Path, first: str, second: str) -> None:
    def upsert(way: str, territory: str) -> dict[str, int]:
        """How many were made, and how many changed."""
        if way == "batch":
            data = {"customer_name": "Acme", "tax_id": WRITTEN[territory], "territory": territory}
            operation = {"op": "upsert", "match_on": "tax_id", "data": data}
            answer = Api(live_api.key).post(f"{CUSTOMER}/batch", {"operations": [operation]})
            return {{201: "created", 200: "updated"}[one["status"]]: 1 for one in answer.json()["data"]}
        file = tmp_path / f"{territory}.csv"
        file.write_text(f"customer_name,tax_id,territory\nAcme,{WRITTEN[territory]},{territory}\n")
        ran: Any = run(file, "--match-on", "tax_id")
        return ran.counts

    with meanwhile(lambda: upsert(second, "South"), before=LAST[first]) as others:
        mine = upsert(first, "North")
    assert (mine, others) == ({"created": 1}, [{"updated": 1}])
    (left,) = live_api.get(CUSTOMER).json()["data"]
    assert (left["territory"], left["tax_id"]) == ("South", "t-1")
