"""The kinds of jobs that this domain has. Each calls the function that a command or page calls too."""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.files import File
from django.db import DatabaseError
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm import merged, search
from crm.backoffice import dashboard, mending, outcomes, uploads
from crm.backoffice import undo as changes
from crm.backoffice.admin import listing
from crm.backoffice.problem_kinds import RefusedWithExamples, on_a_page
from crm.duplicates import finding, following
from crm.duplicates.search_state import AlreadySearching
from crm.models import Customer, ImportRun
from crm.representation import CUSTOMER_NAMES
from crm.transfer import imports, stored_exports, undo
from crm.transfer.long_cells import LongCells
from crm.transfer.refused_files import format_of
from crm.transfer.reports import COUNTS, Report
from crm.transfer.selection import Selection
from overplane.files.sources import Source, UnusableFile
from overplane.jobs import files, housekeeping, loops, queue
from overplane.jobs.kinds import Kind, Refused, Run, register
from overplane.jobs.models import Job, JobFile

STEPS = 1000  # of progress: of a large file one is some seconds
# Where in the whole work each pass over the file begins and ends: checking costs about a third of it.
PROGRESS_RANGES = {"reading": (0.0, 0.1), "checking": (0.0, 0.35), "writing": (0.35, 1.0)}
CHECK_PROGRESS_RANGES = {"checking": (0.0, 1.0)}


def count_customers(run: Run) -> dict[str, Any]:
    with run.reading():
        return dashboard.count_customers()


def find_duplicates(run: Run) -> dict[str, Any]:
    try:
        return finding.find_all(run.progress, name=run.job.pk).as_dict()
    except AlreadySearching:
        raise Refused(_("All customers are being compared already.")) from None


def check_import(run: Run) -> dict[str, Any]:
    stored, options = JobFile.objects.get(pk=run.payload["file"]), uploads.options_of(run.payload)
    before: list[ImportRun | None] = []

    def work(source: Source, more: dict[str, Any]) -> Report:
        before.append(imports.earlier(source))
        return imports.check(source, options, **more)

    with TemporaryDirectory() as folder:
        refused = RefusedWithExamples(Path(folder) / "refused")
        result = _run_reported(run, stored, refused, work)
    if refused.problems:
        result["to_correct"] = mending.store(refused, run.job).pk
    return result | {"before": before[0] and f"{before[0].created_at:%Y-%m-%d %H:%M} UTC, {before[0].started_by}"}


