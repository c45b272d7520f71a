"""What `manage.py doctor` looks at. Each app registers its own in its `checkups.py`, which nothing else reads."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db import Error

from overplane.database import time_limits
from overplane.database.troubles import Trouble, trouble

# Seconds for what one checkup asks the database: those that count a million rows need five.
LONGEST = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """`advice`: what to do. `is_wrong`: the service is not as it must be; else somebody should look at it."""

    text: str
    advice: str
    is_wrong: bool = True


def note(text: str, advice: str) -> Finding:
    return Finding(text, advice, is_wrong=False)


# Reads only; raises what the database raises.
Checkup = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    findings: list[Finding]
    seconds: float


known: dict[str, Checkup] = {}
of_machine: dict[str, Checkup] = {}  # these ask no database


def register(name: str, checkup: Checkup) -> None:
    known[name] = checkup


def register_of_machine(name: str, checkup: Checkup) -> None:
    of_machine[name] = checkup


def examine() -> Iterator[Result]:
    """One after the other. One that cannot be done says so, and the others are done all the same."""
    for name, checkup in of_machine.items():
        yield _result(name, lambda: list(checkup()))  # noqa: B023 (it is called at once)
    for name, checkup in known.items():
        try:
            yield _result(name, lambda: _findings_of(checkup))  # noqa: B023 (it is called at once)
        except Error as failure:
            reason = str(failure).strip().partition("\n")[0]
            yield Result(name, [Finding(f"not known: {reason}", "See that the database answers and is migrated")], 0.0)
            if trouble(failure) is Trouble.AWAY:
                return  # each of the others would wait for it as long


def _result(name: str, look: Callable[[], list[Finding]]) -> Result:
    began = time.monotonic()
    findings = look()
    return Result(name, findings, time.monotonic() - began)


def _findings_of(checkup: Checkup) -> list[Finding]:
    try:
        with time_limits.at_most(LONGEST):
            return list(checkup())
    except time_limits.TookTooLong:
        return [note(f"not known: it took longer than {LONGEST:.0f} s", "Run it again when there is less to do")]
