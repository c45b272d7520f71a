"""An event as people read it: what was, what is, who did it and through which door."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import orjson
from django.utils.translation import gettext as _

from overplane.events import types
from overplane.events.models import Event

GO_WITHOUT_SAYING = ("id", "created_at", "updated_at")


class Difference(NamedTuple):
    name: str
    old: Any
    new: Any


def differences(event: Event) -> list[Difference]:
    """Old and new value of each attribute; none for an event whose values went with their subject."""
    new = orjson.loads(event.object) if event.object else {}
    old = orjson.loads(event.previous) if event.previous else {}
    if event.type.endswith(".created"):
        return [
            Difference(n, None, v)
            for n, v in new.items()
            if v not in (None, False, event.subject) and n not in GO_WITHOUT_SAYING
        ]
    return [Difference(name, value, new.get(name)) for name, value in old.items()]


def old_values(event: Event) -> dict[str, Any]:
    """What was there before, numbers exact, as JSON attributes are parsed."""
    old = orjson.loads(event.previous) if event.previous else {}
    return {n: Decimal(repr(v)) if isinstance(v, float) else v for n, v in old.items()}


def actors_named(name: str) -> list[str]:
    """Everybody of this name as the log writes them: a person, keys, an import."""
    by_name = [f"{door}:{one}" for door, names in types.names.items() for one in names.ids(name)]
    return [f"user:{name}", f"import:{name}", f"api_key:{name}", *by_name]


class Acted(Protocol):
    """An event, or what else keeps who did it."""

    @property
    def actor(self) -> str: ...


def people(events: Iterable[Acted]) -> dict[str, str]:
    """Each actor's name, as people know it: keys by the name they were given, imports by their file."""
    actors = {event.actor: event.actor.partition(":")[::2] for event in events}
    names: dict[tuple[str, str], str] = {}
    for door, known in types.names.items():
        if ids := sorted(name for actor_door, name in actors.values() if actor_door == door):
            names |= {(door, one): name for one, name in known.of(ids).items()}
    return {actor: _person(door, names.get((door, name), name)) for actor, (door, name) in actors.items()}


def _person(door: str, name: str) -> str:
    return f"{name} ({door_name(door)})" if name else door_name(door)


def door_name(door: str) -> str:
    return {"api_key": _("API"), "user": _("back office"), "import": _("import"), "system": _("system")}.get(door, door)
