"""One file that is being imported: its options, its progress and its report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from crm.models import ImportRun
from crm.transfer.batch import ParseOptions
from crm.transfer.mapping import recognizer, resolve
from crm.transfer.options import ImportOptions, check_sufficient
from crm.transfer.reports import Report
from overplane.files.layouts import Layout
from overplane.files.sources import Source, UnusableFile
from overplane.files.tables import Table, opened_table
from overplane.origin import Origin

# What is being done, how much of the file (0 to 1), customers so far.
ImportProgress = Callable[[str, float, int], None]


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
        if source.encoding_is_guessed and source.encoding != "utf-8-sig":
            self.report.warnings.append(
                f"{source.name} is not UTF-8 and was taken for {source.encoding}. Are letters wrong? Name its encoding"
                " (--encoding)."
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
                heading for heading, name in columns.mapping.items() if name and heading in table.unreadable
            ]:
                raise UnusableFile(table.unreadable[unreadable[0]])
            check_sufficient(columns, options)
            self.report.mapping = columns.mapping
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
                    ),
                )
            finally:
                self.report.add_warnings(table.notes)
