"""Which faults come when: drawn from the seed before anything starts, so that a seed says all of it."""

import random
from dataclasses import dataclass

# How often each is drawn. What a database or a machine cannot have is left out of its plans.
EVERYWHERE = {
    "kill_web_worker": 5, "kill_web": 2, "restart_web": 2, "stop_web": 2, "kill_worker": 3, "stop_worker": 2, "cut_answers": 6, "delay_answers": 3,
    "hold_lock": 3, "kill_import": 3, "step_clock": 2, "fill_disk": 2,
}  # fmt: skip
ON_POSTGRESQL = {"kill_backend": 3, "stop_database": 3, "kill_database": 2, "exhaust_connections": 2}
# A worker that was killed holds its endpoints for ten seconds more; what would be waited for in the end comes early.
EARLY = {"kill_worker", "stop_worker", "fill_disk", "step_clock"}


@dataclass(frozen=True, slots=True)
class Fault:
    """`at`, `lasts`: seconds since the start. `number`: which of several, how far: any number from 0 to 1."""

    at: float
    name: str
    lasts: float
    number: float

    def __str__(self) -> str:
        return f"{self.at:.1f} s {self.name}"


def plan(seed: int, seconds: float, *, database: str, without: set[str], favoured: tuple[str, ...] = ()) -> list[Fault]:
    """In their order. `favoured`: which are to come far more often. Between two of them something may recover: on average there is one in a second and a half."""
    dice = random.Random(f"plan {seed}")
    weights = EVERYWHERE | (ON_POSTGRESQL if database == "postgresql" else {})
    weights |= {name: 40 for name in favoured if name in weights}
    names = [name for name in weights if name not in without]
    faults = []
    at = dice.uniform(0.3, 1)
    while at < seconds * 0.9:
        known = [name for name in names if name not in EARLY or at < seconds * 0.6]
        name = dice.choices(known, [weights[one] for one in known])[0]
        lasts = dice.uniform(0.3, max(min(3, seconds / 4), 0.4))
        faults.append(Fault(round(at, 2), name, round(lasts, 2), dice.random()))
        at += dice.uniform(0.3, 2.7)
    return faults
