"""nginx with the configuration that is shipped, before a service: only addresses, files and the certificate are a test's own."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import trustme

TEMPLATE = Path(__file__).parent.parent / "deploy" / "nginx" / "nginx.conf.template"
# Debian puts it where only root looks.
PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
NAME = "crm.example.com"
BASE_URL = f"https://{NAME}"
READ_TIMEOUT = "proxy_read_timeout 60s;"
PARTS = (
    "BASE_URL", "SERVER_NAMES", "UPSTREAM", "HTTP_PORT", "HTTPS_PORT", "CERTIFICATE", "CERTIFICATE_KEY", "NGINX_STATE",
    "NGINX_PID", "ACCESS_LOG",
)  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def rendered(**parts: str) -> str:
    """What `envsubst` makes of the template with the list of names that docs/operations.md gives it."""
    assert parts.keys() == set(PARTS)
    text = TEMPLATE.read_text()
    for name, value in parts.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def upstream(*ports: int) -> str:
    """One server, or several as docs/operations.md writes them."""
    if len(ports) == 1:
        return f"127.0.0.1:{ports[0]}"
    return "; server ".join(f"127.0.0.1:{port} fail_timeout=1s" for port in ports)


class Proxy:
    """`port` speaks HTTPS, `plain_port` HTTP. `context` trusts the certificate."""

    def __init__(self, home: Path, *upstream_ports: int, read_timeout: str) -> None:
        self.home, self.port, self.plain_port = home, free_port(), free_port()
        authority = trustme.CA()
        certificate = authority.issue_cert(NAME, "127.0.0.1", "localhost")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(home / "certificate.pem"))
        self.context = ssl.create_default_context()
        authority.configure_trust(self.context)
        authority.cert_pem.write_to_path(str(home / "authority.pem"))
        text = rendered(
            BASE_URL=BASE_URL, SERVER_NAMES=f"{NAME} localhost 127.0.0.1", UPSTREAM=upstream(*upstream_ports),
            HTTP_PORT=str(self.plain_port), HTTPS_PORT=str(self.port), CERTIFICATE=str(home / "certificate.pem"),
            CERTIFICATE_KEY=str(home / "certificate.pem"), NGINX_STATE=str(home),
            NGINX_PID=str(home / "nginx.pid"), ACCESS_LOG=str(home / "access.log"),
        )  # fmt: skip
        assert text.count(READ_TIMEOUT) == 1
        text = text.replace(READ_TIMEOUT, f"proxy_read_timeout {read_timeout};")
        if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
            text = "\n".join(line for line in text.splitlines() if "listen [::]" not in line)
        (home / "nginx.conf").write_text(text)

    def connect(self, *, source: str = "127.0.0.1", timeout: float = 30) -> ssl.SSLSocket:
        """A new connection; `source` is the client's address, any of 127.0.0.0/8."""
        with ExitStack() as stack:
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout, (source, 0)))
            secured = self.context.wrap_socket(plain, server_hostname=NAME)
            stack.pop_all()
        return secured

    def raw(self, sent: bytes, *, plain: bool = False) -> bytes:
        """All that comes back for these bytes, until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.plain_port), 30) if plain else self.connect() as caller:
            caller.sendall(sent)
            return b"".join(iter(lambda: caller.recv(65536), b""))

    def call(
        self, method: str, path: str, key: str = "", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        caller = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.context)
        sent = {"Host": NAME, "Authorization": f"Bearer {key}", "Connection": "close"}
        caller.request(method, path, body, sent | {name.replace("_", "-"): value for name, value in headers.items()})
        answer = caller.getresponse()
        result = answer.status, answer.read(), answer.headers
        caller.close()
        return result

    @property
    def log(self) -> str:
        """The lines of the access log, and what nginx complains of."""
        return (self.home / "access.log").read_text() + (self.home / "log").read_text()


@contextmanager
def proxied(home: Path, *upstream_ports: int, read_timeout: str = "60s") -> Iterator[Proxy]:
    """nginx as an ordinary user: without port 80, and without the directories of the system."""
    home.mkdir(exist_ok=True)
    proxy, process = _started(home, *upstream_ports, read_timeout=read_timeout)
    try:
        yield proxy
    finally:
        process.terminate()
        process.wait(30)


def _started(home: Path, *upstream_ports: int, read_timeout: str) -> tuple[Proxy, subprocess.Popen]:
    assert PROGRAM
    for _ in range(3):  # somebody else may take a free port first
        proxy = Proxy(home, *upstream_ports, read_timeout=read_timeout)
        if os.geteuid() == 0:  # nobody else may write into root's directories
            text = (home / "nginx.conf").read_text().replace("user www-data;", "user root;")
            (home / "nginx.conf").write_text(text)
        with (home / "log").open("w") as log:
            command = [PROGRAM, "-p", str(home), "-c", str(home / "nginx.conf"), "-g", "daemon off;"]
            process = subprocess.Popen(command, stdout=log, stderr=log)
        while process.poll() is None:
            with suppress(OSError):
                proxy.connect().close()
                return proxy, process
            time.sleep(0.05)
    raise AssertionError(f"nginx does not start: {(home / 'log').read_text()}")
