"""What the events of imports hold, in the API's description: ids and counts, no values."""

from crm.transfer.reports import COUNTS
from overplane.api.events.descriptions import event_schema
from overplane.api.schemas import COMPONENTS, TEXT, Schema, closed_object, ref

RUN_ID = "run_abc123"
COUNT: Schema = {"type": "integer", "minimum": 0, "examples": [0]}
OF_RUN = TEXT | {"description": "Unique identifier of the import.", "examples": [RUN_ID]}
COUNTED = {
    "created": "Customers that are new.",
    "updated": "Customers that are changed.",
    "unchanged": "Customers that were so already.",
    "refused": "Customers with problems.",
    "rows_created": "Line items that are new.",
    "rows_updated": "Line items that are changed.",
    "rows_deleted": "Line items that are deleted.",
}
UNDO_COUNTED = {
    "deleted": "Customers that the import had created, and that are gone.",
    "restored": "Customers that are as they were.",
    "kept": "Customers that somebody changed since, and that stay as they are.",
    "gone": "Customers that somebody deleted since.",
}
PROBLEM_COUNT = COUNT | {"description": "How many problems the file has."}
DRY_RUN: Schema = {"type": "boolean", "description": "Everything but the writing.", "examples": [False]}


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
            "status": TEXT | {"enum": ["done", "refused", "checked"], "description": "How it ended."},
            "dry_run": DRY_RUN,
            "problem_count": PROBLEM_COUNT,
            "counts": ref("ImportCounts"),
        },
        description="An import that has come to its end.",
    ),
    "UndoneImport": closed_object(
        {"id": OF_RUN, "counts": ref("UndoneImportCounts")}, description="An import that is taken back."
    ),
}
event_schema("import.finished", "an import", ref("FinishedImport"))
event_schema("import.undone", "an import", ref("UndoneImport"))
