"""What the same question costs with 10,000 to 10,000,000 customers and a log of twice as many events.

Each line: the lowest of several median milliseconds through the whole application (Django's test client, no network), the
sizes in turns; the last size beside the first with its goal; and what the plans of its statements read at the last size.
`GROWTH_SIZES` names other sizes; `GROWTH_SERVER` is a server that keeps what was filled, so that the next run need not.
Ten million take some twenty minutes to fill, and 22 GB.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from operator import itemgetter
from typing import Any

import django
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import goals, machine
from bench.filled import ROOT, SETTINGS, filled
from tests.databases import start_postgresql

SIZES = [int(size) for size in os.environ.get("GROWTH_SIZES", "10000,100000,1000000,10000000").split(",")]
ONLY = os.environ.get("GROWTH_ONLY", "")  # a part of the names of questions
ROUNDS, PASSES, TRIES = 9, 3, 2
LONGEST_MS = 9_000  # a pass asks no more when its answers have taken so long together
USED = 50  # customers that are changed
GOAL = 1.5  # times as long as with the fewest customers, where nothing else is said
COUNTS = None  # no goal: by the contract it reads or counts as much as it finds
API = "/api/crm"
LIST = f"{API}/customer"
ROWS = f"{API}/supplier-number-at-customer"
FEED = f"{API}/event"
PAGE = "/admin/crm/customer/"


@dataclass(frozen=True)
class Question:
    """A GET as somebody, or a call of an own function."""

    url: str
    goal: float | None = GOAL
    write: str = ""


QUESTIONS = {
    "retrieve": Question(f"{LIST}/{{middle}}"),
    "retrieve, rows": Question(f"{LIST}/{{middle}}?expand[]=supplier_numbers"),
    "list, first page": Question(LIST, 1.2),
    "list, 100": Question(f"{LIST}?limit=100"),
    "cursor at the middle": Question(f"{LIST}?starting_after={{middle}}"),
    "cursor near the end": Question(f"{LIST}?starting_after={{early}}"),
    "cursor backwards": Question(f"{LIST}?ending_before={{middle}}"),
    "offset 0.9 n": Question(f"{LIST}?offset={{far}}", COUNTS),
    "q, a rare word": Question(f"{LIST}?q={{rare}}"),
    "q, two words": Question(f"{LIST}?q=nordic+{{rare}}"),
    "q, a number's start": Question(f"{LIST}?q={{tax}}"),
    "q, one in seven": Question(f"{LIST}?q=nordic", COUNTS),
    "email_id=": Question(f"{LIST}?email_id=info4711@c47.example"),
    "tax_id[in]=": Question(f"{LIST}?tax_id[in]={{tax}},DE000000000"),
    "customer_name=": Question(f"{LIST}?customer_name=nobody"),
    "customer_name[contains]=": Question(f"{LIST}?customer_name[contains]={{rare}}"),
    "customer_pos_id=": Question(f"{LIST}?customer_pos_id=nobody"),
    "id=": Question(f"{LIST}?id={{middle}}"),
    "created_at, an hour": Question(f"{LIST}?created_at[gte]={{hour}}"),
    "updated_at, an hour": Question(f"{LIST}?updated_at[gte]={{hour}}"),
    "customer_group=, 250 of it": Question(f"{LIST}?customer_group=group+7"),
    "territory=, 1 in 40": Question(f"{LIST}?territory=territory+7", COUNTS),
    "industry=, no index": Question(f"{LIST}?industry=industry+7", COUNTS),
    "order_by=customer_name": Question(f"{LIST}?order_by=customer_name"),
    "order_by=-updated_at": Question(f"{LIST}?order_by=-updated_at"),
    "rows, first page": Question(f"{ROWS}?parent_id={{middle}}"),
    "row, retrieve": Question(f"{ROWS}/{{row}}"),
    "feed, first page": Question(FEED),
    "feed, at the middle": Question(f"{FEED}?after={{cursor}}"),
    "feed, customer_id=": Question(f"{FEED}?customer_id={{middle}}"),
    "feed, object_id=": Question(f"{FEED}?object_id={{middle}}"),
    "event, retrieve": Question(f"{FEED}/{{event}}"),
    "create": Question("", write="create"),
    "patch, a name": Question("", write="patch_name"),
    "patch, not searched": Question("", write="patch_other"),
    "delete": Question("", write="delete"),
    "admin: list": Question(PAGE, 1.3),
    "admin: list, a rare word": Question(f"{PAGE}?q={{rare}}"),
    # Beyond a thousand different values the page looks into the table for other spellings of one.
    "admin: list, one group": Question(f"{PAGE}?customer_group=group+7", COUNTS),
    "admin: list, 1 in 40": Question(f"{PAGE}?territory=territory+7", COUNTS),
    "admin: form": Question(f"{PAGE}{{middle}}/change/"),
    "admin: history": Question(f"{PAGE}{{middle}}/history/"),
    "admin: log": Question("/admin/overplane_events/event/"),
    "admin: dashboard": Question("/admin/", COUNTS),
}
QUERIES = {"admin: list": 6}
# The rare word beside retrieving, with the most customers; a page by cursor beside the first one.
BESIDE = {
    "q, a rare word": ("retrieve", 50.0),
    "cursor at the middle": ("list, first page", 1.5),
    "cursor near the end": ("list, first page", 1.5),
    "cursor backwards": ("list, first page", 1.5),
}
OFFSET_GOAL = 0.5  # of the database's own OFFSET over whole rows


def main() -> None:
    if server_url := os.environ.get("GROWTH_SERVER"):
        report(server_url)
        return
    server = start_postgresql(**SETTINGS)
    try:
        report(server.url, server.pid)
    finally:
        server.destroy()


def report(server_url: str, *database: int) -> None:
    """`database`: the server's process, if it is ours."""
    processes = {}
    for size in SIZES:
        started = time.perf_counter()
        processes[size] = SizeProcess(size, filled(server_url, size)[1])
        print(f"{size:,} customers are there after {time.perf_counter() - started:.0f} s", file=sys.stderr)
    print(f"{'milliseconds':27}" + "".join(f"{size:>12,}" for size in SIZES) + "   ratio  goal           plan")
    seen, noises = {}, {}
    for name, question in QUESTIONS.items():
        if ONLY not in name:
            continue
        passes, noises[name] = _passes(name, processes, database or [one.backend for one in processes.values()])
        seen[name] = {size: min(float(one[size]["ms"]) for one in passes) for size in SIZES}
        _tell(name, question.goal, seen[name], passes[-1][SIZES[-1]], noises[name])
    for name, (other, goal) in BESIDE.items() if not ONLY else ():
        ratio = seen[name][SIZES[-1]] / seen[other][SIZES[-1]]
        print(goals.at_most(f"{name} / {other}", ratio, goal, max(noises[name], noises[other])))
    for size, one in processes.items():
        if size >= 1_000_000 and not ONLY:
            bare = float(one.answer("bare offset")["ms"])
            ratio = seen["offset 0.9 n"][size] / bare
            label = f"offset 0.9 n / the database's own, {size:,}"
            print(goals.at_most(label, ratio, OFFSET_GOAL, noises["offset 0.9 n"]), flush=True)
    for one in processes.values():
        one.end()


