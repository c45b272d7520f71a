"""Where a webhook may not go. What is refused is never connected to."""

import socket
import ssl
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from overplane.events.webhooks import guard, services
from overplane.events.webhooks.transport import Sender

TLS = ssl.create_default_context()  # reading all authorities takes longer than a test
PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"]
NOT_PUBLIC = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "0.0.0.0", "169.254.169.254", "100.64.0.1", "192.0.0.8",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::1", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "fe80::1", "fe80::1%eth0",
    "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::7f00:1",
    "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "100::1", "192.88.99.1", "2001:10::1", "2001:20::1", "3fff::1", "5f00::1", "4000::1",
]  # fmt: skip


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """To where anybody tried to connect; nobody gets through."""
    tried: list[Any] = []

    def connect(address: Any, *args: Any, **kwargs: Any) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


def sent(url: str, *answers: list[str]) -> str:
    """The error of an attempt, where the name is resolved to this (the next time to that)."""
    left = list(answers)
    return Sender(resolver=lambda host, port: left.pop(0), tls=TLS).send(url, b"{}", {}).error


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_not_connected_to(address: str, connected: list[Any]) -> None:
    assert sent("https://hook.example.com/", [address]).startswith("refused: ")
    host = f"[{address}]" if ":" in address else address
    assert sent(f"https://{host}/", [address]).startswith("refused: ")
    assert connected == []


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_connected_to_at_that_very_address(address: str, connected: list[Any]) -> None:
    assert not sent("https://hook.example.com/", [address]).startswith("refused: ")
    assert connected == [(address, 443)]


@pytest.mark.parametrize("others", [["10.0.0.1"], ["::1"], ["::ffff:169.254.169.254"]])
def test_one_private_address_among_public_ones_is_enough(others: list[str], connected: list[Any]) -> None:
    assert sent("https://hook.example.com/", [*PUBLIC, *others]).startswith("refused: ")
    assert sent("https://hook.example.com/", [*others, *PUBLIC]).startswith("refused: ")
    assert connected == []


def test_a_name_is_asked_for_once_so_nothing_can_be_swapped(connected: list[Any]) -> None:
    """Rebinding: a public address for the check, a private one for the use."""
    lookups: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        lookups.append(host)
        return ["93.184.215.14"] if len(lookups) == 1 else ["127.0.0.1"]

    sender = Sender(resolver=rebinding, tls=TLS)
    sender.send("https://hook.example.com/", b"{}", {})
    assert (lookups, connected) == (["hook.example.com"], [("93.184.215.14", 443)])
    assert sender.send("https://hook.example.com/", b"{}", {}).error.startswith("refused: ")
    assert connected == [("93.184.215.14", 443)]


DISGUISED = [
    "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.0.1.", "0", "017700000001", "0x7f.1",
    "127.0.0.0x1", "[::ffff:7f00:1]", "[::1]", "[fe80::1%25eth0]", "[::ffff:127.0.0.1]",
]  # fmt: skip


@pytest.mark.parametrize("host", DISGUISED)
def test_numbers_in_other_spellings_are_refused(host: str, connected: list[Any]) -> None:
    assert sent(f"https://{host}/", ["127.0.0.1"]).startswith("refused: ")
    assert sent(f"https://{host}/", ["93.184.215.14"]).startswith("refused: ")
    with pytest.raises(ValidationError):
        services.create_endpoint({"url": f"https://{host}/hook"})
    assert connected == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "//example.com/", "example.com", "https://", "https://./", "https:///x",
        "https://user@example.com/", "https://user:word@example.com/", "https://:@example.com/", "https://example.com:0/",
        "https://example.com:99999/", "https://example.com/#part", "https://exa mple.com/", "https://exam\tple.com/",
        "https://example.com\\@127.0.0.1/", "https://exämple.com/", "https://[::1/", "https://%31%32%37.0.0.1/",
        "https://example.com/\r\nHost: x",
    ],
)  # fmt: skip
def test_urls_that_are_none_or_hide_something(url: str, connected: list[Any]) -> None:
    assert sent(url, ["93.184.215.14"]).startswith("refused: ")
    with pytest.raises(guard.Refused):
        guard.target(url)
    assert connected == []


def test_the_own_egress_proxy_or_development_lifts_both(settings: Any, connected: list[Any]) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    sent("http://hook.internal:8080/", ["10.0.0.1"])
    assert connected == [("10.0.0.1", 8080)]


def test_a_name_without_address_is_a_failure(connected: list[Any]) -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    assert "no such name" in Sender(resolver=nobody, tls=TLS).send("https://hook.example.com/", b"{}", {}).error
    assert connected == []
