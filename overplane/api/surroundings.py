"""What stands around an error on its page. The back office adds its menu here; a module of its own, for it is light."""

from collections.abc import Callable
from typing import Any

from django.db import Error
from django.http import HttpRequest

# By the request; empty where the page is not theirs.
Surroundings = Callable[[HttpRequest], dict[str, Any]]
_known: list[Surroundings] = []


def register(one: Surroundings) -> None:
    _known.append(one)


def around(request: HttpRequest) -> dict[str, Any]:
    """For the context of the page. Empty where the database that the menu asks does not answer."""
    try:
        return {name: value for one in _known for name, value in one(request).items()}
    except Error:
        return {}
