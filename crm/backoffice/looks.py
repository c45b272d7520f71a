"""A look at an uploaded file, for the page on which people say what its columns are, and where its table stands."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from django.utils.translation import gettext as _

from crm.backoffice import uploads
from crm.transfer.excerpts import Excerpt
from crm.transfer.mapping import recognizer
from overplane.files.cells import BROKEN, Row, split_broken
from overplane.files.encoding_guesses import EncodingGuess
from overplane.files.layouts import Layout
from overplane.files.outlines import Sheet, first_rows, sheets_to_choose
from overplane.files.sources import Source, UnusableFile
from overplane.files.tables import ABSENT, opened_table
from overplane.jobs.models import JobFile

SAMPLES = 5  # rows to recognize a column by
READ = 1000  # rows in which values are looked for that a field does not know
PREVIEW_ROWS, PREVIEW_ROWS_BELOW = 8, 3  # rows of the file as they stand, and those of them below the heading row
WIDEST = 8  # columns of them: as many as a page is wide


@dataclass(frozen=True, slots=True)
class Choice:
    """How a file is read, as somebody chose it; what is empty is found out."""

    encoding: str = ""
    sheet: str | None = None
    heading_row: int | None = None

    @property
    def layout(self) -> Layout:
        return Layout(self.sheet, self.heading_row)


@dataclass(frozen=True, slots=True)
class Look:
    """`problem`: why there is no table, if people can do something about it on the page; then nothing else of it is known.

    `head`: rows down to the heading row; `rows`: those below it. `readings`: of an encoding that is only guessed, as of
    `Source`. `sheets`: where there are several. `excerpt`: the first `READ` rows, as an import reads them.
    """

    headings: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    head: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    readings: tuple[EncodingGuess, ...] = ()
    sheets: list[Sheet] = field(default_factory=list)
    sheet: str | None = None
    problem: str = ""
    excerpt: Excerpt | None = None

    @property
    def heading_row(self) -> int | None:
        """Its number; of a file of objects there is none."""
        return self.head[-1][0] if self.head and not self.problem else None

    @property
    def first_rows(self) -> list[Row]:
        """The file as it stands around its heading row, which may be far from its beginning."""
        if not self.head:
            return []
        rows = [*self.head, *self.rows]
        last = max(len(self.head) + PREVIEW_ROWS_BELOW, PREVIEW_ROWS)
        return rows[max(min(last, len(rows)) - PREVIEW_ROWS, 0) : last]


def look_at(stored: JobFile, choice: Choice) -> Look:
    """Raises `UnusableFile` where no choice on the page would help."""
    source, layout = uploads.source_of(stored, choice.encoding), choice.layout
    try:
        look = _look_at_table(source, layout)
    except UnusableFile as error:
        if without_table := _look_without_table(source, layout, str(error)):
            return without_table
        raise
    if any("\0" in heading for heading in look.headings):
        raise UnusableFile(_("A heading holds a NUL. Is this a text file? Save it as CSV in UTF-8."))
    return look


def _look_at_table(source: Source, layout: Layout) -> Look:
    with opened_table(source, layout, recognizer({})) as table:
        first = _first_rows(table.rows)
        excerpt = Excerpt(
            table.headings,
            [[row] for row in first],
            is_sheet=source.is_sheet,
            is_sparse=table.is_sparse,
            nested=table.nested,
            delimiter=table.delimiter,
            merged=table.merged,
        )
        rows = _as_texts(first[:SAMPLES])
        head, sheet, notes = _as_texts(table.head), table.sheet, table.notes
        headings = table.headings
    return Look(headings, rows, head, notes, source.readings, sheets_to_choose(source), sheet, excerpt=excerpt)


def _first_rows(rows: Iterator[Row]) -> list[Row]:
    """What is wrong further down is for the check to say."""
    first = list(islice(rows, SAMPLES))
    with suppress(UnusableFile):
        first.extend(islice(rows, READ - len(first)))  # rows before the fault stay
    return first


def _look_without_table(source: Source, layout: Layout, problem: str) -> Look | None:
    """What there is to choose from."""
    if not source.is_sheet:
        return None
    try:
        sheets = sheets_to_choose(source)
        is_to_choose = bool(sheets) and layout.sheet not in [sheet.name for sheet in sheets]
        rows = [] if is_to_choose else _as_texts(first_rows(source, layout, PREVIEW_ROWS))
    except UnusableFile:
        return None
    if is_to_choose and layout.sheet is None:
        problem = _("Several sheets may hold the table. Choose the one that is meant; each is imported by itself.")
    if not sheets and sum(any(map(str.strip, cells)) for _number, cells in rows) < 2:
        return None
    sheet = None if is_to_choose else layout.sheet
    return Look(head=rows, readings=source.readings, sheets=sheets, sheet=sheet, problem=problem)


def _as_texts(rows: list[Row]) -> list[Row]:
    return [(number, [_text(cell) for cell in cells]) for number, cells in rows]


def _text(cell: str) -> str:
    if cell == ABSENT:
        return ""
    return (split_broken(cell)[0] if cell.startswith(BROKEN) else cell).replace("\0", "\ufffd")
