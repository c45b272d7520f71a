"""Files in and out of the back office: stored where the worker finds them, and read for the forms about them."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from django.core.files import File
from django.utils import timezone

from crm.backoffice.wording import field_label
from crm.line_items import LINE_ITEMS
from crm.models import Customer
from crm.transfer.columns import column_name, customer_columns, line_item_columns
from crm.transfer.imports import ImportOptions
from crm.transfer.mapping import recognizer
from overplane.database.fields import field_of
from overplane.files.cells import BROKEN, split_broken
from overplane.files.encoding_guesses import ENCODINGS as GUESSED
from overplane.files.encoding_guesses import Reading
from overplane.files.sources import Source, UnusableFile, examined
from overplane.files.tables import ABSENT, opened_table
from overplane.ids import new_id
from overplane.jobs.models import Job, JobFile

PRESET = "crm.import_customers"
SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".ndjson", ".jsonl", ".json", ".gz", ".zip")
SAMPLES = 5  # rows to recognize a column by
# Besides UTF-8, what programs for tables write. "" is detected.
ENCODINGS = ("", "utf-8", *GUESSED, "utf-16")


class Look(NamedTuple):
    """What the forms about a file need of it. `readings`: of an encoding that is only guessed, as of `Source`."""

    headings: list[str]
    rows: list[list[str]]
    readings: tuple[Reading, ...]


def store(file: File, name: str, actor: str, job: Job | None = None) -> JobFile:
    """Stores a file under a name of our own; the name of the upload is for people only."""
    file_id = new_id("file")
    stored = JobFile(id=file_id, name=name.replace("\0", "")[-255:], actor=actor, created_at=timezone.now(), job=job)
    suffix = "".join(c for c in Path(name).suffix.lower() if c.isascii() and (c.isalnum() or c == "."))[:8]
    stored.content.save(file_id + suffix, file, save=False)
    stored.save(force_insert=True)
    return stored


def source_of(stored: JobFile, encoding: str = "") -> Source:
    """Raises `UnusableFile`."""
    return examined(Path(stored.content.path), stored.name, encoding=encoding or None)


def sample(stored: JobFile, encoding: str = "") -> Look:
    """The headings and the first rows. Raises `UnusableFile`."""
    rows: list[list[str]] = []
    source = source_of(stored, encoding)
    with opened_table(source, recognizer=recognizer({})) as table:
        if any("\0" in heading for heading in table.headings):
            raise UnusableFile("A heading holds a NUL. Is this a text file? Save it as CSV in UTF-8.")
        for _, cells in islice(table.rows, SAMPLES):
            rows.append([_shown(cell) for cell in cells])
    return Look(table.headings, rows, source.readings)


def _shown(cell: str) -> str:
    return "" if cell == ABSENT else split_broken(cell)[0] if cell.startswith(BROKEN) else cell


def labels() -> dict[str, str]:
    """Every field that a column may be, as people call it."""
    texts = {n: str(field_of(Customer, n).verbose_name) for n in customer_columns()}
    for kind in LINE_ITEMS:
        for name in line_item_columns(kind):
            texts[column_name(kind, name)] = f"{kind.label}: {field_label(kind, name)}"
    return texts


def import_run_of(job: Job) -> str:
    """The import's run by the job that does it: whoever takes the job up again goes on with the same run."""
    return job.payload.get("run") or "run_" + job.pk.partition("_")[2]


def options_of(payload: Mapping[str, Any]) -> ImportOptions:
    """What was chosen in the forms, as the import takes it. Columns without a field are left out."""
    match_on = payload.get("match_on") or None
    return ImportOptions(
        mode=payload.get("mode") or ("upsert" if match_on else "create"),
        match_on=match_on,
        mapping=dict(payload["mapping"]),
        nulls=tuple(payload.get("nulls", "").split()),
        ignore_unknown=True,
        keep_when_blank=bool(payload.get("keep_when_blank")),
        skip_errors=bool(payload.get("skip_errors")),
    )
