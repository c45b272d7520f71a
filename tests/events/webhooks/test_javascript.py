"""The official JavaScript library verifies what the worker sends."""

import json
import subprocess

import pytest

from overplane.events.webhooks import services
from tests.clients import run
from tests.conftest import Api, settle
from tests.events.webhooks.conftest import Courier
from tests.events.webhooks.receiving import Receiver


@pytest.mark.slow
@pytest.mark.half("postgresql")
@pytest.mark.skipif(not run.has_node(), reason="without node")
def test_the_javascript_library_accepts_a_thousand_of_a_thousand(
    live_api: Api, receiver: Receiver, courier: Courier
) -> None:
    run.install()
    endpoint, secret = services.create_endpoint({"url": receiver.url})
    for number in range(100):
        live_api.create(customer_name=f"Müller 🚀 {number}")
    courier.deliver()
    settle()
    for _ in range(9):
        assert services.replay(endpoint.id, after="start") == 100
    courier.deliver()
    sent = [{"headers": one.headers, "body": one.body.decode()} for one in receiver.received]
    assert verified(secret, sent) == "1000"
    sent[500]["body"] += " "
    assert verified(secret, sent) == ""


def verified(secret: str, deliveries: list[dict[str, object]]) -> str:
    text = json.dumps({"secret": secret, "deliveries": deliveries})
    command = ["node", "verify.mjs"]
    done = subprocess.run(command, cwd=run.HERE, input=text, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip()
