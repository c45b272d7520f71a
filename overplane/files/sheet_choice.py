"""Which sheet of a workbook holds the table, and where on it: the sheet and the heading row that somebody named, or found."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

from overplane.files.cells import BROKEN, Row, Table, split_broken
from overplane.files.findings import MOST_MERGED, NAMED, Findings, Tally, letters_of
from overplane.files.layouts import FEWEST, LOOKED_AT, Layout, Recognizer, find_heading_row, note_of_heading_row
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _
from overplane.files.wording import ngettext
from overplane.files.workbook_parts import SheetName


@dataclass(slots=True)
class LoadedSheet:
    """`rows` from the first that is filled. `left`: columns before the first cell.

    `is_streamed`: its findings are complete when all rows have been read.
    """

    rows: Iterator[Row]
    findings: Findings
    left: int = 0
    is_streamed: bool = False


class Book(Protocol):
    sheets: list[SheetName]

    def is_filled(self, sheet: SheetName) -> bool: ...

    def row_count(self, sheet: SheetName) -> int: ...

    def load(self, sheet: SheetName) -> LoadedSheet: ...


@dataclass(slots=True)
class Opened:
    """A sheet whose first rows were looked at."""

    name: SheetName
    loaded: LoadedSheet
    head: list[Row]
    index: int  # of the heading row in `head`
    notes: list[str] = field(default_factory=list)

    @property
    def headings(self) -> list[str]:
        return self.head[self.index][1] if self.head else []


def chosen_table(book: Book, layout: Layout, recognizer: Recognizer | None) -> Table:
    """Raises `UnusableFile` where several sheets could be meant."""
    return _table(_chosen(book, layout, recognizer))


def _chosen(book: Book, layout: Layout, recognizer: Recognizer | None) -> Opened:
    if layout.sheet is not None:
        return _opened(book, named_sheet(book.sheets, layout.sheet), layout, recognizer)
    visible = [sheet for sheet in book.sheets if not sheet.is_hidden] or book.sheets[:1]
    filled = [sheet for sheet in visible if book.is_filled(sheet)]
    hidden = [sheet for sheet in book.sheets if sheet not in visible and book.is_filled(sheet)]
    if not filled and hidden:
        raise UnusableFile(
            _("All visible sheets are empty. Hidden ones are not (%(names)s): name one (--sheet).")
            % {"names": _names(hidden)}
        )
    if len(filled) > 1:
        opened = _recognized(book, filled, layout, recognizer)
    else:
        opened = _opened(book, (filled or visible)[0], layout, recognizer)
    if hidden:
        note = ngettext(
            "The hidden sheet %(names)s was not read.", "The hidden sheets %(names)s were not read.", len(hidden)
        )
        opened.notes.append(note % {"names": _names(hidden)})
    return opened


def _recognized(book: Book, filled: list[SheetName], layout: Layout, recognizer: Recognizer | None) -> Opened:
    """The only one of several whose headings are known."""
    known: list[Opened] = []
    for sheet in filled:
        opened = _opened(book, sheet, layout, recognizer)
        if recognizer and recognizer(opened.headings) >= FEWEST:
            known.append(opened)
            del known[2:]  # two are too many already, and each is held in memory
    if len(known) == 1:
        others = [sheet for sheet in filled if sheet != known[0].name]
        note = ngettext(
            "The sheet %(sheet)s was read. %(others)s is filled too and was not read. If another one is meant, name it"
            " (--sheet).",
            "The sheet %(sheet)s was read. %(others)s are filled too and were not read. If another one is meant, name it"
            " (--sheet).",
            len(others),
        )
        known[0].notes.append(note % {"sheet": repr(known[0].name.name), "others": _names(others)})
        return known[0]
    numbers = list(map(book.row_count, filled))
    names = ", ".join(
        ngettext("%(name)s (%(rows)s row)", "%(name)s (%(rows)s rows)", n)
        % {"name": repr(sheet.name), "rows": f"{n:,}"}
        for sheet, n in zip(filled, numbers, strict=True)
    )
    raise UnusableFile(
        _(
            "The workbook has %(count)s filled sheets: %(names)s. Say which is meant (--sheet NAME). Each is read by itself."
        )
        % {"count": len(filled), "names": names}
    )


def named_sheet(sheets: list[SheetName], wanted: str) -> SheetName:
    exact = [sheet for sheet in sheets if sheet.name == wanted]
    alike = [sheet for sheet in sheets if sheet.name.strip().casefold() == wanted.strip().casefold()]
    for matches in (exact, alike):
        if len(matches) == 1:
            return matches[0]
    raise UnusableFile(
        _("There is no sheet %(name)s. The sheets are: %(names)s.") % {"name": repr(wanted), "names": _names(sheets)}
    )


def _names(sheets: list[SheetName]) -> str:
    return ", ".join(repr(sheet.name) for sheet in sheets)


def _opened(book: Book, sheet: SheetName, layout: Layout, recognizer: Recognizer | None) -> Opened:
    loaded = book.load(sheet)
    head: list[Row] = []
    for row in loaded.rows:
        head.append(row)
        if len(head) >= LOOKED_AT and row[0] >= (layout.heading_row or 0):
            break
    return Opened(sheet, loaded, head, find_heading_row(head, layout, recognizer) if head else 0)


def _table(opened: Opened) -> Table:
    if not opened.head:
        return Table([], iter(()))
    loaded, index = opened.loaded, opened.index
    number = opened.head[index][0]
    for cell in opened.headings:
        if cell.startswith(BROKEN):
            raise UnusableFile(
                _("Row %(row)s should name the columns.") % {"row": number} + f" {split_broken(cell)[1]}"
            )
    headings = [cell.strip() for cell in opened.headings]
    if loaded.is_streamed:  # its rows are as long as they are filled
        headings += [""] * (max(len(cells) for _, cells in opened.head) - len(headings))
    table = Table(headings, chain(opened.head[index + 1 :], loaded.rows))
    table.head, table.sheet = opened.head[max(index - LOOKED_AT, 0) : index + 1], opened.name.name
    table.notes = [*opened.notes, *note_of_heading_row(opened.head, index)]
    if loaded.is_streamed:
        table.rows = _noting_at_end(table.rows, table, loaded, number)
    else:
        if any(one[0] > number for one in loaded.findings.merged):
            loaded.findings.merged.sort()
            table.rows = _noting_merged(table.rows, table.merged, loaded, number)
        table.notes += _notes(loaded, number, headings)
    return table


def _noting_at_end(rows: Iterator[Row], table: Table, loaded: LoadedSheet, heading_row: int) -> Iterator[Row]:
    yield from _noting_merged(rows, table.merged, loaded, heading_row)
    table.notes += _notes(loaded, heading_row, table.headings)


def _noting_merged(
    rows: Iterator[Row], noted: dict[int, dict[int, str]], loaded: LoadedSheet, heading_row: int
) -> Iterator[Row]:
    """The rows, while `noted` learns which of their cells belong to one above."""
    merged, coming = loaded.findings.merged, 0
    open_ones: list[tuple[int, int, str]] = []  # last row, index of the cell, its text
    count = 0
    for number, cells in rows:
        open_ones = [one for one in open_ones if one[0] >= number]
        if open_ones:
            noted[number] = {index: text for _last, index, text in open_ones}
            count += len(open_ones)
            if count > MOST_MERGED:
                raise UnusableFile(
                    _("Merged cells cover more than %(most_merged)s rows. Unmerge them, save it again.")
                    % {"most_merged": MOST_MERGED}
                )
        while coming < len(merged) and merged[coming][0] <= number:
            first, column, last = merged[coming]
            coming += 1
            index = column - 1 - loaded.left
            if heading_row < first == number and 0 <= index < len(cells) and cells[index]:
                open_ones.append((last, index, cells[index]))
        yield number, cells


def _notes(loaded: LoadedSheet, heading_row: int, headings: list[str]) -> list[str]:
    findings = loaded.findings
    notes = []
    if findings.is_unknown:
        notes.append(_("Number formats, errors, merged cells and hidden rows of this workbook could not be found out."))
    if findings.formulas.count:
        notes.append(_note_of_formulas(findings))
    if findings.concealed.count:
        notes.append(_note_of_concealed(findings.concealed))
    if merged := [one[0] for one in findings.merged if one[0] > heading_row]:
        note = ngettext(
            "%(count)s cell is merged over several rows (first in row %(rows)s): its text was taken for each of these rows.",
            "%(count)s cells are merged over several rows (first in row %(rows)s): their text was taken for each of these rows.",
            len(merged),
        )
        notes.append(note % {"count": len(merged), "rows": _tally(map(str, merged))})
    if hidden := sorted(row for row in findings.hidden_rows if row > heading_row):
        note = ngettext(
            "%(count)s hidden row was read too (row %(rows)s). If that is wrong, delete what is hidden.",
            "%(count)s hidden rows were read too (row %(rows)s). If that is wrong, delete what is hidden.",
            len(hidden),
        )
        notes.append(note % {"count": len(hidden), "rows": _tally(map(str, hidden))})
    return notes + _note_of_hidden_columns(findings, headings, loaded.left)


def _note_of_concealed(tally: Tally) -> str:
    text = ngettext(
        "%(count)s cell shows nothing, by its format, and has a value (%(cells)s), which was taken. If that is wrong, empty it.",
        "%(count)s cells show nothing, by their format, and have a value (%(cells)s), which was taken. If that is wrong, empty"
        " them.",
        tally.count,
    )
    return text % {"count": tally.count, "cells": tally}


def _note_of_formulas(findings: Findings) -> str:
    tally = findings.formulas
    text = ngettext(
        "%(count)s cell holds a formula (%(cells)s): what was calculated last was taken.",
        "%(count)s cells hold formulas (%(cells)s): what was calculated last was taken.",
        tally.count,
    )
    note = text % {"count": tally.count, "cells": tally}
    if findings.is_to_be_calculated:
        anew = _("The workbook asks to be calculated anew: open it in a spreadsheet, check it and save it.")
        return f"{note} {anew}"
    return note


def _note_of_hidden_columns(findings: Findings, headings: list[str], left: int) -> list[str]:
    spans = findings.hidden_columns
    columns = [i + 1 + left for i, heading in enumerate(headings) if heading] if spans else []
    hidden = [letters_of(column) for column in columns if any(first <= column <= last for first, last in spans)]
    if not hidden:
        return []
    note = ngettext(
        "%(count)s hidden column was read too (column %(columns)s).",
        "%(count)s hidden columns were read too (column %(columns)s).",
        len(hidden),
    )
    return [note % {"count": len(hidden), "columns": _tally(hidden)}]


def _tally(names: Iterable[str]) -> Tally:
    all_names = list(names)
    return Tally(len(all_names), all_names[:NAMED])
