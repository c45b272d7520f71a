"""The routes of exports in the API's description."""

from collections.abc import Callable

from drf_spectacular.utils import extend_schema_view

from crm.api.descriptions import FILTERS, sent
from crm.api.import_descriptions import FILE, KEPT, NULLABLE, TAG
from crm.api.import_schemas import COUNT, EXPORT_ID
from crm.representation import CUSTOMER_NAMES
from crm.search import MAX_LENGTH
from crm.transfer.exports import FORMATS
from crm.transfer.long_cells import CHOICES
from crm.transfer.selection import LAYOUTS
from overplane.api.openapi import (
    BODIES,
    IDEMPOTENCY_KEY,
    LOCATION_OF_ACCEPTED,
    WRITES,
    object_id,
    operation,
    query,
)
from overplane.api.schemas import COMPONENTS, MOMENT, STORABLE, TEXT, Schema, closed_object, ref
from overplane.waiting import LONGEST

STATUSES = ["queued", "writing", "done", "broken_off", "canceled"]
OR_NULL = {"type": "null"}


def _choice(words: tuple[str, ...], text: str) -> Schema:
    return {"anyOf": [TEXT | {"enum": list(words)}, OR_NULL], "description": f"{text} `{words[0]}` unless given."}


def _request() -> Schema:
    filters = {one.name: sent(one) for one in FILTERS}
    columns: Schema = {
        "type": "array",
        "items": TEXT | {"enum": list(CUSTOMER_NAMES)},
        "minItems": 1,
        "uniqueItems": True,
    }
    own: dict[str, Schema] = {
        "format": _choice(FORMATS, "The format of the file."),
        "columns": columns | {"description": "Attributes of the customers; all unless given.", "examples": [["id", "customer_name"]]},
        "rows": _choice(LAYOUTS, "How line items stand beside their customer in CSV and XLSX: in `lines` of their own with its cells blank, `repeated`, or `none`."),
        "long_cells": _choice(CHOICES, "What becomes of texts that no cell of XLSX holds."),
        "q": NULLABLE | {"maxLength": MAX_LENGTH, "pattern": STORABLE, "description": "Only customers in which all these words are found.", "examples": ["berlin"]},
    }  # fmt: skip
    return {
        "type": "object",
        "properties": own | filters,
        "additionalProperties": False,
        "description": "Which customers, and how they stand in the file. The filters are those of lists.",
        "examples": [{"format": "csv", "columns": ["id", "customer_name"]}],
    }


COMPONENTS |= {
    "ExportCreate": _request(),
    "Export": closed_object(
        {
            "id": TEXT | {"description": "Unique identifier of the export.", "examples": [EXPORT_ID]},
            "created_at": MOMENT | {"description": "When it was asked for, in UTC and whole seconds."},
            "finished_at": NULLABLE
            | {
                "format": "date-time",
                "description": "When it ended, in UTC and whole seconds; null until then.",
                "examples": [None],
            },
            "status": TEXT | {"enum": STATUSES, "description": "With `done` its file is there."},
            "request": {
                "type": "object",
                "description": "What was asked for, just as it was sent.",
                "examples": [{"format": "csv"}],
            },
            "customers": COUNT | {"description": "How many customers are written so far."},
            "file_name": TEXT
            | {"description": "What the file is called where it is saved.", "examples": ["customers.csv"]},
            "warnings": {
                "type": "array",
                "items": TEXT,
                "description": "What the file leaves out, and why.",
                "examples": [[]],
            },
            "error": NULLABLE | {"description": "Why there is no file, if something is wrong.", "examples": [None]},
        },
        description="Customers on their way into a file.",
    ),
}
ONE = object_id(EXPORT_ID)


def describe_exports() -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            "createExport", "Export customers into a file",
            "A worker writes the file, of the customers as they are at one moment, newest first. `wait` for it, or for the event `export.finished`.",
            tag=TAG, answer=ref("Export"), answered="The export, which waits for a worker.", status=202, body=ref("ExportCreate"),
            parameters=[IDEMPOTENCY_KEY], errors=[*WRITES, *BODIES], headers=[LOCATION_OF_ACCEPTED],
        ),
        retrieve=operation(
            "retrieveExport", "Retrieve an export", "How far it is, and whether its file is there.",
            tag=TAG, answer=ref("Export"), answered="The export as it is now.", errors=[403, 404],
            parameters=[ONE, query("wait", {"type": "integer", "minimum": 0, "maximum": LONGEST, "default": 0},
                f"Seconds to wait, at most {LONGEST}, until `status` is another one. Few requests may wait at the same time; further ones are answered at once.")],
        ),
    )  # fmt: skip


def describe_export_file() -> Callable[[type], type]:
    return extend_schema_view(
        retrieve=operation(
            "downloadExport", "Download an export", f"The import reads it back as it was. {KEPT}",
            tag=TAG, answer=FILE, answered="The file, with its name.", media_type="application/octet-stream", parameters=[ONE], errors=[403, 404, 409],
        )
    )  # fmt: skip
