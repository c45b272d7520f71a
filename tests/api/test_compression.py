"""gzip and caches: what is packed, for whom, and what may be kept."""

import gzip
import json
import zlib

import pytest

from overplane.compression import accepts_gzip
from tests.conftest import CUSTOMER, ROW, Api

EXPORT = f"{CUSTOMER}/export"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", True), ("GZIP", True), ("x-gzip", True), ("gzip, deflate, br, zstd", True), ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("*", True), ("gzip;q=0.001", True), ("deflate , gzip ; q=1", True), ("identity;q=0.5, gzip;q=0.5", True), ("identity;q=0, *", True),
        ("", False), ("br", False), ("gzip;q=0", False), ("gzip;q=0.000", False), ("*;q=0", False), ("gzip;q=0, *", False), ("identity", False),
        ("identity, gzip;q=0.5", False), ("gzip;q=x", False), ("gzip;q=-1", False), ("gzipped", False), (";", False), ("gzip;level=9", False),
    ],
)  # fmt: skip
def test_who_takes_gzip(header: str, expected: bool) -> None:
    assert accepts_gzip(header) is expected


def test_a_long_answer_is_packed_for_whoever_asks(api: Api) -> None:
    for i in range(3):
        api.create(customer_name=f"c{i}")
    plain, packed = api.get(CUSTOMER), api.get(CUSTOMER, Accept_Encoding="gzip, br")
    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert int(packed["Content-Length"]) == len(packed.content) < len(plain.content) / 3
    assert plain["Vary"] == packed["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in api.get(CUSTOMER, Accept_Encoding="gzip;q=0")
    head = api.call("HEAD", CUSTOMER, Accept_Encoding="gzip")
    assert (head["Content-Length"], head["Content-Encoding"], head.content) == (packed["Content-Length"], "gzip", b"")


def test_a_short_answer_is_not(api: Api) -> None:
    answer = api.get(f"{CUSTOMER}/nobody", Accept_Encoding="gzip")
    assert (answer.status_code, "Content-Encoding" in answer) == (404, False)
    assert len(answer.content) <= 1024


def test_an_error_is_packed_like_any_answer(api: Api) -> None:
    answer = api.post(CUSTOMER, {f"unknown_{i}": 1 for i in range(30)}, Accept_Encoding="gzip")
    assert (answer.status_code, answer["Content-Encoding"]) == (400, "gzip")
    assert json.loads(gzip.decompress(answer.content))["error"]["code"] == "parameter_unknown"


def test_a_replay_holds_the_same_bytes_for_both(api: Api) -> None:
    body = {"customer_name": "Acme", "customer_details": "x" * 2000}
    first = api.post(CUSTOMER, body, Idempotency_Key="k", Accept_Encoding="gzip")
    again = api.post(CUSTOMER, body, Idempotency_Key="k")
    assert (again["Idempotent-Replayed"], "Content-Encoding" in again) == ("true", False)
    assert gzip.decompress(first.content) == again.content


def test_the_etag_comes_and_goes_through_it(api: Api) -> None:
    address = f"{CUSTOMER}/{api.create(customer_details='x' * 2000)['id']}"
    packed = api.get(address, Accept_Encoding="gzip")
    assert (packed["Content-Encoding"], packed["ETag"]) == ("gzip", '"1"')
    spared = api.get(address, Accept_Encoding="gzip", If_None_Match=packed["ETag"])
    assert (spared.status_code, spared.content, spared["ETag"]) == (304, b"", '"1"')
    assert not {"Content-Encoding", "Content-Length", "Content-Type"} & set(spared.headers)
    assert api.patch(address, {"gender": "x"}, If_Match=packed["ETag"], Accept_Encoding="gzip").status_code == 200


def test_each_part_of_a_stream_can_be_read_when_it_comes(live_api: Api) -> None:
    customer_ids = [live_api.create(customer_name=f"c{i}")["id"] for i in range(3)]
    answer = live_api.get(EXPORT, Accept_Encoding="gzip")
    assert answer["Content-Encoding"] == "gzip"
    assert "Content-Length" not in answer
    packer, parts = zlib.decompressobj(16 + zlib.MAX_WBITS), list(answer.streaming_content)
    read = [packer.decompress(part) for part in parts]
    assert [json.loads(line).get("id") for line in read[0].splitlines()] == [*customer_ids[::-1], None]
    assert packer.eof
    plain = live_api.get(EXPORT)
    assert "Content-Encoding" not in plain
    assert b"".join(plain.streaming_content) == b"".join(read)


def test_only_what_has_a_version_may_be_kept(api: Api) -> None:
    customer = api.create()
    row = api.add_row(customer["id"])
    address = f"{CUSTOMER}/{customer['id']}"
    versioned = [
        api.get(address), api.get(address, If_None_Match='"1"'), api.patch(address, {}), api.get(f"{ROW}/{row['id']}"),
        api.post(CUSTOMER, {"customer_name": "x"}),
    ]  # fmt: skip
    assert {answer["Cache-Control"] for answer in versioned} == {"private, no-cache"}
    assert {"ETag" in answer for answer in versioned} == {True}
    others = [
        api.get(CUSTOMER), api.get(f"{address}?fields=gender"), api.get(f"{address}x"), api.get("/api/crm/event"), api.delete(address),
        Api("").get(CUSTOMER), api.call("OPTIONS", CUSTOMER),
    ]  # fmt: skip
    assert {answer["Cache-Control"] for answer in others} == {"no-store"}
