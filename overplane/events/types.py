"""What the log must be told: the types of events that there are, what their objects belong to, how actors are called.

The platform knows no domain: its apps fill this in when they start.
"""

from collections.abc import Callable, Sequence

known: list[str] = []
# By type of event: the attribute in which an object names the one that it belongs to (an order's line: `order_id`).
# Events of these types show it always, and the feed takes it as a parameter.
subject_names: dict[str, str] = {}
# How the actors of a door (`api_key`, `import` …) are called: the names of some, by their ids. Filled in by the apps.
namers: dict[str, Callable[[Sequence[str]], dict[str, str]]] = {}


def subject_parameters() -> list[str]:
    """The parameters by which the feed is narrowed to an object and what belongs to it."""
    return sorted(set(subject_names.values()))
