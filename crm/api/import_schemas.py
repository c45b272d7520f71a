"""What the events of imports hold, in the API's description: ids and counts, no values."""

from crm.api import event_schemas  # noqa: F401 (the events of customers come first)
from crm.transfer.reports import COUNTS
from overplane.api.events.descriptions import event_schema
from overplane.api.schemas import COMPONENTS, TEXT, Schema, closed_object, ref

RUN_ID = "run_abc123"
COUNT: Schema = {"type": "integer", "minimum": 0, "examples": [0]}
OF_RUN = TEXT | {"description": "Unique identifier of the import.", "examples": [RUN_ID]}
COUNTED = {
    "created": "How many customers are new.",
    "updated": "How many customers are changed.",
    "unchanged": "How many customers were so already.",
    "refused": "How many customers have problems.",
    "rows_created": "How many line items are new.",
    "rows_updated": "How many line items are changed.",
    "rows_deleted": "How many line items are deleted.",
}
UNDO_COUNTED = {
    "deleted": "Customers that the import had created, and that are gone.",
    "restored": "Customers that are as they were before.",
    "kept": "Customers that somebody changed since, and that stay as they are.",
    "gone": "Customers that somebody deleted since.",
}
PROBLEM_COUNT = COUNT | {"description": "How many problems the file has."}
DRY_RUN: Schema = {
    "type": "boolean",
    "description": "`true` where everything is done but the writing.",
    "examples": [False],
}


def counts_schema(texts: dict[str, str], description: str) -> Schema:
    return closed_object({name: COUNT | {"description": text} for name, text in texts.items()}, description=description)


COMPONENTS |= {
    "ImportCounts": counts_schema(
        {name: COUNTED[name] for name in COUNTS}, "What an import has done, or, a dry run, would do."
    ),
    "UndoneImportCounts": counts_schema(UNDO_COUNTED, "What taking an import back has done."),
    "FinishedImport": closed_object(
        {
            "id": OF_RUN,
            "status": TEXT
            | {"enum": ["done", "refused", "checked"], "description": "How it ended: a dry run is `checked`."},
            "dry_run": DRY_RUN,
            "problem_count": PROBLEM_COUNT,
            "counts": ref("ImportCounts"),
        },
        description="An import that has come to its end.",
    ),
    "UndoneImport": closed_object(
        {"id": OF_RUN, "counts": ref("UndoneImportCounts")},
        description="An import that was taken back, and with what success.",
    ),
}
EXPORT_ID = "export_abc123"
COMPONENTS["FinishedExport"] = closed_object(
    {
        "id": TEXT | {"description": "Unique identifier of the export.", "examples": [EXPORT_ID]},
        "count": COUNT | {"description": "How many customers are in its file."},
    },
    description="An export whose file is there.",
)
event_schema("import.finished", "an import", ref("FinishedImport"))
event_schema("import.undone", "an import", ref("UndoneImport"))
event_schema("export.finished", "an export", ref("FinishedExport"))
