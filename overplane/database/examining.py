"""Doing all checkups, one after the other, each with a limit for what it asks the database."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from django.db import Error

from overplane import checkups
from overplane.checkups import Checkup, Finding, note
from overplane.database import time_limits
from overplane.database.troubles import Trouble, trouble

# Seconds for what one checkup asks the database: those that count a million rows need five.
LONGEST = 60.0


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    findings: list[Finding]
    seconds: float


def examine() -> Iterator[Result]:
    """One that cannot be done says so, and the others are done all the same."""
    for name, checkup in checkups.of_machine.items():
        yield _result(name, checkup)
    for name, checkup in checkups.known.items():
        try:
            yield _result(name, partial(_findings_of, checkup))
        except Error as failure:
            reason = str(failure).strip().partition("\n")[0]
            yield Result(name, [Finding(f"not known: {reason}", "See that the database answers and is migrated")], 0.0)
            if trouble(failure) is Trouble.AWAY:
                return  # each of the others would wait for it as long


def _result(name: str, look: Checkup) -> Result:
    began = time.monotonic()
    findings = list(look())
    return Result(name, findings, time.monotonic() - began)


def _findings_of(checkup: Checkup) -> list[Finding]:
    try:
        with time_limits.at_most(LONGEST):
            return list(checkup())
    except time_limits.TookTooLong:
        return [note(f"not known: it took longer than {LONGEST:.0f} s", "Run it again when there is less to do")]