def _passes(
    name: str, processes: dict[int, "SizeProcess"], database: Sequence[int]
) -> tuple[list[dict[int, dict[str, Any]]], float]:
    """The answers, the sizes in turns, and how much of the machine others used meanwhile; once more, if that was much."""
    tried = []
    while not tried or (tried[-1][1] > goals.NOISE and len(tried) < TRIES):
        with goals.watched(*database) as noise:
            passes = [{size: one.answer(name) for size, one in processes.items()} for _ in range(PASSES)]
        tried.append((passes, noise.processors))
    return min(tried, key=itemgetter(1))


def _tell(name: str, goal: float | None, ms: dict[int, float], last: dict[str, Any], noise: float) -> None:
    ratio = ms[SIZES[-1]] / ms[SIZES[0]]
    judged = "    – (no goal)"
    if goal is not None:
        reached = goals.at_most(f"{name}, {SIZES[-1]:,} / {SIZES[0]:,}", ratio, goal, noise).reached
        judged = f"{goal:5.1f}  {'reached' if reached else 'MISSED'}"
    if most := QUERIES.get(name):
        goals.at_most(f"{name}, queries", last["queries"], most)
    print(f"{name:27}" + "".join(f"{one:12.2f}" for one in ms.values()) + f" {ratio:7.2f} {judged:15} {last['plan']}", flush=True)  # fmt: skip


