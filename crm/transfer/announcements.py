"""What the log tells of imports and exports as such: ids and counts, no values. Each commits with what it tells of."""

from collections.abc import Mapping
from typing import Any

from crm.models import ImportRun
from crm.transfer.reports import COUNTS
from overplane.events import log
from overplane.events.log import Change
from overplane.events.models import Event
from overplane.origin import Origin

FINISHED, UNDONE, EXPORTED = "import.finished", "import.undone", "export.finished"


def finished(run: ImportRun, state: str, counts: Mapping[str, int]) -> None:
    """A run has come to its end: `done`, `refused` or, a dry run, `checked`."""
    output = {"id": run.pk, "status": state, "dry_run": run.dry_run, "problem_count": counts.get("problems", 0)}
    _record(FINISHED, run.pk, output | {"counts": public_counts(counts)}, run.started_by)


def undone(run_id: str, counts: Mapping[str, int], started_by: str) -> None:
    _record(UNDONE, run_id, {"id": run_id, "counts": dict(counts)}, started_by)


def exported(export_id: str, count: int, origin: Origin) -> None:
    log.record(Change(EXPORTED, export_id, export_id, 1, {"id": export_id, "count": count}, {}), origin=origin)


def public_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Without the kinds of problems that stand among them."""
    return {name: counts.get(name, 0) for name in COUNTS}


def _record(type_: str, run_id: str, output: dict[str, Any], actor: str) -> None:
    # (Not the import's own actor: whose events those are, that is what an undo takes back.)
    version = Event.objects.filter(subject=run_id).count() + 1
    log.record(Change(type_, run_id, run_id, version, output, {}), origin=Origin(actor))
