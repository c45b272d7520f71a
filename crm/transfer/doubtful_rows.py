"""Rows of which people should know: headings that stand there once more, columns without one, rows that end too early."""

from collections.abc import Iterator

from django.utils.translation import ngettext

from crm.transfer.batch import ParseOptions
from crm.transfer.columns import column_name, known_headings
from crm.transfer.counted_rows import CountedRows
from crm.transfer.headings import plain
from overplane.files.cells import BrokenRow, Table
from overplane.files.findings import letters_of

FEWEST = 2  # cells by which a row is known for headings: one may be a value that is called so


class DoubtfulRows:
    def __init__(self, table: Table, parse_options: ParseOptions) -> None:
        self.headings, self.has_ends = table.headings, table.has_ends
        self.last = max(i for i, heading in enumerate(self.headings) if heading)
        self.last_heading = self.headings[self.last]
        self.is_sheet, self.is_first = parse_options.is_sheet, True
        columns = parse_options.columns
        self.fields = {i: name for name, i in columns.customer.items()}
        for kind in columns.kinds:
            self.fields |= {i: column_name(kind, name) for name, i in columns.of(kind).items()}
        self.without_heading = [i for i, heading in enumerate(table.headings) if not heading]
        self.repeated, self.nameless = CountedRows(), CountedRows()

    def may_repeat_headings(self, cells: list[str]) -> bool:
        """Asked for each row, so it looks at one cell."""
        return self.is_first or (len(cells) > self.last and cells[self.last] == self.last_heading)

    def repeats_headings(self, number: int, cells: list[str]) -> bool:
        """Files were put together, or the first row says the same in another language: nobody is called so."""
        is_first, self.is_first = self.is_first, False
        if not self.is_sheet or type(cells) is not list:
            return False
        texts = [cell.strip("\ufeff \t") for cell in cells]
        if not self._are_the_headings(texts) and not (is_first and self._name_their_columns(texts)):
            return False
        self.repeated.add([number])
        return True

    def _are_the_headings(self, texts: list[str]) -> bool:
        behind = self.last + 1  # the last heading
        return (
            len(list(filter(None, texts))) >= FEWEST
            and texts[:behind] == self.headings[:behind]
            and not any(texts[behind:])
        )

    def _name_their_columns(self, texts: list[str]) -> bool:
        """Whether each cell is another name of the very field that its column is."""
        said = [(self.fields[i], text) for i, text in enumerate(texts) if text and i in self.fields]
        known = known_headings()
        return len(said) >= FEWEST and all(known.get(plain(text)) == name for name, text in said)

    def note_filled(self, number: int, cells: list[str]) -> None:
        """Of columns without a heading, which can only be left out."""
        if any(cells[i].strip() for i in self.without_heading if i < len(cells)):
            self.nameless.add([number])

    def is_short(self, cells: list[str]) -> bool:
        return self.has_ends and len(cells) < len(self.headings) and not isinstance(cells, BrokenRow)

    def notes(self) -> Iterator[str]:
        """To be asked when all rows were read."""
        if repeated := self.repeated:
            text = ngettext(
                "%(number)d row repeats the headings and was left out (row %(rows)s).",
                "%(number)d rows repeat the headings and were left out (row %(rows)s).",
                repeated.count,
            )
            yield text % {"number": repeated.count, "rows": repeated.first}
        if nameless := self.nameless:
            text = ngettext(
                "%(number)d row has values in columns without a heading (%(columns)s, row %(rows)s), which were left out.",
                "%(number)d rows have values in columns without a heading (%(columns)s, row %(rows)s), which were left out.",
                nameless.count,
            )
            columns = ", ".join(letters_of(i + 1) for i in self.without_heading)
            yield text % {"number": nameless.count, "columns": columns, "rows": nameless.first}


def note_of_short_rows(short: CountedRows) -> str:
    text = ngettext(
        "%(number)d row has fewer cells than the heading row (row %(rows)s): those at its end were taken for empty."
        " If a line break stands within a cell there, put the cell into quotes.",
        "%(number)d rows have fewer cells than the heading row (row %(rows)s): those at their ends were taken for"
        " empty. If a line break stands within a cell there, put the cell into quotes.",
        short.count,
    )
    return text % {"number": short.count, "rows": short.first}
