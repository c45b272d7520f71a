"""What a client of the API does, drawn from its own dice: every verb on customers and their rows, with and without keys."""

import threading
from collections.abc import Mapping
from typing import Any

from faults.calls import Api
from faults.history import OK, Call
from faults.pool import TRACKED, Known, Pool, token

CUSTOMER, ROW = "/api/crm/customer", "/api/crm/supplier-number-at-customer"
MOST = 400  # customers; more would make each checker slower and no race likelier
# How often each verb is drawn.
VERBS = {
    "create": 10, "create_with_rows": 5, "patch": 20, "patch_if_match": 8, "patch_lists": 5, "retrieve": 20, "delete": 4,
    "batch": 4, "upsert": 6, "add_row": 10, "patch_row": 7, "delete_row": 4, "reorder": 5, "merge": 3, "unmerge": 2, "search": 3,
    "list_rows": 3,
}  # fmt: skip


class Client:
    """Draws one of its verbs after the other; each is a method."""

    verbs: Mapping[str, int]
    pause = 0.02  # seconds after each, at most

    def __init__(self, api: Api, pool: Pool) -> None:
        self.api, self.pool, self.dice, self.count = api, pool, api.dice, 0

    def run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            getattr(self, self.draw())()
            stopped.wait(self.dice.random() * self.pause)
        self.api.close()

    def draw(self) -> str:
        return self.dice.choices([*self.verbs], [*self.verbs.values()])[0]

    def value(self, word: str) -> str:
        self.count += 1
        return f"{word} {self.api.name}{self.count}"

    def changes(self, word: str) -> dict[str, Any]:
        return {name: self.value(word) for name in self.dice.sample(TRACKED, self.dice.choice([1, 1, 2]))}

    def row(self, word: str) -> dict[str, Any]:
        return {"company": self.value(word), "supplier_number": self.value(word)}

    def key(self) -> str:
        return f"{self.dice.getrandbits(96):024x}"

    def maybe_key(self) -> str:
        return self.key() if self.dice.random() < 0.5 else ""


