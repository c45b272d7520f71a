"""GET /api/crm/customer/export: one snapshot as JSON lines."""

import json

from tests.conftest import CUSTOMER, Api, codes

EXPORT = f"{CUSTOMER}/export"


def lines(api: Api, query: str = "") -> list[dict]:
    answer = api.get(EXPORT + query)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_streams_every_customer_and_ends_with_the_count(live_api: Api) -> None:
    made = [live_api.create(customer_name=f"c{i}") for i in range(3)]
    *customers, end = lines(live_api)
    assert customers == made[::-1]
    assert (end["end"], end["count"]) == (True, 3)


def test_the_feed_goes_on_from_its_cursor(live_api: Api) -> None:
    live_api.create(customer_name="before")
    cursor = live_api.feed("").json()["next_cursor"]
    end = lines(live_api)[-1]
    new = live_api.create(customer_name="after")
    told = live_api.feed(f"?after={end['next_cursor']}").json()["data"]
    assert told[-1]["data"]["object"] == new
    assert len(told) <= len(live_api.feed(f"?after={cursor}").json()["data"])


def test_takes_the_filters_of_the_list(live_api: Api) -> None:
    north = live_api.create(customer_name="Müller", territory="North")
    live_api.create(customer_name="Maier", territory="South")
    live_api.add_row(north["id"], company="A")
    *customers, end = lines(live_api, "?territory=North&q=muller&fields=customer_name&expand[]=supplier_numbers")
    assert end["count"] == 1
    assert customers[0]["customer_name"] == "Müller"
    assert [row["company"] for row in customers[0]["supplier_numbers"]] == ["A"]
    assert codes(live_api.get(f"{EXPORT}?limit=5")) == {"limit": "parameter_unknown"}


def test_an_empty_export_ends_too(live_api: Api) -> None:
    (end,) = lines(live_api, "?territory=Nowhere")
    assert end["count"] == 0
