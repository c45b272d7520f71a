"""The kinds of jobs that this domain has. Each calls the function that a command or page calls too."""

import csv
from datetime import timedelta
from io import BytesIO, TextIOWrapper
from tempfile import TemporaryFile
from typing import Any

from django.core.files import File
from django.utils.translation import gettext_lazy as _

from crm import dashboard, duplicates, search, snapshots, transfers
from crm.imports import Report, UnusableFile
from crm.models import Customer
from overplane.jobs.kinds import Kind, Refused, Run, register
from overplane.jobs.models import JobFile

SHOWN = 200


def count_customers(run: Run) -> dict[str, Any]:
    return dashboard.count_customers()


def find_duplicates(run: Run) -> dict[str, Any]:
    groups = duplicates.find(progress=run.progress)
    return {"groups": [[group.reasons, group.ids] for group in groups]}


def check_import(run: Run) -> dict[str, Any]:
    return _read(run, write=False)


def import_customers(run: Run) -> dict[str, Any]:
    return _read(run, write=True)


def _read(run: Run, *, write: bool) -> dict[str, Any]:
    kept = JobFile.objects.get(pk=run.payload["file"])
    try:
        report = transfers.read(kept, run.payload["mapping"], write=write, origin=run.origin, progress=run.progress)
    except UnusableFile as error:
        raise Refused(str(error)) from None
    return _told(run, kept, report)


def _told(run: Run, kept: JobFile, report: Report) -> dict[str, Any]:
    """What the page shows; all of it, if it is long, is in a file beside it."""
    # PostgreSQL's JSON holds no NUL, which may be the very problem.
    problems = [
        [
            p.line,
            *(str(text).replace("\0", "\ufffd")[:500] for text in (p.column, p.value, p.problem.message)),
            p.problem.code,
        ]
        for p in report.problems
    ]
    told: dict[str, Any] = {"created": report.created, "problems": problems[:SHOWN], "problem_count": len(problems)}
    if problems:
        content = BytesIO()
        with TextIOWrapper(content, encoding="utf-8-sig", newline="", write_through=True) as text:
            writer = csv.writer(text)
            writer.writerow(["row", "column", "value", "problem", "code"])
            writer.writerows(
                [[cell if i < 1 else harmless(str(cell)) for i, cell in enumerate(row)] for row in problems]
            )
            content.seek(0)
            told["report"] = transfers.keep(File(content), f"problems of {kept.name}.csv", run.job.actor, run.job).pk
    return told


def export_customers(run: Run) -> dict[str, Any]:
    chosen, payload = Customer.objects.all(), run.payload
    if ids := payload.get("ids"):
        chosen = chosen.filter(pk__in=ids)
    if words := payload.get("q"):
        chosen = search.narrow(chosen, words)
    with TemporaryFile() as file:
        with snapshots.one_snapshot():
            count = transfers.export(chosen, payload["format"], file, run.progress)
        file.seek(0)
        name = f"customers {run.job.created_at:%Y-%m-%d %H.%M}.{payload['format']}"
        return {"file": transfers.keep(File(file), name, run.job.actor, run.job).pk, "count": count}


def harmless(cell: str) -> str:
    """A spreadsheet must not take a stranger's text for a formula."""
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


# Neither writes: not atomic, so that on SQLite nobody waits for them.
COUNTING = Kind(dashboard.KIND, count_customers, _("Count customers"), atomic=False, every=timedelta(minutes=2))
DUPLICATES = Kind("crm.find_duplicates", find_duplicates, _("Find duplicates"), atomic=False)
CHECKING = Kind("crm.check_import", check_import, _("Check a file of customers"), atomic=False)
IMPORTING = Kind("crm.import_customers", import_customers, _("Import customers"))
EXPORTING = Kind("crm.export_customers", export_customers, _("Export customers"), atomic=False)
for kind in (COUNTING, DUPLICATES, CHECKING, IMPORTING, EXPORTING):
    register(kind)
