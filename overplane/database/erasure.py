"""What becomes of the copies of an object's values (in the log, in stored answers …) when the object is deleted.

Whoever keeps such copies registers in the `registrations.py` of its app how they are erased; whoever deletes asks here.
So no keeper can be forgotten, and a deletion knows none of them.
"""

from collections.abc import Callable, Sequence

from overplane.database.statements import Statement

# The values of these objects, by id, and of what belongs to them.
Eraser = Callable[[Sequence[str]], Statement]
_erasers: dict[str, Eraser] = {}


def register(keeper: str, eraser: Eraser) -> None:
    """`keeper`: what keeps copies. Its statement may not need what another one of the deletion writes."""
    _erasers[keeper] = eraser


def erase(ids: Sequence[str]) -> list[Statement]:
    """The statements that erase every copy, for the transaction that deletes."""
    return [eraser(ids) for eraser in _erasers.values()]
