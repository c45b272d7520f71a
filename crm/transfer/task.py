"""One file that is being imported: its options, its progress and its report."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.models import ImportRun
from crm.transfer.batch import ParseOptions
from crm.transfer.foreign_ids import check_ids
from crm.transfer.mapping import recognizer, resolve
from crm.transfer.options import ImportOptions, check_sufficient
from crm.transfer.reports import Report
from overplane.files.layouts import Layout
from overplane.files.sources import Source, UnusableFile
from overplane.files.tables import Table, opened_table
from overplane.origin import Origin

MOST_NAMED = 50  # headings in one sentence; exporters of contacts write about as many that no customer has
# What is being done, how much of the file (0 to 1), customers so far.
ImportProgress = Callable[[str, float, int], None]

CONFIRM = gettext_lazy("Say which one it is: --encoding NAME, or --accept-encoding for the first.")


class RunOvertaken(UnusableFile):
    """Another process is at work on the same run, or has undone it."""


@dataclass(slots=True)
class ImportTask:
    """`run` is what is stored of it; None if nothing is to be written."""

    source: Source
    options: ImportOptions
    progress: ImportProgress
    run: ImportRun | None = None
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        source = self.source
        self.report = Report(source.name, source.encoding)
        if source.readings:
            self.report.warnings.append(f"{source.guess} {CONFIRM}")
        elif source.encoding_is_guessed and source.encoding != "utf-8-sig":
            self.report.warnings.append(
                _(
                    "%(name)s is not UTF-8 and was taken for %(encoding)s. Are letters wrong? Name its encoding"
                    " (--encoding)."
                )
                % {"name": source.name, "encoding": source.encoding}
            )

    @property
    def stored_run(self) -> ImportRun:
        assert self.run is not None, "only a task with a run writes"
        return self.run

    @property
    def origin(self) -> Origin:
        return Origin(f"import:{self.stored_run.pk}")

    @contextmanager
    def opened(self) -> Iterator[tuple[Table, ParseOptions]]:
        """The file's rows, to be read once, and how they are understood. Raises `UnusableFile`."""
        options = self.options
        layout = Layout(options.sheet, options.heading_row, options.delimiter)
        with opened_table(self.source, layout, recognizer(options.mapping)) as table:
            columns = resolve(
                table.headings,
                mapping=options.mapping,
                constants=options.constants,
                ignore_unknown=options.ignore_unknown,
            )
            if unreadable := [
                heading for i in sorted(columns.used) if (heading := columns.headings[i]) in table.unreadable
            ]:
                raise UnusableFile(table.unreadable[unreadable[0]])
            check_sufficient(columns, options)
            check_ids(table, columns, nulls=options.nulls)
            self.report.mapping = columns.mapping
            self.report.add_warnings(_note_of_left_out(columns.left_out))
            try:
                yield (
                    table,
                    ParseOptions(
                        columns=columns,
                        nulls=frozenset(options.nulls),
                        is_sheet=self.source.is_sheet,
                        is_sparse=table.is_sparse,
                        size=options.size,
                        heaviest=options.heaviest,
                        nested=table.nested,
                        delimiter=table.delimiter,
                        keep_when_blank=options.keep_when_blank,
                        mode=options.mode,
                    ),
                )
            finally:
                self.report.add_warnings(table.notes)


def _note_of_left_out(headings: Sequence[str]) -> list[str]:
    """What was left out because nobody knows what it is."""
    if not headings:
        return []
    named = ", ".join(headings[:MOST_NAMED]) + (" …" if len(headings) > MOST_NAMED else "")
    text = ngettext(
        "%(number)d column was left out, because its meaning cannot be told: %(headings)s.",
        "%(number)d columns were left out, because their meaning cannot be told: %(headings)s.",
        len(headings),
    )
    return [text % {"number": len(headings), "headings": named}]
