"""The passes of an import over its file: read all of it, check all of it, write what is good of it.

Each reads the file from its beginning, in batches. While the database works on one batch, a thread of its own parses the
next.
"""

from collections.abc import Iterator
from contextlib import closing

from crm.models import CUSTOMERS
from crm.transfer.batch import SIZE, Batch
from crm.transfer.batch_writing import BatchWriter, Creation
from crm.transfer.first_reading import FirstReading
from crm.transfer.mapping import Columns
from crm.transfer.parsing import batches
from crm.transfer.planning import Planner
from crm.transfer.recording import changed_ids, outcomes_of
from crm.transfer.refused_files import RefusedRows
from crm.transfer.task import ImportTask
from overplane.background import prefetch
from overplane.database.bulk import analyze_if_grown


class ReadPass:
    """Reads the file and judges nothing: what cannot be read is said before anything is written."""

    def __init__(self, task: ImportTask) -> None:
        self.task = task

    def execute(self) -> None:
        with self.task.opened() as (table, _):
            for count, _row in enumerate(table.rows):
                if count % SIZE == 0:
                    self.task.progress("reading", self.task.source.fraction, count)


class CheckPass:
    """Judges and plans, so that all problems are in the report before anything is written."""

    def __init__(self, task: ImportTask, refused: RefusedRows | None) -> None:
        self.task, self.refused = task, refused

    def execute(self) -> None:
        task, report = self.task, self.task.report
        if task.run:
            task.recorder.begin_anew()
        with task.opened() as (table, parse_options):
            planner = Planner(parse_options.columns, task.options)
            first_reading = FirstReading(parse_options, task.options, task.source.format)
            # Closed before the file is: its thread reads on until then.
            with closing(prefetch(batches(table, parse_options))) as coming:
                for batch in coming:
                    first_reading.note(batch)
                    report.customers += len(batch)
                    self.check(batch, planner)
                    report.note_problems(batch)
                    if self.refused and batch.problems:
                        self.refused.add(batch, parse_options)
                    task.progress("checking", task.source.fraction, report.customers)
            report.warnings += first_reading.warnings()

    def check(self, batch: Batch, planner: Planner) -> None:
        self.task.report.note_merged(batch, planner.plan(batch).merged)
        if self.task.run:
            self.task.recorder.note_checked(batch)


class PreviewPass(CheckPass):
    """A check that also says what writing would do."""

    def check(self, batch: Batch, planner: Planner) -> None:
        plan, report = planner.plan(batch), self.task.report
        report.count_created(batch, plan.creates)
        report.note_merged(batch, plan.merged)
        for i, before in plan.updates.items():
            if i not in batch.problems:
                report.note_update(batch.numbers[i], before, planner.changes(batch, i, before))
        report.counts["unchanged"] += len([i for i in plan.unchanged if i not in batch.problems])
        plans = planner.line_items.plans(batch, plan)
        report.count_line_items(plans)
        if self.task.run:
            created = dict.fromkeys(plan.creates, "")  # which would get their ids when they are written
            changed = {before["id"] for before in plan.updates.values()} | changed_ids(plans)
            self.task.recorder.note_outcomes(batch, outcomes_of(batch, plan, created, changed))


class WritePass:
    """Writes the good customers, from the run's position on. Others are refused: they may have become wrong since the check."""

    def __init__(self, task: ImportTask, refused: RefusedRows | None) -> None:
        self.task, self.refused = task, refused

    def execute(self) -> None:
        task, report = self.task, self.task.report
        with task.opened() as (table, parse_options):
            # Where errors are skipped nothing was checked before.
            is_first = task.options.skip_errors
            first_reading = FirstReading(parse_options, task.options, task.source.format) if is_first else None
            writer = BatchWriter(task, parse_options, self.refused)
            coming = self._prepared(batches(table, parse_options), writer)
            with closing(prefetch(coming)) as prepared:
                for batch, creation in prepared:
                    if first_reading:
                        first_reading.note(batch)
                    report.customers += len(batch)
                    if self._is_due(batch):
                        writer.write(batch, creation)
                        analyze_if_grown(CUSTOMERS)
                    task.progress("writing", task.source.fraction, report.customers)
            if first_reading:
                report.warnings += first_reading.warnings()

    def _prepared(self, parsed: Iterator[Batch], writer: BatchWriter) -> Iterator[tuple[Batch, Creation | None]]:
        """Where nobody has to be found first, new customers are prepared while the database still writes others."""
        is_plain = self.task.options.mode == "create" and _brings_no_ids(writer.parse_options.columns)
        for batch in parsed:
            is_prepared = is_plain and self._is_due(batch)
            good = [i for i in range(len(batch)) if i not in batch.problems]
            yield batch, writer.creation(batch, good) if is_prepared else None

    def _is_due(self, batch: Batch) -> bool:
        """Whether the run has not written it yet."""
        return batch.last_number > self.task.stored_run.position


def _brings_no_ids(columns: Columns) -> bool:
    ids = [columns.customer, *columns.line_items.values()]
    return columns.parent is None and not any("id" in names for names in ids)
