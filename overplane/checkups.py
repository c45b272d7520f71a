"""What `manage.py doctor` looks at. Each app registers its own in its `checkups.py`, which nothing else reads."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


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


known: dict[str, Checkup] = {}
of_machine: dict[str, Checkup] = {}  # these ask no database


def register(name: str, checkup: Checkup) -> None:
    known[name] = checkup


def register_of_machine(name: str, checkup: Checkup) -> None:
    of_machine[name] = checkup
