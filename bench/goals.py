"""What the measurements of one run are judged by, and the table of it at the run's end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import machine

NOISE = 0.3  # processors that others may use, or a measurement is repeated


@dataclass(frozen=True)
class Judged:
    label: str
    value: float
    goal: float
    reached: bool
    noise: float | None

    def __str__(self) -> str:
        noise = "" if self.noise is None else f"{self.noise:.2f}{' noisy' if self.noise > NOISE else ''}"
        verdict = "reached" if self.reached else "MISSED"
        return f"{self.label:52} {self.value:9.3f} {self.goal:8.2f}  {verdict:8} {noise}"


judged: list[Judged] = []


def at_most(label: str, value: float, goal: float, noise: float | None = None) -> Judged:
    return _judge(Judged(label, value, goal, value <= goal, noise))


def at_least(label: str, value: float, goal: float, noise: float | None = None) -> Judged:
    return _judge(Judged(label, value, goal, value >= goal, noise))


def _judge(one: Judged) -> Judged:
    judged.append(one)
    return one


def table() -> None:
    """Everything that was judged since the start, missed goals too."""
    if judged:
        print(f"\n{'all goals of this run':52} {'value':>9} {'goal':>8}  {'':8} noise")
        for one in judged:
            print(one)
        print(f"{sum(one.reached for one in judged)} of {len(judged)} reached")
        print(f"noise: processors that others used meanwhile; above {NOISE} a figure is worth little", flush=True)


class Noise:
    """`processors`: how many others have used while this process, its children and the database's server worked."""

    processors = 0.0


@contextmanager
def watched(*database: int) -> Iterator[Noise]:
    """`database`: process ids of its server, which is no child of this process."""
    noise, started = Noise(), time.perf_counter()
    busy, own = machine.busy_seconds(), machine.own_seconds(database)
    yield noise
    others = (machine.busy_seconds() - busy) - (machine.own_seconds(database) - own)
    noise.processors = max(0.0, others / (time.perf_counter() - started))
