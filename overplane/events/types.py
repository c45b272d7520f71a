"""What the apps register for the log: the types of events, what their objects belong to, the names of actors.

The platform knows no domain: its apps fill this in when they start.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

known: list[str] = []
# By type of event: the attribute in which an object names the one that it belongs to (an order's line: `order_id`).
# Events of these types show it always, and the feed takes it as a parameter.
subject_names: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Names:
    """How the actors of a door are called, where the log has their ids: `of` some ids, and whose ids a name has."""

    of: Callable[[Sequence[str]], dict[str, str]]
    ids: Callable[[str], Sequence[str]] = lambda name: ()


# By door (`api_key`, `import` …); filled in by the apps.
names: dict[str, Names] = {}


def subject_parameters() -> list[str]:
    """The parameters that filter the feed by an object and what belongs to it."""
    return sorted(set(subject_names.values()))
