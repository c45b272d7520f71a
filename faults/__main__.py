"""Chaos from a seed, judged by its history.

    python -m faults [--database postgresql|sqlite] [--pooler MODE] [--seeds N] [--seed K] [--seconds S] [--repeat N] [--keep]
    python -m faults planted [NAME …] [--seconds S]  # faults put in on purpose: each must be found within a minute

A seed chooses the workload and the plan of faults. The same seed gives the same again; how the processes share the machine
is another one each time, so a failing seed is repeated with `--repeat`.
"""

import argparse
import os
import sys
import time
from collections import Counter

from faults.databases import POOLERS
from faults.excerpts import excerpt
from faults.proof import MAY_BE_MISSED, RUN_SECONDS, prove
from faults.run import RunResult, run
from faults.system import Ground
from tests.databases import end_on_sigterm

SECONDS = 30
MOST_SHOWN = 6  # problems of a run that are printed; the folder has the evidence for all


def show(outcome: RunResult) -> None:
    print(f"seed {outcome.seed}: {len(outcome.problems)} problems. Evidence: {outcome.folder}")
    print("  faults: " + "; ".join(outcome.faults))
    seen: set[str] = set()
    for problem in outcome.problems:
        if problem["check"] not in seen and len(seen) < MOST_SHOWN:
            seen.add(problem["check"])
            count = sum(other["check"] == problem["check"] for other in outcome.problems)
            print(f"  {problem['check']} ({count}): {problem['text']}")
            for line in excerpt(outcome.folder, problem["subject"]):
                print(f"    {line}")


def said(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def seeds(arguments: argparse.Namespace, seconds: float) -> int:
    first = arguments.seed if arguments.seed is not None else 1
    chosen = [first] * arguments.repeat if arguments.repeat else list(range(first, first + arguments.seeds))
    ground = Ground(arguments.database, arguments.pooler)
    failed, calls, events, faults, began = [], 0, 0, 0, time.monotonic()
    verbs, judged = Counter[str](), Counter[str]()
    try:
        for seed in chosen:
            outcome = run(ground, seed, seconds, keep=arguments.keep)
            calls += outcome.figures["calls"]
            events += outcome.figures["events"]
            faults += len(outcome.faults)
            verbs += outcome.verbs
            judged.update(outcome.judged)  # a count of 0 says something, too
            if outcome.problems:
                failed.append(seed)
                show(outcome)
            else:
                print(
                    f"seed {seed}: {outcome.figures}, {len(outcome.faults)} faults, nothing wrong; {said(outcome.judged)}",
                    flush=True,
                )
    finally:
        ground.close()
    print(f"done: {said(dict(verbs.most_common()))}")
    minutes = (time.monotonic() - began) / 60
    what = (
        f"{len(chosen)} seeds × {seconds:g} s on {arguments.database}: {calls} calls, {events} events, {faults} faults"
    )
    outcome_text = f"wrong: {sorted(set(failed))}" if failed else "nothing wrong"
    print(f"{what}, {minutes:.0f} min; {said(judged)}; {outcome_text}")
    return len(failed)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("what", nargs="*", help="`planted`, then names of planted faults (all)")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument(
        "--pooler", choices=POOLERS, default="", help="PostgreSQL behind PgBouncer, and what the service knows of it"
    )
    parser.add_argument("--seeds", type=int, default=1, help="how many, from --seed on")
    parser.add_argument("--seed", type=int, help="the first one (1)")
    parser.add_argument(
        "--seconds", type=float, help=f"of each workload ({SECONDS}; where faults are planted {RUN_SECONDS})"
    )
    parser.add_argument("--repeat", type=int, default=0, help="the same seed so many times")
    parser.add_argument("--keep", action="store_true", help="keep the evidence of every run")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.pop("DATABASE_URL", None)
    end_on_sigterm()
    chosen = parse()
    if chosen.what and chosen.what[0] != "planted":
        sys.exit("Only `planted` may be named, and then the names of planted faults.")
    if chosen.what:
        sys.exit(
            prove(chosen.what[1:], chosen.database, chosen.seed or 1, chosen.seconds or RUN_SECONDS) > MAY_BE_MISSED
        )
    sys.exit(bool(seeds(chosen, chosen.seconds or SECONDS)))
