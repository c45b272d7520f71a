"""One seed: start, disturb, settle, and ask the judge."""

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.service import ROOT
from faults.calls import Api
from faults.disturbances import Disturber
from faults.further import Further
from faults.history import History
from faults.http_transfers import HttpTransfers
from faults.network import Cable
from faults.office import Office
from faults.plan import Fault, plan
from faults.planted import Planted
from faults.pool import Pool
from faults.readers import FeedReader, Walker, whole_feed
from faults.settling import WEBHOOK_SECONDS, endpoint, replay_keys, settle, warm_up
from faults.subscriber import Subscriber
from faults.system import Ground, System
from faults.transfers import Importer
from faults.workload import Actor

CLIENTS, FURTHER, OFFICES = 6, 2, 2
# Where a fault was planted, which must be found within a minute: seconds for an answer that is no mistake, and for the last webhook.
MISTAKE_SECONDS, PLANTED_PATIENCE = 5, 20


class Doer(Protocol):
    def run(self, stopped: threading.Event) -> None: ...


@dataclass(slots=True)
class RunResult:
    seed: int
    folder: Path
    faults: list[str]
    problems: list[dict[str, str]]
    figures: dict[str, int] = field(default_factory=dict)
    is_reached: bool = False  # whether the planted fault did anything
    verbs: Counter[str] = field(default_factory=Counter)  # how many calls of each were done
    judged: dict[str, int] = field(default_factory=dict)  # what the judge looked at, and what it could not decide


def run(ground: Ground, seed: int, seconds: float, *, planted: Planted | None = None, keep: bool = False) -> RunResult:
    favoured = planted.helped_by if planted else ()
    faults = plan(seed, seconds, database=ground.database.name, without=ground.impossible(), favoured=favoured)
    has_clock = any(fault.name == "step_clock" for fault in faults)
    system = System(ground, f"seed{seed}", planted=planted.name if planted else "", has_clock=has_clock)
    outcome: RunResult | None = None
    try:
        outcome = _run(system, seed, seconds, faults)
        outcome.is_reached = (system.folder / "reached").exists()
        return outcome
    finally:
        is_telling = outcome is None or (bool(outcome.problems) and planted is None)
        system.close(keep=keep or is_telling)


def _run(system: System, seed: int, seconds: float, faults: list[Fault]) -> RunResult:
    system.start_all()
    history = History(system.folder / "history.jsonl")
    cable = Cable(system.port, random.Random(f"cable {seed}"))

    def api(name: str, port: int = cable.port) -> Api:
        one = Api(port, system.ground.key, history, name, random.Random(f"{seed} {name}"))
        one.patience = MISTAKE_SECONDS if system.planted else one.patience
        return one

    endpoint(system, api("setup", system.port))
    pool = Pool(random.Random(f"pool {seed}"))
    reader = FeedReader(api("reader"), system.folder / "read")
    subscriber = Subscriber(api("subscriber", system.port), pool, f"http://127.0.0.1:{system.receiver_port}")
    subscriber.go_by(cable.port)
    killing = sum(fault.name == "kill_import" for fault in faults)
    importer = Importer(system, history, random.Random(f"{seed} importer"), kills=min(killing / 2, 1.0))
    doers: list[Doer] = [
        *(Actor(api(f"c{i}"), pool) for i in range(CLIENTS)),
        *(Further(api(f"f{i}"), pool) for i in range(FURTHER)),
        *(Office(api(f"office{i}"), pool, system.ground.password) for i in range(OFFICES)),
        HttpTransfers(api("http"), pool), importer, subscriber, reader, Walker(api("walker")),
    ]  # fmt: skip
    stopped, broken = threading.Event(), list[Exception]()
    threads = [threading.Thread(target=_do, args=[doer, stopped, broken], daemon=True) for doer in doers]
    for thread in threads:
        thread.start()
    warm_up(history)
    disturber = Disturber(system, cable, faults)
    disturber.run()
    time.sleep(max(disturber.began + seconds - time.monotonic(), 0))
    stopped.set()
    disturber.end()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    direct = api("end", system.port)
    subscriber.go_by(system.port)
    subscriber.finish()
    settle(system, direct, PLANTED_PATIENCE if system.planted else WEBHOOK_SECONDS)
    reader.api.port = system.port
    reader.finish()
    replay_keys(direct, system.folder / "history.jsonl", history)
    history.close()
    events = whole_feed(direct)
    with (system.folder / "feed.jsonl").open("w") as out:
        out.writelines(json.dumps(event) + "\n" for event in events)
    cable.close()
    figures = {"calls": history.count, "events": len(events)}
    problems, judged = judge(system)
    return RunResult(seed, system.folder, disturber.log, problems, figures, verbs=history.done, judged=judged)


def _do(doer: Doer, stopped: threading.Event, broken: list[Exception]) -> None:
    """One that stops half-way would leave a run in which nothing can be wrong."""
    try:
        doer.run(stopped)
    except Exception as error:  # noqa: BLE001 (whatever it is, the run says it)
        broken.append(error)


def judge(system: System) -> tuple[list[dict[str, str]], dict[str, int]]:
    """In a process of its own: it reads the database by the product's own models, with nothing planted."""
    command = [sys.executable, "-m", "faults.judging", str(system.folder)]
    environment = {n: v for n, v in system.environment.items() if not n.startswith("FAULTS_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the judge broke off: {done.stderr[-3000:]}")
    said = json.loads(done.stdout)
    return said["problems"], said["judged"]
