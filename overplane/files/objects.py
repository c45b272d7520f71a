"""Objects as a table: their keys are the headings, objects in a list inside become further rows with blanks before them.

An object lays its list out as spreadsheets do: `{"a": 1, "rows": [{"b": 2}, {"b": 3}]}` is the row 1, 2 and
the row blank, 3 below `a` and `rows.b`.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from types import NoneType
from typing import Any

from overplane.files.cells import ABSENT, MOST_BROKEN_ROWS, MOST_COLUMNS, BrokenRow, Row, Table, text_of
from overplane.files.texts import LONGEST_LINE
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _

PLAIN = {str, int, float, bool, NoneType, Decimal}
LIST = {list, NoneType}
# Cells of one object: a list of many elements beside many keys would make a huge table of a small file.
MOST_CELLS = 1 << 22
# An object, or a `BrokenRow` where one cannot be read.
Numbered = tuple[int, Any]
Objects = Callable[[], Iterator[Numbered]]


@dataclass(slots=True)
class Shape:
    """What keys there are. `nested`: lists of objects and their keys; `unreadable`: by heading, why."""

    keys: dict[str, None] = field(default_factory=dict)
    nested: dict[str, dict[str, None]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)  # all keys of objects that were looked at
    count: int = 0
    length: int = 0  # of all keys: they are held, whereas objects come and go
    mixed: dict[int, str] = field(default_factory=dict)  # by its number, why an object fits with no others

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """A list that is empty in every object is a column too: it says that there is nothing."""
        return [(key, inner) for key, inners in self.nested.items() for inner in inners or [""]]

    @property
    def columns(self) -> dict[str, tuple[str, str]]:
        """The pairs by heading."""
        return {f"{key}.{inner}" if self.nested[key] else key: (key, inner) for key, inner in self.pairs}

    @property
    def headings(self) -> list[str]:
        return [*self.keys, *(f"{key}.{inner}" if self.nested[key] else key for key, inner in self.pairs)]

    def note(self, one: dict[str, Any], odd: list[tuple[str, Any]], where: str) -> None:
        """What this object adds. `odd` are those of its items that are no single values."""
        if not one.keys() <= self.known:
            for key, value in one.items():
                if key not in self.known and type(value) in PLAIN:
                    self._add(key, self.keys)
        for key, value in odd:
            if _is_nested(value):
                self._note_list(key, value, where)
            else:
                self._add(key, self.keys)
                self._note_unreadable(key, value, where)
        self.known.update(one)

    def _note_list(self, key: str, elements: list[dict[str, Any]], where: str) -> None:
        inners = self.nested.setdefault(key, {})
        for element in elements:
            if not element.keys() <= inners.keys():
                for inner in element:
                    self._add(inner, inners)
            if not PLAIN.issuperset(map(type, element.values())):
                for inner, value in element.items():
                    self._note_unreadable(f"{key}.{inner}", value, where)

    def _note_unreadable(self, heading: str, value: Any, where: str) -> None:
        if type(value) not in PLAIN and heading not in self.unreadable:
            text = _("%(where)s: %(heading)s holds a list, not one value. Leave that column out.")
            if type(value) is dict:
                text = _("%(where)s: %(heading)s holds an object, not one value. Leave that column out.")
            self.unreadable[heading] = text % {"where": where, "heading": repr(heading)}

    def _add(self, key: str, known: dict[str, None]) -> None:
        if key not in known:
            known[key] = None
            self.count += 1
            self.length += len(key)


def _is_nested(value: Any) -> bool:
    return type(value) is list and all(type(element) is dict for element in value)


def object_table(name: str, unit: str, objects: Objects) -> Table:
    """Reads all objects once for their keys; then again for their values. `unit` is what their numbers count."""
    shape, broken = Shape(), ""
    for number, one in objects():
        if type(one) is not dict:
            broken = broken or f"{name}, {unit} {number}: {one.message}"
            continue
        odd = [item for item in one.items() if type(item[1]) not in PLAIN]
        if odd or not one.keys() <= shape.known:
            shape.note(one, odd, f"{name}, {unit} {number}")
            if shape.count > MOST_COLUMNS or shape.length > LONGEST_LINE:
                raise UnusableFile(
                    _("%(name)s has more than %(most_columns)s keys; no table has so many columns.")
                    % {"name": name, "most_columns": MOST_COLUMNS}
                )
        for key in shape.nested:
            if type(one.get(key)) not in LIST:
                _note_no_list(shape, number, key, name)
    _settle(shape, name, objects)
    if not shape.headings:
        raise UnusableFile(broken or _("%(name)s holds no objects, or none with a key.") % {"name": name})
    rows = rows_of(objects, shape)
    return Table(shape.headings, rows, is_sparse=True, unreadable=shape.unreadable, nested=shape.columns)


def _note_no_list(shape: Shape, number: int, key: str, name: str) -> None:
    shape.mixed.setdefault(number, _("%(key)s must be a list of objects, as it is elsewhere.") % {"key": repr(key)})
    if len(shape.mixed) > MOST_BROKEN_ROWS:
        raise UnusableFile(
            _("%(name)s has more than %(most_broken_rows)s entries of which %(mixed)s")
            % {"name": name, "most_broken_rows": MOST_BROKEN_ROWS, "mixed": shape.mixed[number]}
        )


def _settle(shape: Shape, name: str, objects: Objects) -> None:
    """A key that is a list of objects in one object may be null in another, and nothing else."""
    for key in [key for key, inners in shape.nested.items() if not inners and key in shape.unreadable]:
        del shape.nested[key]  # a list of texts that is sometimes empty
    doubtful = shape.nested.keys() & shape.keys.keys()
    for key in doubtful:
        del shape.keys[key]
    for number, one in objects() if doubtful else ():
        for key in doubtful if type(one) is dict else ():
            if one.get(key) is not None and not _is_nested(one[key]):
                _note_no_list(shape, number, key, name)


def rows_of(objects: Objects, shape: Shape) -> Iterator[Row]:
    keys, nested, pairs = list(shape.keys), list(shape.nested), shape.pairs
    blank, mixed = [""] * len(keys), shape.mixed
    for number, one in objects():
        if type(one) is not dict or number in mixed:
            yield number, one if isinstance(one, BrokenRow) else _broken(one, mixed[number])
            continue
        get = one.get
        try:
            own = [value if type(value := get(key, ABSENT)) is str else text_of(value) for key in keys]
            if ABSENT in own:  # a text that looks like ABSENT has a NUL, and is reported as that
                own = [cell if cell is ABSENT or cell != ABSENT else "\0" for cell in own]
            lists = {key: value for key in nested if (value := get(key))}
            without = ["" if key in one else ABSENT for key, _ in pairs]
            if not lists:
                yield number, own + without
                continue
            longest = max(map(len, lists.values()))
            if longest * (len(keys) + len(pairs)) > MOST_CELLS:
                message = _("A list of %(number)d objects is too long for one entry.") % {"number": longest}
                yield number, _broken(one, message)
                continue
            for i in range(longest):
                inner = [
                    _inner(lists[key], i, name_) if key in lists else cell
                    for (key, name_), cell in zip(pairs, without, strict=True)
                ]
                yield number, (blank if i else own) + inner
        except RecursionError:
            yield number, BrokenRow("", _("A value is nested too deeply."))


def _broken(one: dict[str, Any], message: str) -> BrokenRow:
    with suppress(RecursionError):
        return BrokenRow(json.dumps(one, ensure_ascii=False, default=str), message)
    return BrokenRow("", message)


def _inner(elements: list[dict[str, Any]], i: int, name: str) -> str:
    if i >= len(elements) or elements[i] is None:
        return ""
    cell = text_of(elements[i].get(name, ABSENT))
    return cell if cell is ABSENT or cell != ABSENT else "\0"
