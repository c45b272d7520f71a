"""A real TLS server: its certificate is checked against the name, though the connection goes to an address.

The certificates are made here, by an authority of our own.
"""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from overplane.events.webhooks.transport import Outcome, Sender
from tests.events.webhooks import receiving
from tests.events.webhooks.receiving import Receiver

NAME, PUBLIC = "hook.example.com", "93.184.215.14"


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def authority(folder: Path, name: str) -> None:
    openssl(
        folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
    )  # fmt: skip


def certificate(folder: Path, name: str, *, names: str, by: str, days: str = "2") -> None:
    """`names`: what it is good for, as in `DNS:example.com`."""
    (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
    openssl(
        folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=A receiver",
        "-keyout", f"{name}.key", "-out", f"{name}.csr",
    )  # fmt: skip
    openssl(
        folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.crt", "-CAkey", f"{by}.key", "-CAcreateserial",
        "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.crt",
    )  # fmt: skip


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "unknown"):
        authority(folder, name)
    certificate(folder, "good", names=f"DNS:{NAME}", by="ours")
    certificate(folder, "other-name", names="DNS:other.example.com,IP:127.0.0.1", by="ours")
    certificate(folder, "of-the-address", names=f"IP:{PUBLIC}", by="ours")
    certificate(folder, "old", names=f"DNS:{NAME}", by="ours", days="-1")
    certificate(folder, "of-nobody", names=f"DNS:{NAME}", by="unknown")
    return folder


@dataclass
class Server:
    port: int
    names: list[str | None] = field(default_factory=list)  # that clients asked for
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def serving(folder: Path, certificate_name: str) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{certificate_name}.crt", folder / f"{certificate_name}.key")
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])
    context.sni_callback = lambda sock, name, _: server.names.append(name)

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as client:
                    server.requests.append(receiving.read_request(client))
                    client.sendall(b"HTTP/1.1 204 Good\r\n\r\n")
            except OSError:  # the client did not like the certificate
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def sent(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, host: str = NAME) -> Outcome:
    """To the name, which resolves to a public address; whoever connects to that one gets to this server."""
    connect, asked = socket.create_connection, []

    def to_the_server(address: tuple[str, int], *args: object) -> socket.socket:
        asked.append(address)
        return connect(("127.0.0.1", server.port), 5)

    sender = Sender(resolver=lambda host, port: [PUBLIC], tls=ssl.create_default_context(cafile=folder / "ours.crt"))
    with monkeypatch.context() as patched:
        patched.setattr(socket, "create_connection", to_the_server)
        outcome = sender.send(f"https://{host}/hook", b"{}", {})
    sender.close()
    assert asked == [(PUBLIC, 443)]
    return outcome


def test_a_good_certificate_is_accepted_and_the_server_is_told_which_name_is_meant(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
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
    name: str, said: str, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(certificates, name) as server:
        outcome = sent(certificates, server, monkeypatch)
    assert (outcome.is_success, outcome.status_code) == (False, None)
    assert outcome.error.startswith("TLS: ")
    assert said in outcome.error
    assert server.requests == []


def test_an_address_in_the_url_needs_a_certificate_of_that_address(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
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


def test_who_speaks_no_tls_is_refused(certificates: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Server(int(receiver.url.split(":")[2].partition("/")[0]))
    assert sent(certificates, plain, monkeypatch).error.startswith("TLS: ")
    assert not receiver.received
