"""Refused customers as they stood in the file, each row with the reason."""

import json
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from crm.transfer.batch import Batch, ParseOptions, RowProblem
from crm.transfer.columns import REFUSAL_COLUMNS
from overplane.files.cells import BROKEN, BrokenRow, split_broken
from overplane.files.spreadsheets import escape_formula, protect_number, unescape_formula
from overplane.files.tables import ABSENT

# The key of what was no object: no field, so that it is refused until it is mended.
RAW = "import_raw"


def refused_rows(batch: Batch, headings: list[str], *, is_text: bool) -> Iterator[list[Any]]:
    """Each row of a refused customer as it was, after the reason. `is_text`: for a file that says of no cell what it is."""
    of_before = [i for i, heading in enumerate(headings) if heading in REFUSAL_COLUMNS]
    for i in sorted(batch.problems):
        for number, cells in batch.lines[i]:
            width = batch.faults[number].cell_count if number in batch.faults else len(cells)
            own = [_cell(cell, is_text=is_text) for cell in cells[:width]]
            if isinstance(cells, BrokenRow):
                own = [*[""] * len(headings), *own]  # behind all columns: in one of them it would be taken for a value
            for index in reversed(of_before):
                del own[index : index + 1]
            yield [batch.numbers[i], _messages(batch.problems[i], number), *own]


def _messages(problems: list[RowProblem], number: int) -> str:
    own = [p for p in problems if p.number == number]
    return "; ".join(f"{p.column or 'row'}: {p.problem.message} ({p.problem.code})" for p in own)


def _cell(text: str, *, is_text: bool) -> str:
    if text.startswith(BROKEN):
        text, _ = split_broken(text)
    # In the file it may be escaped already. (In a workbook the cell itself is a text, which is protection enough.)
    plain = unescape_formula(text)
    return protect_number(plain) if is_text else escape_formula(plain)


def refused_objects(batch: Batch, parse_options: ParseOptions) -> Iterator[str]:
    """Each refused object as it was, its values as text, which the import takes as well."""
    for i in sorted(batch.problems):
        for number, lines in groupby(batch.lines[i], key=itemgetter(0)):
            reasons = dict(zip(REFUSAL_COLUMNS, (number, _messages(batch.problems[i], number)), strict=True))
            rows = [cells for _, cells in lines]
            values = {RAW: rows[0][0]} if isinstance(rows[0], BrokenRow) else _object(rows, parse_options)
            yield json.dumps(reasons | values, ensure_ascii=False) + "\n"


def _object(lines: list[list[str]], parse_options: ParseOptions) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for line, cells in enumerate(lines):
        children: dict[str, dict[str, str]] = {}
        for heading, cell in zip(parse_options.columns.headings, cells, strict=True):
            if cell == ABSENT or heading in REFUSAL_COLUMNS:
                continue
            if heading in parse_options.nested:
                key, inner = parse_options.nested[heading]
                children.setdefault(key, {})[inner] = cell
            elif line == 0:
                values[heading] = cell
        for key, child in children.items():
            values.setdefault(key, []).extend([child] if any(child.values()) else [])
    return values
