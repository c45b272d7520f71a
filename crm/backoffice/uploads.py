"""Files in and out of the back office: stored where the worker finds them, and read for the forms about them."""

from collections.abc import Mapping
from typing import Any

from crm.backoffice.wording import field_label
from crm.line_items import LINE_ITEMS
from crm.models import Customer
from crm.transfer.columns import column_name, customer_columns, line_item_columns
from crm.transfer.imports import ImportOptions
from overplane.database.fields import field_of
from overplane.files.encoding_guesses import ENCODINGS as GUESSED
from overplane.files.sources import Source, examined
from overplane.jobs import files
from overplane.jobs.models import Job, JobFile

PRESET = "crm.import_customers"
TEXTS, WORKBOOKS = (".csv", ".tsv", ".txt"), (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
SUFFIXES = (*TEXTS, *WORKBOOKS, ".ndjson", ".jsonl", ".json", ".gz", ".zip")
# Besides UTF-8, what programs for tables write. "" is detected.
ENCODINGS = ("", "utf-8", *GUESSED, "utf-16")


def source_of(stored: JobFile, encoding: str = "") -> Source:
    """Raises `UnusableFile`."""
    return examined(files.local_path(stored), stored.name, encoding=encoding or None)


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
        sheet=payload.get("sheet"),
        heading_row=payload.get("heading_row"),
        corrected_cells=payload.get("corrected_cells") or {},
        corrected_values=payload.get("corrected_values") or {},
    )
