"""Whose request it is: nobody chooses his own address, and only known proxies say who is behind them."""

import logging
from ipaddress import ip_network
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, RequestFactory
from django.urls import reverse

from overplane import addresses
from overplane.api import throttling
from overplane.checks import Environment

CUSTOMER = "/api/crm/customer"


@pytest.fixture
def proxies(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    monkeypatch.setattr(addresses, "_unknown_proxies", set())


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # a stranger's word
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "192.0.2.7, 198.51.100.1", "198.51.100.1"),  # the first one was sent along by the client
        ("127.0.0.1", "198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "192.0.2.7,198.51.100.1 ,10.1.2.3,10.0.0.1", "198.51.100.1"),
        ("127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"),  # somebody of our own network
        ("127.0.0.1", "192.0.2.7, unknown", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7, unknown, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "192.0.2.7, 198.51.100.1:4711", "127.0.0.1"),
        ("127.0.0.1", "' OR 1=1 --", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", ",,,", "127.0.0.1"),
        ("127.0.0.1", "fe80::1%eth0", "127.0.0.1"),
        ("127.0.0.1", "2001:DB8::1", "2001:db8::1"),
        ("::ffff:127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("fd00::1", "2001:db8::1, fd00::2", "2001:db8::1"),
        ("::ffff:203.0.113.9", None, "203.0.113.9"),
    ],
)
def test_the_client_is_who_no_proxy_of_ours_is(proxies: None, peer: str, forwarded: str | None, client: str) -> None:
    environ: dict[str, Any] = {"REMOTE_ADDR": peer}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    addresses.settle(environ)
    assert environ["REMOTE_ADDR"] == client


@pytest.mark.parametrize(("trusted", "client"), [([], ""), (["unix"], "198.51.100.1")])
def test_a_proxy_on_a_socket_in_the_file_system_can_be_trusted(settings: Any, trusted: list[str], client: str) -> None:
    settings.TRUSTED_PROXIES = trusted
    environ = {"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "198.51.100.1"}
    addresses.settle(environ)
    assert environ["REMOTE_ADDR"] == client
    request = RequestFactory().get("/")
    request.META["REMOTE_ADDR"] = ""
    assert addresses.counted(request) is None


def test_an_ipv6_network_counts_as_one_address() -> None:
    requests = [
        RequestFactory().get("/", REMOTE_ADDR=one) for one in ("2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::1")
    ]
    assert [addresses.counted(one) for one in requests] == ["2001:db8::", "2001:db8::", "2001:db8:0:1::"]


@pytest.mark.parametrize(
    "value", ["10.0.0.0/8,nonsense", "10.0.0.1/8", "*", "0.0.0.0/0", "::/0", "proxy.example.com", "10.0.0.1 10.0.0.2"]
)
def test_a_wrong_proxy_is_refused_at_start(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES"):
        Environment({"TRUSTED_PROXIES": value}).networks("TRUSTED_PROXIES")


def test_proxies_are_none_by_default_and_read_with_commas() -> None:
    assert Environment({}).networks("TRUSTED_PROXIES") == []
    read = Environment({"TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,::1,unix"}).networks("TRUSTED_PROXIES")
    assert read == [ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("::1"), "unix"]


def guesses(client: Client, count: int, **headers: str) -> list[int]:
    wrong = {"HTTP_AUTHORIZATION": "Bearer sk_test_wrong"} | headers
    return [client.get(CUSTOMER, **wrong).status_code for _ in range(count)]


@pytest.mark.django_db
def test_bad_keys_are_counted_by_the_client_behind_a_proxy(proxies: None, client: Client) -> None:
    most = throttling.FAILURES_A_MINUTE
    assert 429 in guesses(client, most + 3, HTTP_X_FORWARDED_FOR="198.51.100.1")
    assert guesses(client, 1, HTTP_X_FORWARDED_FOR="198.51.100.2") == [401]
    # What a client writes into the header makes nobody else of him.
    written = [f"192.0.2.{i}, 198.51.100.1" for i in range(3)]
    assert [guesses(client, 1, HTTP_X_FORWARDED_FOR=one)[0] for one in written] == [429] * 3
    forged = [
        guesses(client, 1, HTTP_X_FORWARDED_FOR=f"192.0.2.{i}", REMOTE_ADDR="203.0.113.9")[0] for i in range(most + 3)
    ]
    assert 429 in forged


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("trusted", "peer", "sent", "redirected"),
    [
        (True, "127.0.0.1", {}, True),
        (True, "127.0.0.1", {"HTTP_X_FORWARDED_PROTO": "http"}, True),
        (True, "127.0.0.1", {"HTTP_X_FORWARDED_PROTO": "https"}, False),
        (True, "127.0.0.1", {"HTTP_X_FORWARDED_PROTO": "HTTPS, http"}, False),
        (True, "203.0.113.9", {"HTTP_X_FORWARDED_PROTO": "https"}, True),
        (False, "127.0.0.1", {}, True),
        # Nobody has said who the proxy is. It would be sent on to itself without end.
        (False, "127.0.0.1", {"HTTP_X_FORWARDED_PROTO": "https"}, False),
        (False, "203.0.113.9", {"HTTP_X_FORWARDED_PROTO": "https"}, False),
    ],
)
def test_who_came_by_https_is_not_sent_there_again(
    settings: Any, trusted: bool, peer: str, sent: dict[str, str], redirected: bool
) -> None:
    settings.IS_HTTPS = settings.SECURE_SSL_REDIRECT = True
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")] if trusted else []
    answer = Client().get(reverse("admin:login"), REMOTE_ADDR=peer, **sent)
    assert answer.status_code == (301 if redirected else 200)


@pytest.mark.django_db
def test_an_unknown_proxy_is_named_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(addresses, "_unknown_proxies", set())
    assert client.get("/readyz").json()["warnings"] == []
    with caplog.at_level(logging.WARNING, "overplane.addresses"):
        for _ in range(3):
            client.get("/healthz", HTTP_X_FORWARDED_FOR="198.51.100.1", REMOTE_ADDR="172.17.0.1")
            client.get("/healthz", HTTP_X_FORWARDED_FOR="198.51.100.1", REMOTE_ADDR="8.8.8.8")  # no proxy of anybody's
    assert len(caplog.records) == 1
    assert "172.17.0.1" in caplog.text
    assert "198.51.100.1" not in caplog.text
    (warning,) = client.get("/readyz").json()["warnings"]
    assert "172.17.0.1" in warning
    assert "TRUSTED_PROXIES" in warning
