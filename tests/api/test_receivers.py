"""The receivers of the reference, run as they stand there: they believe what this service signed, and nothing else."""

import http.client
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from overplane.events.webhooks.signing import sign
from tests.reference_page import is_receiver, samples_in

pytestmark = [pytest.mark.slow, pytest.mark.half("postgresql")]
SECRET, OTHER = "whsec_c2VjcmV0IG9mIGEgdGVzdCwgMzIgYnl0ZXMgbG9uZyE=", "whsec_b3RoZXI="
COMMANDS = {"python": [sys.executable, "-c"], "javascript": ["node", "-e"]}
BODY = '{"type":"customer.created","data":{"object":{"customer_name":"Müller 🚀"}}}'.encode()


class Running:
    """A receiver in a process of its own."""

    def __init__(self, language: str) -> None:
        (sample,) = [one for one in samples_in(language) if is_receiver(one)]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        assert "whsec_..." in sample.text
        text = sample.text.replace("whsec_...", SECRET).replace("3000", str(self.port))
        self.process = subprocess.Popen([*COMMANDS[language], text], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def post(self, headers: dict[str, str], body: bytes = BODY) -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as caller:
            caller.request("POST", "/", body, headers)
            return caller.getresponse().status

    def wait(self) -> None:
        over = time.monotonic() + 20
        while time.monotonic() < over:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the receiver does not start")

    def line(self) -> bytes:
        assert self.process.stdout
        return self.process.stdout.readline()


@pytest.fixture(params=COMMANDS)
def receiver(request: pytest.FixtureRequest) -> Iterator[Running]:
    if not shutil.which(COMMANDS[request.param][0]):
        pytest.skip("without node")
    running = Running(request.param)
    try:
        running.wait()
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


def test_a_receiver_believes_what_is_signed_and_nothing_else(receiver: Running) -> None:
    now = int(time.time())
    good = sign("evt_1", now, BODY, [SECRET])
    assert receiver.post(good) == 204
    assert receiver.line().strip() == BODY
    assert receiver.post(sign("evt_1", now, BODY, [OTHER, SECRET])) == 204  # after a roll
    assert receiver.line().strip() == BODY
    refused = [
        sign("evt_1", now, BODY, [OTHER]),
        sign("evt_1", now - 600, BODY, [SECRET]),
        good | {"webhook-id": "evt_2"},
        good | {"webhook-timestamp": str(now - 1)},
        good | {"webhook-signature": "v1,"},
        {},
    ]
    for headers in refused:
        assert (receiver.post(headers), receiver.line().strip()) == (400, b"Refused.")
    assert receiver.post(good, BODY + b" ") == 400
    assert receiver.post(good) == 204, "it still runs"
