"""Cells that somebody corrected when a file was checked. The file stays as it is: the import reads the new text instead.

A value that stands in many rows is corrected once for its column; a single cell by its row. What is said of the cell counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from overplane.files.cells import ABSENT, BROKEN, Row, split_broken


@dataclass(frozen=True, slots=True)
class Corrections:
    """`cells`: the new text by row number (a text, as JSON has its keys) and heading. `values`: by heading and old text."""

    cells: dict[str, dict[str, str]] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.cells or self.values)

    def with_cell(self, number: int, heading: str, text: str) -> Self:
        key = str(number)
        return replace(self, cells={**self.cells, key: {**self.cells.get(key, {}), heading: text}})

    def with_value(self, heading: str, old: str, new: str | None) -> Self:
        """None: it is left as it is."""
        texts = {text: known for text, known in self.values.get(heading, {}).items() if text != old}
        values = {**self.values, heading: texts if new is None else {**texts, old: new}}
        return replace(self, values={heading: texts for heading, texts in values.items() if texts})

    def followed_by(self, later: Self) -> Self:
        """What these and then the later ones make of a file."""
        values = {
            heading: {old: later._value(heading, new) for old, new in texts.items()}
            for heading, texts in self.values.items()
        }
        for heading, texts in later.values.items():
            values[heading] = {**texts, **values.get(heading, {})}
        cells = {
            number: {heading: later._value(heading, text) for heading, text in row.items()}
            for number, row in self.cells.items()
        }
        for number, row in later.cells.items():
            cells[number] = {**cells.get(number, {}), **row}
        return replace(self, cells=cells, values=values)

    def _value(self, heading: str, text: str) -> str:
        return self.values.get(heading, {}).get(seen(text), text)

    def applied(
        self, rows: Iterator[Row], headings: Sequence[str], merged: Mapping[int, dict[int, str]]
    ) -> Iterator[Row]:
        """A row that could not be taken apart into cells stays as it is: nobody knows which cell is which.

        `merged`: as of `Table`. A cell that belongs to one above is corrected by itself.
        """
        index = {heading: i for i, heading in enumerate(headings) if heading}
        values = {index[heading]: texts for heading, texts in self.values.items() if heading in index}
        last = None
        for number, cells in rows:
            if type(cells) is list:
                above = merged.get(number, {})
                for i, texts in values.items():
                    if i in above:
                        above[i] = texts.get(seen(above[i]), above[i])
                    elif i < len(cells):
                        cells[i] = texts.get(seen(cells[i]), cells[i])
                # Of the rows of one object the first is the customer's.
                for heading, text in self.cells.get(str(number), {}).items() if number != last else ():
                    if (i := index.get(heading, -1)) >= 0:
                        above.pop(i, None)
                        cells.extend([""] * (i + 1 - len(cells)))
                        cells[i] = text
            last = number
            yield number, cells


def seen(cell: str) -> str:
    """What a cell shows, by which its value is known. (A NUL is shown by no browser, and stored by no database.)"""
    if cell == ABSENT:
        return ""
    return (split_broken(cell)[0] if cell.startswith(BROKEN) else cell).replace("\0", "\ufffd").strip()
