"""The proof that a run sees: every planted fault is looked for, in seed after seed, until it is found or a minute is over."""

import time
from collections import Counter

from faults.planted import Planted, all_known
from faults.run import run
from faults.system import Ground

MOST_SECONDS = 60  # for each, from the start of its first run
RUN_SECONDS = 15
MAY_BE_MISSED = 1


def prove(names: list[str], database: str, first_seed: int, seconds: float) -> int:
    """How many were missed."""
    known = all_known()
    if unknown := set(names) - known.keys():
        raise SystemExit(f"There is no {', '.join(sorted(unknown))}, only {', '.join(known)}.")
    chosen = [known[name] for name in names or known if known[name].database in ("", database)]
    ground, missed = Ground(database), list[str]()
    try:
        for one in chosen:
            if not _is_found(ground, one, first_seed, seconds):
                missed.append(one.name)
    finally:
        ground.close()
    print(
        f"{len(chosen) - len(missed)} of {len(chosen)} planted faults found on {database}; missed: {', '.join(missed) or 'none'}"
    )
    return len(missed)


def _is_found(ground: Ground, planted: Planted, seed: int, seconds: float) -> bool:
    """Within the time: what is found later counts as missed, and is printed all the same."""
    began = time.monotonic()
    while True:
        outcome = run(ground, seed, seconds, planted=planted)
        took = time.monotonic() - began
        if outcome.problems and outcome.is_reached:
            checks = Counter(problem["check"] for problem in outcome.problems)
            said = ", ".join(f"{check} ({count})" for check, count in checks.items())
            is_in_time = took <= MOST_SECONDS
            late = "" if is_in_time else f", too late (more than {MOST_SECONDS} s)"
            print(
                f"{planted.name}: found in {took:.0f} s{late} by {said}. For one: {outcome.problems[0]['text'][:160]}",
                flush=True,
            )
            return is_in_time
        seed += 1
        if took > MOST_SECONDS - seconds:
            why = "not found" if outcome.is_reached else "never reached"
            print(f"{planted.name}: {why} in {took:.0f} s ({planted.what})", flush=True)
            return False
