"""One file that is being imported: its options, its progress and its report."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.models import ImportRun, RunState
from crm.transfer.batch import ParseOptions
from crm.transfer.columns import meaning
from crm.transfer.foreign_choices import check_choices
from crm.transfer.foreign_ids import check_ids
from crm.transfer.headings import listed, quoted
from crm.transfer.mapping import Columns, recognizer, resolve
from crm.transfer.options import ImportOptions, check_sufficient
from crm.transfer.recording import Recorder
from crm.transfer.reports import Report
from crm.transfer.requested import JOINED_BY
from overplane.files.layouts import Layout
from overplane.files.sources import Source, UnusableFile
from overplane.files.tables import Table, opened_table
from overplane.origin import Origin

WORTH_JOINING = ("mobile_no", "customer_details")  # fields of which exporters have several
FEWEST_KNOWN = 2  # headings by which a heading row is known, as the search for it has it
# What is being done, how much of the file (0 to 1), customers so far.
ImportProgress = Callable[[str, float, int], None]

CONFIRM = gettext_lazy("Say which one it is (--encoding NAME), or take the first (--accept-encoding).")


class RunOvertaken(UnusableFile):
    """Another process is at work on the same run, or has undone it."""


def hold(run: ImportRun) -> None:
    """Until the transaction ends. Nobody else may be at work on the same run: they would write the same rows."""
    stored = ImportRun.objects.select_for_update().filter(pk=run.pk).values_list("position", "state").first()
    if stored != (run.position, RunState.WRITING):
        raise RunOvertaken(_("Somebody else is at work on %(run)s, or is taking it back.") % {"run": run.pk})


@dataclass
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

    @cached_property
    def recorder(self) -> Recorder:
        return Recorder(self.stored_run)

    @property
    def origin(self) -> Origin:
        return Origin(f"import:{self.stored_run.pk}")

    @contextmanager
    def opened(self) -> Iterator[tuple[Table, ParseOptions]]:
        """The file's rows, to be read once, and how they are understood. Raises `UnusableFile`."""
        options = self.options
        layout = Layout(options.sheet, options.heading_row, options.delimiter)
        with opened_table(self.source, layout, recognizer(options.mapping)) as table:
            columns = self._columns(table)
            if unreadable := [
                heading for i in sorted(columns.used) if (heading := columns.headings[i]) in table.unreadable
            ]:
                raise UnusableFile(table.unreadable[unreadable[0]])
            check_ids(table, columns, nulls=options.nulls)
            check_choices(table, columns, mapped=options.mapping, nulls=options.nulls)
            # After that: a cell that was corrected to something wrong is a problem of its row, and not of its column.
            if options.corrections:
                table.rows = options.corrections.applied(table.rows, table.headings, table.merged)
            self.report.mapping = columns.mapping
            self.report.add_warnings([*_note_of_left_out(columns.left_out), *_notes_of_others(columns)])
            try:
                yield table, parse_options_of(table, columns, options, is_sheet=self.source.is_sheet)
            finally:
                self.report.add_warnings(table.notes)

    def _columns(self, table: Table) -> Columns:
        """What each column is. Where that fails and hardly one is known, they may be no headings at all."""
        options = self.options
        try:
            columns = resolve(
                table.headings,
                mapping=options.mapping,
                constants=options.constants,
                ignore_unknown=options.ignore_unknown,
            )
            check_sufficient(columns, options)
        except UnusableFile as error:
            is_sure = options.heading_row is not None or not table.head
            if is_sure or recognizer(options.mapping)(table.headings) >= FEWEST_KNOWN:
                raise
            text = _("Row %(row)d was taken for the heading row. If that is wrong, say which it is (--heading-row N).")
            raise UnusableFile(f"{error} {text % {'row': table.head[-1][0]}}") from None
        return columns


def parse_options_of(table: Table, columns: Columns, options: ImportOptions, *, is_sheet: bool) -> ParseOptions:
    return ParseOptions(
        columns=columns,
        nulls=frozenset(options.nulls),
        is_sheet=is_sheet,
        is_sparse=table.is_sparse,
        size=options.size,
        heaviest=options.heaviest,
        nested=table.nested,
        delimiter=table.delimiter,
        keep_when_blank=options.keep_when_blank,
        mode=options.mode,
    )


def _notes_of_others(columns: Columns) -> Iterator[str]:
    """Of several telephone numbers one is taken; the others go in only if somebody says so."""
    for name in WORTH_JOINING:
        others = [heading for heading in columns.left_out if meaning(heading) == name]
        if others and name in columns.customer:
            taken = columns.heading(name)
            yield (
                _("%(field)s is taken from %(taken)s. To keep the others beside it join them (--map %(option)s).")
                % {"field": name, "taken": repr(taken), "option": quoted(f"{JOINED_BY.join([taken, *others])}={name}")}
            )


def _note_of_left_out(headings: Sequence[str]) -> list[str]:
    """What was left out because nobody knows what it is."""
    if not headings:
        return []
    text = ngettext(
        "%(number)d column was left out, because its meaning cannot be told: %(headings)s.",
        "%(number)d columns were left out, because their meaning cannot be told: %(headings)s.",
        len(headings),
    )
    return [text % {"number": len(headings), "headings": listed(headings)}]