class Actor(Client):
    verbs = VERBS

    def draw(self) -> str:
        if len(self.pool) < 12:
            return "create_with_rows"
        return super().draw() if len(self.pool) <= MOST else "delete"

    # Customers

    def created(self, call: Call, word: str) -> None:
        if call.outcome == OK:
            rows = [row["id"] for row in call.answer.get("supplier_numbers", ())]
            self.pool.put(Known(call.answer["id"], word, 1, rows))

    def create(self) -> None:
        word = token(self.dice)
        body = {name: self.value(word) for name in TRACKED}
        self.created(self.api.call("create", "POST", CUSTOMER, body, key=self.maybe_key(), notes={"token": word}), word)

    def create_with_rows(self) -> None:
        word = token(self.dice)
        rows = [self.row(word) for _ in range(self.dice.randint(1, 4))]
        body = {"customer_name": self.value(word), "mobile_no": "+49 30 1234", "supplier_numbers": rows}
        self.created(self.api.call("create", "POST", CUSTOMER, body, key=self.maybe_key(), notes={"token": word}), word)

    def patch(self) -> None:
        if one := self.pool.pick(self.dice):
            path = f"{CUSTOMER}/{one.id}"
            call = self.api.call("patch", "PATCH", path, self.changes(one.token), target=one.id, key=self.maybe_key())
            one.version = call.version or one.version

    def patch_if_match(self) -> None:
        if (one := self.pool.pick(self.dice)) and one.version:
            path = f"{CUSTOMER}/{one.id}"
            call = self.api.call(
                "patch", "PATCH", path, self.changes(one.token), target=one.id, expected=one.version,
                key=self.maybe_key(),
            )  # fmt: skip
            one.version = call.version or one.version

    def patch_lists(self) -> None:
        """The full list of rows: some stay, some are changed and moved, some go, some are new."""
        if one := self.pool.pick(self.dice):
            stay = [{"id": i} for i in one.rows if self.dice.random() < 0.7]
            self.dice.shuffle(stay)
            rows = [row | (self.row(one.token) if self.dice.random() < 0.3 else {}) for row in stay]
            rows.append(self.row(one.token))
            body = self.changes(one.token) | {"supplier_numbers": rows}
            path = f"{CUSTOMER}/{one.id}"
            call = self.api.call("patch", "PATCH", path, body, target=one.id, key=self.maybe_key())
            if call.outcome == OK:
                one.rows = [row["id"] for row in call.answer["supplier_numbers"]]

    def retrieve(self) -> None:
        if one := self.pool.pick(self.dice):
            call = self.api.call("retrieve", "GET", f"{CUSTOMER}/{one.id}", target=one.id)
            one.version = call.version or one.version

    def delete(self) -> None:
        if one := self.pool.pick(self.dice):
            if self.dice.random() < 0.9:
                self.pool.forget(one.id)
            path = f"{CUSTOMER}/{one.id}"
            self.api.call("delete", "DELETE", path, target=one.id, key=self.maybe_key())

    def batch(self) -> None:
        """Of everything that a batch can do; the words are those of whom it may create, by the operation's index."""
        words: dict[int, str] = {}
        operations: list[dict[str, Any]] = []
        for one in self.pool.several(self.dice, self.dice.choice([1, 3, 6])):
            op = self.dice.choices(["delete", "retrieve", "update"], [1, 2, 7])[0]
            if op == "delete":
                self.pool.forget(one.id)
            data = {"data": self.changes(one.token)} if op == "update" else {}
            operations.append({"op": op, "id": one.id, **data})
        for _ in range(self.dice.choice([0, 2, 40])):
            word = words[len(operations)] = token(self.dice)
            data = {name: self.value(word) for name in TRACKED}
            operations.append({"op": "create", "data": data})
        if operations:
            self.send_batch(operations, words)

    def upsert(self) -> None:
        """A few customers by their tax ids, which all clients share: whoever comes first creates, the others change."""
        words: dict[int, str] = {}
        operations: list[dict[str, Any]] = []
        for word in self.dice.sample(self.pool.upserted, self.dice.choice([1, 1, 2, 4])):
            words[len(operations)] = word
            data = {"tax_id": word, "customer_name": self.value(word), "territory": self.value(word)}
            operations.append({"op": "upsert", "match_on": "tax_id", "data": data})
        if self.dice.random() < 0.3 and (one := self.pool.pick(self.dice)):
            operations.append({"op": "update", "id": one.id, "data": self.changes(one.token)})
        self.send_batch(operations, words, verb="upsert", often=1.0)

    def send_batch(
        self, operations: list[dict[str, Any]], words: dict[int, str], *, verb: str = "batch", often: float = 0.3
    ) -> None:
        """`often`: how many of the created ones the others learn of."""
        body = {"operations": operations, "atomic": self.dice.random() < 0.5}
        call = self.api.call(verb, "POST", f"{CUSTOMER}/batch", body, key=self.maybe_key())
        for entry in call.answer["data"] if call.outcome == OK else ():
            if entry["index"] in words and entry["status"] == 201 and self.dice.random() < often:
                self.pool.put(Known(entry["object"]["id"], words[entry["index"]], 1))

    def merge(self) -> None:
        chosen = self.pool.to_merge(self.dice, self.dice.choice([2, 2, 3]))
        if len(chosen) > 1:
            survivor, others = chosen[0], chosen[1:]
            body = {"from": [one.id for one in others]}
            path = f"{CUSTOMER}/{survivor.id}/merge"
            call = self.api.call("merge", "POST", path, body, target=survivor.id, key=self.maybe_key())
            if call.outcome == OK:
                self.pool.merged(survivor.id, others)

    def unmerge(self) -> None:
        if merge := self.pool.merge(self.dice):
            survivor, others = merge
            path = f"{CUSTOMER}/{survivor}/unmerge"
            call = self.api.call("unmerge", "POST", path, {"restore": others}, target=survivor, key=self.maybe_key())
            for one in call.answer["restored"] if call.outcome == OK else ():
                self.pool.put(Known(one["id"], one["customer_name"].split(" ")[0], 0))

    def search(self) -> None:
        """Finds what it has written a moment ago."""
        if one := self.pool.pick(self.dice):
            self.api.call("search", "GET", f"{CUSTOMER}?q={one.token}&fields=id", target=one.id)

    # Rows

    def add_row(self) -> None:
        if one := self.pool.pick(self.dice):
            body = {"customer_id": one.id, **self.row(one.token)}
            if self.dice.random() < 0.4:
                body["idx"] = self.dice.randint(1, len(one.rows) + 1)
            call = self.api.call("add_row", "POST", ROW, body, target=one.id, key=self.maybe_key())
            if call.outcome == OK:
                # Another client may have seen it in a list already.
                one.rows = [*dict.fromkeys([*one.rows, call.answer["id"]])]

    def patch_row(self) -> None:
        one = self.pool.pick(self.dice)
        if one and one.rows:
            body: dict[str, Any] = {"supplier_number": self.value(one.token)}
            if self.dice.random() < 0.5:
                body["idx"] = self.dice.randint(1, len(one.rows))
            path = f"{ROW}/{self.dice.choice(one.rows)}"
            self.api.call("patch_row", "PATCH", path, body, target=one.id, key=self.maybe_key())

    def delete_row(self) -> None:
        one = self.pool.pick(self.dice)
        if one and one.rows:
            row = one.rows.pop(self.dice.randrange(len(one.rows)))
            self.api.call("delete_row", "DELETE", f"{ROW}/{row}", target=one.id, key=self.maybe_key())

    def reorder(self) -> None:
        if (one := self.pool.pick(self.dice)) and len(one.rows) > 1:
            ids = [*one.rows]
            self.dice.shuffle(ids)
            body = {"parent_id": one.id, "ordered_ids": ids}
            self.api.call("reorder", "POST", f"{ROW}/reorder", body, target=one.id, key=self.maybe_key())

    def list_rows(self) -> None:
        """Also learns which rows there are."""
        if one := self.pool.pick(self.dice):
            call = self.api.call("list_rows", "GET", f"{ROW}?parent_id={one.id}", target=one.id)
            if call.outcome == OK:
                one.rows = [row["id"] for row in call.answer["data"]]
