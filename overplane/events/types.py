"""What the log must be told: the types of events that there are, and how actors are called.

The platform knows no domain: its apps fill this in when they start.
"""

from collections.abc import Callable, Sequence

known: list[str] = []
# How the actors of a door (`api_key`, `import` …) are called: the names of some, by their ids. Filled in by the apps.
namers: dict[str, Callable[[Sequence[str]], dict[str, str]]] = {}
