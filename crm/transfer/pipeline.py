"""One pass over a file of customers: read in chunks, judge, plan, and write what is good in sets."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from django.db import transaction
from django.utils import timezone

from crm import matching
from crm.line_item_plans import ListPlan, change_line_items
from crm.line_items import LineItem
from crm.locking import locked_customers
from crm.models import CUSTOMERS, ImportRun, RunState
from crm.transfer import bulk_writes
from crm.transfer.batch import SIZE, Batch, ParseOptions
from crm.transfer.batch_plans import BatchPlan
from crm.transfer.columns import damaged_by_excel
from crm.transfer.mapping import Columns, resolve
from crm.transfer.options import ImportOptions, check_sufficient
from crm.transfer.parsing import batches
from crm.transfer.planning import Planner
from crm.transfer.repeats import Repeats
from crm.transfer.reports import FieldChange, RefusedRows, Report
from overplane.database.bulk import PreparedRows, analyze_if_grown
from overplane.files.prefetch import prefetch
from overplane.files.sources import Source, UnusableFile
from overplane.files.spreadsheets import ExcelDamage
from overplane.files.tables import ABSENT, opened_table
from overplane.origin import Origin
from overplane.problems import Code, invalid

Prepared = tuple[list[int], list[PreparedRows]]  # places of a chunk, and their customers ready to be written
Progress = Callable[[str, float, int], None]  # what is being done, how much of the file (0 to 1), customers so far


class RunOvertaken(UnusableFile):
    """Another process is at work on the same run, or has taken it back."""


class Work:
    """One file on its way in: read once or twice, its report growing."""

    def __init__(
        self, source: Source, settings: ImportOptions, progress: Progress, run: ImportRun | None = None
    ) -> None:
        self.source, self.settings, self.progress, self.run = source, settings, progress, run
        self.report = Report(source.name, source.encoding)
        if source.encoding_is_guessed and source.encoding != "utf-8-sig":
            self.report.warnings.append(
                f"{source.name} is not UTF-8 and was taken for {source.encoding}. Are letters wrong? Name its encoding"
                " (--encoding)."
            )
        self.origin = Origin(f"import:{run.pk}") if run else None

    def read_through(self) -> None:
        """Reads all of it and judges nothing: whatever cannot be read is told before anything is written."""
        with self._table() as (table, _, _):
            for count, _ in enumerate(table.rows):
                if count % SIZE == 0:
                    self.progress("reading", self.source.fraction, count)

    def go_through(
        self, doing: str, *, is_first: bool, refused: RefusedRows | None, writes: bool = False, tells: bool = False
    ) -> None:
        """Reads, judges and plans all of it; `writes` what is good. In the first reading all that is wrong is told."""
        report, settings = self.report, self.settings
        with self._table() as (table, columns, parse_options):
            planner, repeats, keyless = Planner(columns, settings), Repeats(columns, settings), 0
            damaged = [(kind, name) for kind, name in damaged_by_excel() if is_first and name in columns.of(kind)]
            watched = {one: ExcelDamage() for one in damaged}
            # Closed before the file is: its thread reads on until then.
            with closing(prefetch(self._prepared(batches(table, parse_options), columns, writes=writes))) as coming:
                for batch, prepared in coming:
                    if is_first:
                        if settings.mode == "upsert":
                            keyless += sum(value in (None, ABSENT) for value in batch.values[settings.match_on or ""])
                        repeats.refuse(batch)
                        _watch(batch, columns, watched)
                    report.customers += len(batch)
                    if not writes:
                        self._foresee(batch, planner, tells=tells)
                        self._note_problems(batch, parse_options, refused)
                    elif batch.last_number > self._position:
                        self._write(batch, planner, parse_options, refused, prepared)
                        analyze_if_grown(CUSTOMERS)
                    self.progress(doing, self.source.fraction, report.customers)
            for (kind, name), damage in watched.items():
                report.warnings += damage.warnings(columns.heading(name, kind))
            if keyless:
                report.warnings.append(
                    f"{keyless} customers have no {settings.match_on}: nobody is looked for, and they are created"
                    " once more whenever such a file is imported."
                )

    def _prepared(
        self, found: Iterator[Batch], columns: Columns, *, writes: bool
    ) -> Iterator[tuple[Batch, Prepared | None]]:
        """Where nobody has to be found first, new customers are made ready while the database still writes others."""
        is_plain = writes and self.settings.mode == "create" and columns.parent is None
        is_plain = (
            is_plain and "id" not in columns.customer and not any("id" in columns.of(kind) for kind in columns.kinds)
        )
        for batch in found:
            made = [i for i in range(len(batch)) if i not in batch.problems]
            is_due = is_plain and batch.last_number > self._position
            yield batch, (made, self._new_customers(batch, made)) if is_due else None

    def _new_customers(self, batch: Batch, made: list[int]) -> list[PreparedRows]:
        assert self.origin is not None
        is_whole = len(made) == len(batch)
        columns = {n: column if is_whole else [column[i] for i in made] for n, column in batch.values.items()}
        line_items = {name: [items.get(i, ()) for i in made] for name, items in batch.line_items.items()}
        return bulk_writes.new_customers(columns, line_items, count=len(made), now=timezone.now(), origin=self.origin)

    @property
    def _position(self) -> int:
        return self.run.position if self.run else 0

    def _note_problems(self, batch: Batch, parse_options: ParseOptions, refused: RefusedRows | None) -> None:
        self.report.note_problems(batch)
        if refused and batch.problems:
            refused.add(batch, parse_options)

    @contextmanager
    def _table(self) -> Iterator[tuple[Any, Columns, ParseOptions]]:
        settings = self.settings
        with opened_table(self.source, delimiter=settings.delimiter) as table:
            columns = resolve(
                table.headings,
                mapping=settings.mapping,
                constants=settings.constants,
                ignore_unknown=settings.ignore_unknown,
            )
            if wanted := [heading for heading, name in columns.mapping.items() if name and heading in table.unreadable]:
                raise UnusableFile(table.unreadable[wanted[0]])
            check_sufficient(columns, settings)
            self.report.mapping = columns.mapping
            yield (
                table,
                columns,
                ParseOptions(
                    columns=columns,
                    nulls=frozenset(settings.nulls),
                    is_sheet=self.source.is_sheet,
                    is_sparse=table.is_sparse,
                    size=settings.size,
                    heaviest=settings.heaviest,
                    nested=table.nested,
                ),
            )

    def _foresee(self, batch: Batch, planner: Planner, *, tells: bool) -> None:
        """What writing this chunk would do."""
        plan = planner.plan(batch)
        if not tells:
            return
        counts = self.report.counts
        counts["created"] += len(plan.creates)
        counts["rows_created"] += sum(len(batch.items(kind, i)) for kind in planner.columns.kinds for i in plan.creates)
        for i, before in plan.updates.items():
            if i not in batch.problems:
                self._tell_changes(batch, i, before, planner.changes(batch, i, before))
        counts["unchanged"] += len([i for i in plan.unchanged if i not in batch.problems])
        self._count_rows(planner.line_items.plans(batch, plan))

    def _tell_changes(self, batch: Batch, i: int, before: dict[str, Any], new: dict[str, Any]) -> None:
        self.report.counts["updated"] += 1
        number = batch.numbers[i]
        self.report.note_changes([FieldChange(number, before["id"], n, before[n], value) for n, value in new.items()])

    def _write(
        self,
        batch: Batch,
        planner: Planner,
        parse_options: ParseOptions,
        refused: RefusedRows | None,
        prepared: Prepared | None,
    ) -> None:
        """One transaction: what is good of the chunk, its events, and how far the run has come."""
        assert self.run is not None
        with transaction.atomic():
            self._hold_run()
            if self.settings.match_on:
                values = batch.values.get(self.settings.match_on, [])
                matching.claim([(self.settings.match_on, value) for value in values if value])
            plan = planner.plan(batch)
            is_ready = prepared is not None and prepared[0] == plan.creates
            for part in prepared[1] if is_ready else self._new_customers(batch, plan.creates):
                part.write()
            self.report.counts["created"] += len(plan.creates)
            self.report.counts["rows_created"] += sum(
                len(batch.items(kind, i)) for kind in planner.columns.kinds for i in plan.creates
            )
            self._change(batch, plan, planner, timezone.now())
            self._note_problems(batch, parse_options, refused)
            done = {
                "position": batch.last_number,
                "counts": dict(self.report.counts),
                "refused_bytes": refused.flushed() if refused else 0,
            }
            ImportRun.objects.filter(pk=self.run.pk).update(**done)
        self.run.position = batch.last_number  # now that it is committed

    def _hold_run(self) -> None:
        """Nobody else may be at work on the same run: they would write the same rows."""
        assert self.run is not None
        held = ImportRun.objects.select_for_update().filter(pk=self.run.pk).values_list("position", "state").first()
        if held != (self.run.position, RunState.WRITING):
            raise RunOvertaken(f"Somebody else is at work on {self.run.pk}, or is taking it back.")

    def _change(self, batch: Batch, plan: BatchPlan, planner: Planner, now: Any) -> None:
        """Locks those that differ, looks at them once more, and writes what differs still."""
        assert self.origin is not None
        ids = {before["id"] for before in plan.updates.values()}
        ids |= {one.customer["id"] for one in planner.line_items.plans(batch, plan)}
        locked = {one["id"]: one for one in locked_customers(ids)}
        self._refuse_overtaken(batch, plan, planner.columns, ids, locked)
        planner.line_items.refuse_incomplete(batch, plan)
        changes = []
        for i, before in plan.updates.items():
            if i in batch.problems:
                continue
            current = locked[before["id"]]
            if new := planner.changes(batch, i, current):
                changes.append((current, new))
                self._tell_changes(batch, i, current, new)
            else:
                self.report.counts["unchanged"] += 1
        self.report.counts["unchanged"] += len([i for i in plan.unchanged if i not in batch.problems])
        bulk_writes.update_customers(changes, now=now, origin=self.origin)
        if planner.columns.line_items:
            current = {one["id"]: one for one in locked_customers(ids)}
            plans = planner.line_items.plans(batch, plan, current)
            self._count_rows(plans)
            change_line_items(plans, origin=self.origin)

    def _refuse_overtaken(
        self, batch: Batch, plan: BatchPlan, columns: Columns, ids: set[str], locked: dict[str, dict[str, Any]]
    ) -> None:
        """Customers that somebody deleted, or gave another key, between the planning and the lock."""
        key = self.settings.match_on if self.settings.match_on in batch.values else None
        for i, customer_id in plan.existing.items():
            if customer_id not in ids or i in batch.problems:
                continue
            if customer_id not in locked:
                error = invalid(Code.RESOURCE_MISSING, "The customer was deleted meanwhile.")
                batch.refuse(i, "", customer_id, error)
            elif key and locked[customer_id][key] != batch.values[key][i]:
                error = invalid(Code.PARAMETER_CONFLICT, f"Somebody changed its {key} meanwhile. Import the row again.")
                batch.refuse(i, columns.heading(key), customer_id, error)

    def _count_rows(self, plans: list[ListPlan]) -> None:
        counts = self.report.counts
        for plan in plans:
            counts["rows_created"] += len(plan.inserts)
            counts["rows_updated"] += len(plan.updates)
            counts["rows_deleted"] += len(plan.deletes)


def _watch(batch: Batch, columns: Columns, watched: dict[tuple[LineItem | None, str], ExcelDamage]) -> None:
    for (kind, name), damage in watched.items():
        index = columns.of(kind)[name]
        lines = [line for own in batch.lines for line in (own if kind else own[:1])]
        damage.watch([number for number, _ in lines], [cells[index] for _, cells in lines])
