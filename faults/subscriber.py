"""Somebody with a webhook endpoint of his own: disables and enables it, rolls its secret, has events sent again."""

from faults.calls import Api
from faults.history import OK
from faults.pool import Pool
from faults.readers import FEED
from faults.workload import Client

ENDPOINTS = "/api/crm/webhook-endpoint"
PATH = "/other"  # of the receiver


class Subscriber(Client):
    verbs = {
        "disable": 2, "enable": 3, "roll_secret": 2, "replay": 1, "resend": 3, "ping": 2, "describe": 2, "deliveries": 2,
    }  # fmt: skip
    pause = 0.5

    def __init__(self, api: Api, pool: Pool, url: str) -> None:
        super().__init__(api, pool)
        call = api.call("endpoint", "POST", ENDPOINTS, {"url": f"{url}{PATH}", "start_at": "start"}, key=self.key())
        assert call.outcome == OK, call
        self.endpoint = f"{ENDPOINTS}/{call.answer['id']}"
        self.cursor = "start"

    def go_by(self, port: int) -> None:
        self.api.close()
        self.api.port = port

    def disable(self) -> None:
        self._change("disable_endpoint", {"status": "disabled"})

    def enable(self) -> None:
        self._change("enable_endpoint", {"status": "enabled"})

    def describe(self) -> None:
        self._change("describe_endpoint", {"description": f"number {self.dice.getrandbits(20)}"})

    def _change(self, verb: str, values: dict[str, str]) -> None:
        self.api.call(verb, "PATCH", self.endpoint, values, key=self.maybe_key())

    def roll_secret(self) -> None:
        self.api.call("roll_secret", "POST", f"{self.endpoint}/roll-secret", {}, key=self.maybe_key())

    def ping(self) -> None:
        self.api.call("ping", "POST", f"{self.endpoint}/ping", {}, key=self.maybe_key())

    def replay(self) -> None:
        """What came since it did that the last time: from the start it would be everything."""
        page = self.api.call("feed", "GET", f"{FEED}?after={self.cursor}&limit=1000", notes={"quiet": True})
        if page.outcome == OK:
            self.cursor = page.answer["next_cursor"]
            after = {"after": self.cursor}
            self.api.call("replay_events", "POST", f"{self.endpoint}/replay", after, key=self.maybe_key())

    def resend(self) -> None:
        listed = self.api.call("deliveries", "GET", f"{self.endpoint}/delivery?limit=20")
        if listed.outcome == OK and listed.answer["data"]:
            path = f"{self.endpoint}/delivery/{self.dice.choice(listed.answer['data'])['id']}"
            self.api.call("delivery", "GET", path)
            self.api.call("resend", "POST", f"{path}/resend", {}, key=self.maybe_key())

    def deliveries(self) -> None:
        self.api.call("endpoint_read", "GET", self.endpoint)

    def finish(self) -> None:
        """Enabled, so that everything comes to it in the end."""
        self.api.call("enable_endpoint", "PATCH", self.endpoint, {"status": "enabled"}, key=self.key())
        self.api.close()