class SizeProcess:
    """A process with the whole application on the database of one size: answers a question's name with a line."""

    def __init__(self, size: int, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.growth", str(size)],
            cwd=ROOT, env=environment | {"LOG_LEVEL": "ERROR"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=machine.pinned(0),  # noqa: PLW1509 (there is one thread)
        )  # fmt: skip
        self.backend = int(self.answer("backend")["pid"])  # of the database's process

    def answer(self, name: str) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


class Answering:
    """The other side of `SizeProcess`."""

    def __init__(self, size: int) -> None:
        from overplane.api import keys  # noqa: PLC0415 (after django.setup)

        key = keys.mint("growth")[1]
        self.api = Client(headers={"authorization": f"Bearer {key}"}, SERVER_NAME="127.0.0.1")
        self.staff = Client(SERVER_NAME="127.0.0.1")
        people = get_user_model().objects
        self.staff.force_login(
            people.filter(username="growth").first() or people.create_superuser("growth", password=None)
        )
        # Else each process is lucky or not with where the scheduler puts both, which is a factor of two.
        connection.ensure_connection()
        if machine.may_pin() and connection.connection.info.host == "127.0.0.1":
            os.sched_setaffinity(connection.connection.info.backend_pid, os.sched_getaffinity(0))
        self.numbers = count(int(time.time() * 1000))
        self.size = size
        self.created_ids: list[str] = []
        self.known = self._known()

    def _known(self) -> dict[str, Any]:
        first = self.api.get(f"{FEED}?limit=1&customer_id=customer_{self.size // 2:026d}").json()
        with connection.cursor() as cursor:

            def value(sql: str) -> Any:
                cursor.execute(sql)
                (result,) = cursor.fetchone() or (None,)
                return result

            size = self.size
            hour = (
                "SELECT to_char(created_at - interval '1 hour', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM crm_customer"
                f" WHERE id = 'customer_{size:026d}'"
            )
            return {
                "middle": f"customer_{size // 2:026d}",
                "early": f"customer_{50:026d}",
                "row": f"supplier_number_at_customer_{size // 2:026d}",
                "far": size * 9 // 10,
                "rare": value(f"SELECT substr(md5('{size // 3}'), 1, 8)"),
                "tax": value(f"SELECT tax_id FROM crm_customer WHERE id = 'customer_{size // 3:026d}'"),
                "hour": value(hour),
                "event": first["data"][0]["id"],
                "cursor": first["next_cursor"],
            }

    def answer(self, name: str) -> dict[str, Any]:
        if name == "backend":
            connection.ensure_connection()
            return {"pid": connection.connection.info.backend_pid}
        if name == "bare offset":
            return {"ms": self._median(self._bare_offset)}
        question = QUESTIONS[name]
        if question.write:
            write = getattr(self, question.write)
            for _ in range(USED if write.__name__.startswith("patch") else 0):
                write()
            return {"ms": self._median(write), "queries": 0, "plan": ""}
        url = question.url.format(**self.known)
        client = self.staff if url.startswith("/admin/") else self.api
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(url)
        assert answer.status_code == 200, (url, answer.content)
        statements = [query["sql"] for query in captured.captured_queries]
        plan = ", ".join(sorted(read(statements)))
        return {"ms": self._median(lambda: client.get(url)), "queries": len(statements), "plan": plan}

    @staticmethod
    def _median(action: Callable[[], Any]) -> float:
        spent: list[float] = []
        while len(spent) < ROUNDS and sum(spent) < LONGEST_MS:
            started = time.perf_counter()
            action()
            spent.append((time.perf_counter() - started) * 1000)
        return statistics.median(spent)

    def _bare_offset(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM crm_customer ORDER BY created_at DESC, id DESC LIMIT 20 OFFSET %s", [self.known["far"]])  # fmt: skip
            cursor.fetchall()

    def create(self) -> None:
        n = next(self.numbers)
        body = {"customer_name": f"Quebec {n:x} Romeo", "customer_type": "Company", "territory": "territory 7",
                "email_id": f"info{n}@new.example", "tax_id": f"FR{n}"}  # fmt: skip
        answer = self.api.post(LIST, body, content_type="application/json")
        assert answer.status_code == 201, answer.content
        self.created_ids.append(answer.json()["id"])

    def _patch(self, body: dict[str, str]) -> None:
        # Customers from all over the table that have been changed before: a row that nobody has used for a long time has its
        # page in each index on the disk, and what that takes is the disk's time (1.2 ms became 4).
        pk = f"customer_{(next(self.numbers) % USED + 1) * (self.size // USED):026d}"
        answer = self.api.patch(f"{LIST}/{pk}", body, content_type="application/json")
        assert answer.status_code == 200, answer.content

    def patch_name(self) -> None:
        self._patch({"customer_name": f"Sierra {next(self.numbers):x} Tango"})

    def patch_other(self) -> None:
        self._patch({"payment_terms": f"{next(self.numbers)} days"})

    def delete(self) -> None:
        answer = self.api.delete(f"{LIST}/{self.created_ids.pop()}")
        assert answer.status_code == 200, answer.content


def read(statements: list[str]) -> set[str]:
    """The indexes that the plans of these queries use, and the tables that they read from end to end."""
    scans: set[str] = set()
    with connection.cursor() as cursor:
        for sql in statements:
            if not sql.startswith("SELECT") or not re.search("crm_|overplane_events_event", sql):
                continue
            cursor.execute("EXPLAIN " + sql)
            text = "\n".join(line for (line,) in cursor.fetchall())
            scans |= set(re.findall(r"Seq Scan on (?:crm|overplane_events)_\w+", text))
            scans |= set(re.findall(r"(?:using|Bitmap Index Scan on) (\w+)", text))
    return scans


if __name__ == "__main__":
    django.setup()
    answering = Answering(int(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(answering.answer(line.strip())), flush=True)
