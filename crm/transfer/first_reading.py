"""What is noticed once, when a file is judged for the first time: what it holds twice, and what Excel did to it."""

from collections.abc import Iterator
from itertools import chain

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.line_items import LineItem
from crm.transfer.batch import Batch, ParseOptions
from crm.transfer.columns import customer_columns, damaged_by_excel, line_item_columns
from crm.transfer.counted_rows import CountedRows
from crm.transfer.doubtful_rows import note_of_short_rows
from crm.transfer.doubtful_texts import DAMAGES, QUOTED, TURNED_INTO_DATE, Doubt, DoubtfulTexts, swallowed
from crm.transfer.footers import Footer
from crm.transfer.null_words import NullWords
from crm.transfer.options import ImportOptions
from crm.transfer.repeats import Repeats
from overplane.files.spreadsheets import ExcelDamage
from overplane.files.tables import ABSENT


class FirstReading:
    def __init__(self, parse_options: ParseOptions, options: ImportOptions, format: str) -> None:
        """`format` is the file's."""
        self.columns, self.options = parse_options.columns, options
        columns = self.columns
        self.repeats = Repeats(columns, options)
        identifiers = [(kind, name) for kind, name in damaged_by_excel() if name in columns.of(kind)]
        self.damage = {identifier: ExcelDamage() for identifier in identifiers}
        texts: list[tuple[LineItem | None, str]] = [
            (None, name) for name in (*columns.customer, *columns.joined) if _is_text(None, name)
        ]
        texts += [(kind, name) for kind in columns.kinds for name in columns.of(kind) if _is_text(kind, name)]
        self.null_words = {one: NullWords(options.nulls) for one in texts}
        doubts = _doubts(format, parse_options)
        self.doubtful = {one: DoubtfulTexts(doubts) for one in texts}
        # Of joined columns each by itself, too: of "Berlin, NULL" nobody sees what it is made of.
        self.joined = {
            index: NullWords(options.nulls)
            for index in sorted({*chain.from_iterable(columns.joined.values())} - {*columns.customer.values()})
        }
        self.named = CountedRows()  # customers for whom a name was made
        self.footer, self.short = Footer(), CountedRows()
        self.without_key = 0  # customers of an upsert without a value to be found by

    def note(self, batch: Batch) -> None:
        """Refuses what the file holds twice. To be called once for each batch, in order."""
        if self.options.mode == "upsert":
            keys = batch.values.get(self.options.match_on or "", ())
            self.without_key += sum(value in (None, ABSENT) for value in keys)
        self.repeats.refuse(batch)
        self.named.add(batch.named)
        self.footer.watch(batch)
        if batch.short:
            refused = {number for i in batch.problems for number, _cells in batch.lines[i]}
            self.short.add(sorted(batch.short - refused))
        for index, null_words in self.joined.items():
            null_words.watch(batch.numbers, [cell.strip() for cell in batch.cells[index]])
        self._watch_cells(batch)
        self._watch_values(batch)

    def _watch_cells(self, batch: Batch) -> None:
        rows = list(chain.from_iterable(batch.lines)) if any(kind for kind, _name in self.damage) else []
        numbers = [number for number, _cells in rows]
        for (kind, name), damage in self.damage.items():
            index = self.columns.of(kind)[name]
            if kind is None:
                damage.watch(batch.numbers, batch.cells[index])
            else:
                damage.watch(numbers, [cells[index] for _number, cells in rows])

    def _watch_values(self, batch: Batch) -> None:
        items = {name: list(chain.from_iterable(own.values())) for name, own in batch.line_items.items()}
        numbers = {name: [item["number"] for item in own] for name, own in items.items()}
        for (kind, name), null_words in self.null_words.items():
            if kind is None:
                own, texts = batch.numbers, batch.values[name]
            else:
                own, texts = numbers[kind.name], [item.get(name) for item in items[kind.name]]
            null_words.watch(own, texts)
            self.doubtful[kind, name].watch(own, texts)

    def warnings(self) -> Iterator[str]:
        for (kind, name), damage in self.damage.items():
            yield from damage.warnings(self.columns.heading(name, kind))
        for (kind, name), null_words in self.null_words.items():
            yield from null_words.warnings(self.columns.heading(name, kind))
        for (kind, name), doubtful in self.doubtful.items():
            yield from doubtful.warnings(self.columns.heading(name, kind))
        for index, null_words in self.joined.items():
            yield from null_words.warnings(self.columns.headings[index])
        if self.named.count:
            yield self._note_of_names()
        yield from self.footer.warnings()
        if self.short:
            yield note_of_short_rows(self.short)
        if self.without_key:
            text = ngettext(
                "%(number)d customer has no %(field)s: nobody is looked for, and it is created once more whenever such a file"
                " is imported.",
                "%(number)d customers have no %(field)s: nobody is looked for, and they are created once more whenever such a"
                " file is imported.",
                self.without_key,
            )
            yield text % {"number": self.without_key, "field": self.options.match_on}

    def _note_of_names(self) -> str:
        """Of what the names are made, and for whom."""
        parts = " + ".join(self.columns.headings[i] for i in self.columns.name_parts)
        text = ngettext(
            "%(number)d customer has no name in the file (row %(rows)s): customer_name is made of %(parts)s.",
            "%(number)d customers have no name in the file (row %(rows)s): customer_name is made of %(parts)s.",
            self.named.count,
        )
        if self.options.mode == "upsert":
            text += " " + _("Who is there already keeps the name.")
        return text % {"number": self.named.count, "rows": self.named.first, "parts": parts}


def _doubts(format: str, parse_options: ParseOptions) -> list[Doubt]:
    if format == "csv":
        return [QUOTED, swallowed(parse_options.delimiter, len(parse_options.columns.headings)), *DAMAGES]
    return [*DAMAGES, TURNED_INTO_DATE] if parse_options.is_sheet else [*DAMAGES]


def _is_text(kind: LineItem | None, name: str) -> bool:
    known = line_item_columns(kind) if kind else customer_columns()
    return known[name].kind == "string"
