"""A real TLS server: its certificate is checked against the name, though the connection goes to an address.

The certificates are made here, by an authority of our own.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from overplane.events.webhooks.transport import AttemptResult, Sender
from tests.events.webhooks import receiving
from tests.events.webhooks.receiving import Receiver

NAME, PUBLIC = "hook.example.com", "93.184.215.14"


@dataclass(frozen=True)
class Certificates:
    """One authority that the sender trusts, and certificates by name: of it, and of one that nobody knows."""

    authority: trustme.CA
    by_name: dict[str, trustme.LeafCert]


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    ours, yesterday = trustme.CA(), datetime.now(UTC) - timedelta(days=1)
    return Certificates(ours, {
        "good": ours.issue_cert(NAME),
        "other-name": ours.issue_cert("other.example.com", "127.0.0.1"),
        "of-the-address": ours.issue_cert(PUBLIC),
        "old": ours.issue_cert(NAME, not_after=yesterday),
        "of-nobody": trustme.CA().issue_cert(NAME),
    })  # fmt: skip


@dataclass
class Server:
    port: int = 0
    names: list[str | None] = field(default_factory=list)  # that clients asked for
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def serving(certificates: Certificates, name: str) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.by_name[name].configure_cert(context)
    server = Server()
    context.sni_callback = lambda sock, server_name, _: server.names.append(server_name)

    def serve(plain: socket.socket) -> None:
        with context.wrap_socket(
            plain, server_side=True
        ) as client:  # fails if the client does not like the certificate
            server.requests.append(receiving.read_request(client))
            client.sendall(b"HTTP/1.1 204 Good\r\n\r\n")

    with receiving.listening(serve) as server.port:
        yield server


def sent(
    certificates: Certificates, server: Server, monkeypatch: pytest.MonkeyPatch, host: str = NAME
) -> AttemptResult:
    """To the name, which resolves to a public address; whoever connects to that one gets to this server."""
    connect, addresses = socket.create_connection, []

    def to_the_server(address: tuple[str, int], *args: object) -> socket.socket:
        addresses.append(address)
        return connect(("127.0.0.1", server.port), 5)

    tls = ssl.create_default_context()
    certificates.authority.configure_trust(tls)
    sender = Sender(resolver=lambda host, port: [PUBLIC], tls=tls)
    with monkeypatch.context() as patched:
        patched.setattr(socket, "create_connection", to_the_server)
        outcome = sender.send(f"https://{host}/hook", b"{}", {})
    sender.close()
    assert addresses == [(PUBLIC, 443)]
    return outcome


def test_a_good_certificate_is_accepted_and_the_server_is_told_which_name_is_meant(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(certificates, "good") as server:
        assert sent(certificates, server, monkeypatch).status_code == 204
    assert server.names == [NAME]
    assert f"\r\nHost: {NAME}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("other-name", "Hostname mismatch"),
        ("of-the-address", "Hostname mismatch"),  # of where the connection goes, not of whom it is for
        ("old", "expired"),
        ("of-nobody", "unable to get local issuer"),
    ],
)
def test_any_other_certificate_is_refused_and_nothing_is_sent(
    name: str, said: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(certificates, name) as server:
        outcome = sent(certificates, server, monkeypatch)
    assert (outcome.is_success, outcome.status_code) == (False, None)
    assert outcome.error.startswith("TLS: ")
    assert said in outcome.error
    assert server.requests == []


def test_an_address_in_the_url_needs_a_certificate_of_that_address(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(certificates, "of-the-address") as server:
        assert sent(certificates, server, monkeypatch, host=PUBLIC).status_code == 204
    assert server.names == [None]
    with serving(certificates, "good") as server:
        assert "IP address mismatch" in sent(certificates, server, monkeypatch, host=PUBLIC).error


def test_the_authorities_are_those_of_the_system() -> None:
    tls = Sender().tls
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_who_speaks_no_tls_is_refused(
    certificates: Certificates, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Server(int(receiver.url.split(":")[2].partition("/")[0]))
    assert sent(certificates, plain, monkeypatch).error.startswith("TLS: ")
    assert not receiver.received
