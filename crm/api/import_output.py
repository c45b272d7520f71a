"""How imports look from outside."""

from collections.abc import Sequence
from typing import Any

from crm.api.import_words import as_in_the_api, column_in_the_api
from crm.models import ImportProblem, ImportRun, RunState
from crm.transfer import runs
from crm.transfer.announcements import public_counts
from crm.transfer.reports import Report
from overplane.ids import sortable
from overplane.jobs.models import Job

# What an import was asked for, by the name that the parameter has; those of the command that are none of a file.
OPTIONS = {
    "format": "format", "encoding": "encoding", "mode": "mode", "match_on": "match_on", "mapping": "mapping",
    "set": "constants", "null": "nulls", "ignore_unknown": "ignore_unknown", "keep_when_blank": "keep_when_blank",
    "replace_rows": "replace_rows", "skip_errors": "skip_errors", "delimiter": "delimiter", "sheet": "sheet",
    "heading_row": "heading_row", "again": "again",
}  # fmt: skip
DEFAULTS: dict[str, Any] = {
    "mapping": {}, "set": {}, "null": [], "mode": "create",
    **dict.fromkeys(("ignore_unknown", "keep_when_blank", "replace_rows", "skip_errors", "again"), False),
}  # fmt: skip
PROBLEM, DIGITS = "prob", 13


def imports(found: Sequence[ImportRun]) -> list[dict[str, Any]]:
    jobs, undone = runs.jobs_of(found), _undone([run.pk for run in found if run.state == RunState.UNDONE])
    return [_import(run, jobs.get(run.pk), undone.get(run.pk)) for run in found]


def _undone(ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """What taking back has done, by the run that was taken back."""
    if not ids:
        return {}
    undos = ImportRun.objects.filter(settings__undo__in=list(ids), state=RunState.DONE)
    return {run.settings["undo"]: run.counts for run in undos}


def _import(run: ImportRun, job: Job | None, undone: dict[str, int] | None) -> dict[str, Any]:
    status, said, report = runs.status_of(run, job), run.settings, Report(run.file_name)
    report.counts.update(run.counts)
    ended = run.finished_at or (job.finished_at if job and status in runs.STILL else None)
    values = {name: said.get(stored) for name, stored in OPTIONS.items()}
    counts = public_counts(run.counts)
    return {
        "id": run.pk,
        "created_at": run.created_at,
        "finished_at": ended if status in runs.STILL else None,
        "status": status,
        "file_name": run.file_name,
        "file_hash": run.file_hash,
        "options": {name: DEFAULTS.get(name) if value is None else value for name, value in values.items()},
        "dry_run": run.dry_run,
        "progress": _progress(run, status, counts),
        "counts": counts,
        "problem_count": report.problem_count,
        "problem_kinds": [
            {"code": code, "column": column_in_the_api(column), "count": n}
            for (code, column), n in report.kinds.most_common()
        ],
        "warnings": [as_in_the_api(warning) for warning in run.report.get("warnings", ())],
        "error": _error(run, job, status),
        "undone": undone,
    }


def _progress(run: ImportRun, status: str, counts: dict[str, int]) -> dict[str, Any]:
    noted = run.report.get("progress", {})
    customers = sum(counts[name] for name in ("created", "updated", "unchanged", "refused"))
    is_whole = status in (RunState.CHECKED, RunState.DONE, RunState.REFUSED, RunState.UNDONE)
    return {
        "fraction": 1.0 if is_whole else noted.get("fraction", 0.0),
        "customers": customers or noted.get("customers", 0),
        "customers_per_second": noted.get("customers_per_second"),
    }


def _error(run: ImportRun, job: Job | None, status: str) -> str | None:
    """Why it did not come to a good end, if that is said of no row."""
    if status in (RunState.REFUSED, runs.BROKEN_OFF):
        text = run.report.get("error") or (job.error if job and status == runs.BROKEN_OFF else "")
        return as_in_the_api(text) or None
    return None


def problem_id(key: int) -> str:
    return f"{PROBLEM}_{sortable(key, DIGITS)}"


def problem_key(text: str) -> int | None:
    digits = text.removeprefix(f"{PROBLEM}_")
    if digits == text or len(digits) != DIGITS:
        return None
    try:
        key = int(digits, 32)
    except ValueError:
        return None
    return key if problem_id(key) == text else None


def problem(one: ImportProblem) -> dict[str, Any]:
    return {
        "id": problem_id(one.pk),
        "row": one.number,
        "column": column_in_the_api(one.column),
        "value": one.value,
        "code": one.code,
        "message": as_in_the_api(one.message),
    }
