"""Pages go compressed over the wire; what shows a secret does not, nor files, nor what another site asked for."""

import gzip

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests.backoffice.people import member
from tests.backoffice.second_factors import code_of, set_up
from tests.domain.customers import make

LIST = reverse("admin:crm_customer_changelist")
pytestmark = pytest.mark.django_db
GZIP = {"accept-encoding": "gzip, deflate, br"}


def packed(client: Client, url: str, **headers: str) -> HttpResponse:
    return client.get(url, headers=GZIP | {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.slow
@pytest.mark.parametrize("url", [LIST, reverse("admin:index"), "/admin/login/?next=/x", "/docs"])
def test_pages_are_compressed_for_whoever_takes_it(url: str) -> None:
    client = Client() if "login" in url else member("Administrator")
    answer, plain = packed(client, url), client.get(url)
    assert (answer["Content-Encoding"], answer["Content-Length"]) == ("gzip", str(len(answer.content)))
    assert b"<html" in gzip.decompress(answer.content)
    assert len(answer.content) < len(plain.content) / 2
    assert "Accept-Encoding" in answer["Vary"]
    assert "Accept-Encoding" in plain["Vary"]
    assert "Content-Encoding" not in plain
    assert "Content-Encoding" not in client.get(url, headers={"accept-encoding": "gzip;q=0"})


@pytest.mark.slow
def test_the_length_of_one_page_is_not_always_the_same() -> None:
    client = Client()
    assert len({len(packed(client, "/docs").content) for _ in range(12)}) > 1  # the very same page


@pytest.mark.parametrize(
    ("asked_by", "expected"), [("same-origin", True), ("none", True), ("cross-site", False), ("same-site", False)]
)
def test_what_another_site_asks_for_goes_as_it_is(asked_by: str, expected: bool) -> None:
    answer = packed(member("Viewer"), LIST, sec_fetch_site=asked_by)
    assert answer.has_header("Content-Encoding") is expected
    assert "Sec-Fetch-Site" in answer["Vary"]


def is_secret(answer: HttpResponse) -> bool:
    return "no-store" in answer["Cache-Control"] and not answer.has_header("Content-Encoding")


@pytest.mark.slow
def test_what_shows_a_secret_is_neither_compressed_nor_stored() -> None:
    client = member("Administrator")
    assert is_secret(packed(client, reverse("second_factor")))
    assert is_secret(packed(client, reverse("second_factor_qr")))
    device, _codes = set_up(client)
    created = client.post(reverse("admin:overplane_api_apikey_add"), {"name": "shop"}, headers=GZIP)
    assert b"sk_test_" in created.content
    assert is_secret(created)
    codes = client.post(reverse("recovery_codes"), headers=GZIP)
    assert b"recovery-codes" in codes.content
    assert is_secret(codes)
    client.post(reverse("second_factor_off"))
    client.get(reverse("second_factor"))
    device = type(device).objects.get(confirmed=False)
    first = client.post(reverse("second_factor"), {"code": code_of(device)}, headers=GZIP)
    assert b"recovery-codes" in first.content
    assert is_secret(first)


def test_streams_and_files_go_as_they_are() -> None:
    manager, customer = member("Manager"), make("Acme")
    chosen = {"action": "export_selected", "_selected_action": [customer]}
    file = manager.post(LIST, chosen, headers=GZIP)
    assert file["Content-Disposition"].startswith("attachment")
    assert "Content-Encoding" not in file
    assert b"Acme" in (b"".join(file) if file.streaming else file.content)