def import_customers(run: Run) -> dict[str, Any]:
    """Taken up again by another worker it goes on where it stood: the import's run is known by the job's id."""
    stored = JobFile.objects.get(pk=run.payload["file"])
    run_id = uploads.import_run_of(run.job)
    begun = ImportRun.objects.filter(pk=run_id).first()
    if begun and begun.state not in imports.OPEN:
        return _ended_before(run, begun)
    ImportRun.objects.filter(pk=run_id).update(job_id=run.job.pk)
    options = uploads.options_of(run.payload)
    again = bool(run.payload.get("again"))

    def work(source: Source, more: dict[str, Any]) -> Report:
        if begun:
            return imports.resume(source, run_id=run_id, **more)
        return imports.run(
            source, options, started_by=run.job.actor, again=again, run_id=run_id, job_id=run.job.pk, **more
        )

    # Where another worker finds them that takes the job up again.
    path = _refused_path(run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        result = _run_reported(run, stored, RefusedWithExamples(path), work)
        ImportRun.objects.filter(pk=run_id).update(refused_id=result.get("report"))
        return result
    except Refused:
        if not ImportRun.objects.filter(pk=run_id, state__in=imports.OPEN).exists():
            RefusedWithExamples(path).remove()
        raise


def _refused_path(run_id: str) -> Path:
    return settings.MEDIA_ROOT / f"{run_id}.refused"


def _ended_before(run: Run, begun: ImportRun) -> dict[str, Any]:
    """What the page shows if a worker ended the import but was stopped before it could report that."""
    report = run.job.files.exclude(pk=run.payload["file"]).last() or _refused_left(run, begun)
    outcome = {"run": begun.pk, "state": begun.state, "problem_count": begun.counts.get("problems", 0), "problems": []}
    counts = {name: begun.counts[name] for name in COUNTS if name in begun.counts}
    return counts | outcome | ({"report": report.pk} if report else {})


def _refused_left(run: Run, begun: ImportRun) -> JobFile | None:
    path = _refused_path(begun.pk)
    if not path.is_file():
        return None
    source = uploads.source_of(JobFile.objects.get(pk=run.payload["file"]), run.payload.get("encoding", ""))
    stored = _store_refused(path, begun.file_name, format_of(source), run)
    ImportRun.objects.filter(pk=begun.pk).update(refused_id=stored.pk)
    path.unlink()
    return stored


def _store_refused(path: Path, file_name: str, ending: str, run: Run) -> JobFile:
    name = _("refused rows of %(file)s") % {"file": f"{Path(file_name).stem}.{ending}"}
    with path.open("rb") as content:
        return files.store(File(content), name, run.job.actor, run.job)


def undo_import(run: Run) -> dict[str, Any]:
    try:
        result = undo.undo(
            run.payload["run"],
            started_by=run.job.actor,
            progress=lambda fraction: run.progress(int(fraction * STEPS), STEPS),
        )
    except UnusableFile as error:
        raise Refused(str(error)) from None
    RefusedWithExamples(_refused_path(run.payload["run"])).remove()
    return asdict(result)


def undo_change(run: Run) -> dict[str, Any]:
    return asdict(changes.undo(run.payload["request"], run.origin, run.progress))


def _run_reported(
    run: Run, stored: JobFile, refused: RefusedWithExamples, work: Callable[[Source, dict[str, Any]], Report]
) -> dict[str, Any]:
    """What the page shows. All the refused rows, to be corrected, are in a file beside it."""

    def progress(doing: str, fraction: float, customers: int) -> None:
        first, last = progress_ranges[doing]
        run.progress(int((first + fraction * (last - first)) * STEPS), STEPS)

    progress_ranges = CHECK_PROGRESS_RANGES if run.job.kind == CHECKING.name else PROGRESS_RANGES
    try:
        source = uploads.source_of(stored, run.payload.get("encoding", ""))
        with refused:
            report = work(source, {"progress": progress, "refused": refused})
    except imports.AlreadyImported:
        raise Refused(_("This very file was imported already. Say that it is to be imported once more.")) from None
    except UnusableFile as error:
        raise Refused(str(error)) from None
    except imports.BrokenOff as error:
        if isinstance(error.__cause__, DatabaseError):
            raise error.__cause__ from None  # the worker tries once more, and goes on with the run
        raise Refused(str(error.__cause__)) from None
    report.problems = [on_a_page(problem) for problem in report.problems]
    result = report.as_json()
    if run.job.kind != CHECKING.name:  # shown nowhere; nobody would erase it with the customer, and the log has it
        result["changes"] = []
    result["kinds"] = refused.with_examples(result["kinds"])
    # What was told on the page of the mapping belongs to the report: the place of the table is no longer looked for.
    result["warnings"] = list(dict.fromkeys([*run.payload.get("notes", ()), *result["warnings"]]))
    # PostgreSQL's JSON holds no NUL, which may be the very problem.
    result = json.loads(json.dumps(result, default=str).replace("\\u0000", "\\ufffd"))
    if refused.file is not None:
        result["report"] = _store_refused(refused.path, stored.name, refused.format, run).pk
        refused.path.unlink()
    return result


def export_customers(run: Run) -> dict[str, Any]:
    chosen, payload = Customer.objects.all(), run.payload
    if ids := payload.get("ids"):
        chosen = chosen.filter(pk__in=ids)
    if "query" in payload:
        chosen = listing.filtered(payload["query"], datetime.fromisoformat(payload["until"]))
    if words := payload.get("q"):
        chosen = search.filter_by_words(chosen, words)
    names = payload.get("names", CUSTOMER_NAMES)
    selection = Selection(chosen, names, layout=payload.get("layout", "lines"), is_marked=True)
    return stored_exports.store(run, selection, payload["format"], LongCells(payload.get("long_cells", "refuse")))


def _import_page(job: Job) -> str:
    return reverse("import_job", args=[job.pk])


# None is one transaction: those that write do it in short ones of their own, the others would make SQLite's writers wait.
COUNTING = Kind(dashboard.KIND, count_customers, _("Count customers"), atomic=False, every=timedelta(minutes=2))
DUPLICATES = Kind(
    "crm.find_duplicates", find_duplicates, _("Find duplicates"), atomic=False, url=lambda _job: reverse("duplicates")
)
CHECKING = Kind("crm.check_import", check_import, _("Check a file of customers"), atomic=False, url=_import_page)
IMPORTING = Kind(
    "crm.import_customers",
    import_customers,
    _("Import customers"),
    atomic=False,
    url=_import_page,
    outcome=outcomes.imported,
)
UNDOING = Kind(
    "crm.undo_import",
    undo_import,
    _("Take back an import"),
    atomic=False,
    url=_import_page,
    outcome=outcomes.import_undone,
)
UNDOING_CHANGES = Kind(changes.KIND, undo_change, _("Take back a change"), atomic=False, outcome=outcomes.change_undone)
EXPORTING = Kind(
    "crm.export_customers",
    export_customers,
    _("Export customers"),
    atomic=False,
    url=lambda _job: reverse("export"),
    outcome=outcomes.exported,
)
for kind in (COUNTING, DUPLICATES, CHECKING, IMPORTING, UNDOING, UNDOING_CHANGES, EXPORTING):
    register(kind)
housekeeping.register("merged customers past MERGE_UNDO_DAYS", merged.erase_old)


def follow_duplicates(stopped: threading.Event) -> None:
    following.Follower(lambda: queue.enqueue(DUPLICATES.name, {}, "system", key=DUPLICATES.name)).run(stopped)


loops.register("duplicates", follow_duplicates)
