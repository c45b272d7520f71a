"""The routes of imports in the API's description."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema_view

from crm.api.import_options import LONGEST_NAME, MOST_ROWS_ABOVE
from crm.api.import_schemas import COUNT, DRY_RUN, OF_RUN, PROBLEM_COUNT, RUN_ID
from crm.models import RunState
from crm.transfer import runs
from crm.transfer.columns import customer_columns
from crm.transfer.options import MATCH_KEYS, MODES
from overplane.api.list_parameters import WHICH, limit_parameter
from overplane.api.openapi import (
    BODIES,
    IDEMPOTENCY_KEY,
    LINK,
    LOCATION_OF_ACCEPTED,
    OPTIONAL_BODIES,
    TAGS,
    WRITES,
    object_id,
    operation,
    query,
)
from overplane.api.pagination import DEFAULT_LIMIT
from overplane.api.schemas import (
    COMPONENTS,
    MOMENT,
    STORABLE,
    TEXT,
    VISIBLE_TEXT,
    Schema,
    closed_object,
    page_schema,
    ref,
)
from overplane.files.sources import FORMATS
from overplane.waiting import LONGEST

TAG = "Imports and exports"
TAGS |= {TAG: "Files of customers: checked, imported, mended, taken back; and written. For full keys only."}
NULLABLE: Schema = {"type": ["string", "null"]}
STORABLE_TEXT = TEXT | {"pattern": STORABLE}
FLAG: Schema = {"type": "boolean"}
STATUSES = [*dict.fromkeys([*RunState.values, *map(str, runs.STILL)])]
# `format` is what generators of clients go by, the other what JSON Schema has for it.
FILE: Schema = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
SENT_FILE = FILE | {"minLength": 1}
# The one described of those that are taken: others make generated clients warn, or write JSON of the file.
ANY_FILE = "application/octet-stream"
PAGE = [limit_parameter(DEFAULT_LIMIT), *WHICH]
FLAG_TEXTS = {
    "dry_run": "Everything but the writing: what would be created, changed and refused. Then `apply` it.",
    "skip_errors": "Import the good rows; else all or none.",
    "ignore_unknown": "Leave out columns whose meaning cannot be told.",
    "replace_rows": "Delete line items that the file does not have.",
    "keep_when_blank": 'A blank cell leaves what is stored; of one column: `{"Phone": "mobile_no?"}` in `mapping`.',
    "again": "Import a file that was imported before.",
    "accept_encoding": "Import a file whose encoding could only be guessed.",
}
OPTIONS: dict[str, tuple[Schema, str]] = {
    "format": (TEXT | {"enum": list(FORMATS)}, "What the file is, if `Content-Type` and name do not tell."),
    "file_name": (STORABLE_TEXT | {"maxLength": LONGEST_NAME}, "What people know the file by; of a form, the part's."),
    "mode": (TEXT | {"enum": list(MODES)}, "`create` unless given, or `upsert` with `match_on`."),
    "match_on": (TEXT | {"enum": list(MATCH_KEYS)}, "By what customers are found that are there already."),
    "mapping": (
        STORABLE_TEXT,
        'A JSON object: what a column is, by its heading (`{"Firma": "customer_name"}`); an empty text leaves it out, `Street+City` joins columns. Others'
        " are found by name, label or what people call them.",
    ),
    "null": (
        {"type": "array", "items": STORABLE_TEXT},
        "A word that stands for an empty cell; repeat for each.",
    ),
    "encoding": (VISIBLE_TEXT, "The encoding of a text, such as `cp1252`; found out unless given."),
    "delimiter": (
        TEXT | {"pattern": r"^([ -~\t]|tab|\\t)$"},  # others are taken, too
        "What stands between the cells of CSV: a character, or `tab`; found out unless given.",
    ),
    "sheet": (VISIBLE_TEXT, "The sheet of a workbook; the one whose headings are known, unless given."),
    "heading_row": (
        {"type": "integer", "minimum": 1, "maximum": MOST_ROWS_ABOVE},
        "The row that names the columns; found out unless given.",
    ),
    **{name: (FLAG, text) for name, text in FLAG_TEXTS.items()},
}
SET_TEXT = "Values for every customer of the file, by the field's name: `set[territory]=North`."
SET_FIELDS = [name for name in customer_columns() if name != "id"]
SET: Schema = {
    "type": "object",
    "properties": dict.fromkeys(SET_FIELDS, STORABLE_TEXT),
    "additionalProperties": False,
}
PARAMETERS = [
    *(query(name, schema, text) for name, (schema, text) in OPTIONS.items()),
    OpenApiParameter("set", SET, OpenApiParameter.QUERY, description=SET_TEXT, style="deepObject", explode=True),
]


def _form() -> Schema:
    options = {name: schema | {"description": text} for name, (schema, text) in OPTIONS.items()}
    return {
        "type": "object",
        "properties": {"file": SENT_FILE | {"description": "The file that is to be imported."}, **options},
        "patternProperties": {rf"^set\[({'|'.join(SET_FIELDS)})\]$": STORABLE_TEXT},
        "required": ["file"],
        "additionalProperties": False,
        "description": "The file and the options, `set[…]` among them.",
    }


def _options() -> Schema:
    """As they are shown: what a command was told, too."""
    shown: dict[str, Schema] = {
        name: {"type": "boolean", "description": text}
        for name, text in FLAG_TEXTS.items()
        if name not in ("dry_run", "accept_encoding")
    }
    texts = {name: OPTIONS[name][1] for name in ("format", "encoding", "match_on", "delimiter", "sheet")}
    shown |= {name: NULLABLE | {"description": text, "examples": [None]} for name, text in texts.items()}
    by_name: Schema = {"type": "object", "additionalProperties": TEXT, "examples": [{}]}
    return closed_object(
        shown
        | {
            "mode": TEXT | {"enum": list(MODES), "description": "What becomes of customers that are there."},
            "mapping": by_name | {"description": "Fields by heading, as they were said to be."},
            "set": by_name | {"description": "Values for every customer, by field."},
            "null": {
                "type": "array",
                "items": TEXT,
                "description": "Words that stand for an empty cell.",
                "examples": [[]],
            },
            "heading_row": {
                "type": ["integer", "null"],
                "description": "The row that names the columns.",
                "examples": [None],
            },
        },
        description="What was asked for, by the names of the parameters.",
    )


KIND = closed_object(
    {
        "code": ref("ErrorCode"),
        "column": NULLABLE | {"description": "The heading, or null of the row itself.", "examples": ["email_id"]},
        "count": COUNT | {"description": "How many problems are of this kind."},
    },
    description="A kind of problem: its code and column, and how many there are.",
)


def _import() -> Schema:
    fraction: Schema = {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "How much of the whole work is done.",
    }
    progress = closed_object(
        {
            "fraction": fraction | {"examples": [1]},
            "customers": COUNT | {"description": "Customers of the file that were done so far."},
            "customers_per_second": {
                "type": ["integer", "null"],
                "description": "How fast it goes just now, or went in the end.",
                "examples": [9000],
            },
        },
        description="How far the work has come by now.",
    )
    undone = {"anyOf": [ref("UndoneImportCounts"), {"type": "null"}]}
    return closed_object(
        {
            "id": OF_RUN,
            "created_at": MOMENT | {"description": "When it was begun, in UTC and whole seconds."},
            "finished_at": NULLABLE | {"format": "date-time", "description": "When it ended, in UTC and whole seconds; null until then.", "examples": [None]},
            "status": TEXT
            | {
                "enum": STATUSES,
                "description": "`checked`: a dry run has ended; `refused`: nothing was written, since something is wrong with the file; `broken_off`"
                " and `canceled`: what was written by then stays, and can be gone on with (`resume`) or taken back (`undo`).",
            },
            "file_name": TEXT | {"description": "What people know the file by.", "examples": ["customers.csv"]},
            "file_hash": TEXT | {"description": "SHA-256 of the file's bytes.", "examples": ["9f86d081884c7d65"]},
            "options": _options(),
            "dry_run": DRY_RUN,
            "progress": progress,
            "counts": ref("ImportCounts"),
            "problem_count": PROBLEM_COUNT,
            "problem_kinds": {"type": "array", "items": KIND, "description": "Problems by kind, the most frequent first.", "examples": [[]]},
            "warnings": {"type": "array", "items": TEXT, "description": "What somebody should look at.", "examples": [[]]},
            "error": NULLABLE | {"description": "Why it was refused or broke off, if no row is the reason.", "examples": [None]},
            "undone": undone | {"description": "What taking it back has done, if it was taken back."},
        },
        description="A file on its way into the customers.",
    )  # fmt: skip


COMPONENTS |= {
    "Import": _import(),
    "ImportPage": page_schema("Import", "A page of the imports of this service."),
    "ImportProblem": closed_object(
        {
            "id": TEXT | {"description": "Unique identifier of the problem.", "examples": ["prob_00000000000c5"]},
            "row": {"type": "integer", "description": "The row, as a spreadsheet counts them.", "examples": [3]},
            "column": NULLABLE | {"description": "The heading, or null of the row itself.", "examples": ["email_id"]},
            "value": TEXT | {"description": "What stands there, at most 200 characters.", "examples": ["nobody"]},
            "code": ref("ErrorCode"),
            "message": TEXT
            | {"description": "What is wrong with it, in words.", "examples": ["Must be an e-mail address."]},
        },
        description="What is wrong with one cell or row of the file.",
    ),
    "ImportProblemPage": page_schema("ImportProblem", "A page of the problems of a file."),
    "ImportApply": {
        "type": "object",
        "properties": {
            name: {
                "type": ["boolean", "null"],
                "description": f"{FLAG_TEXTS[name]} As the dry run had it, unless given.",
            }
            for name in ("skip_errors", "again")
        },
        "additionalProperties": False,
        "description": "What is to be otherwise than in the dry run.",
        "examples": [{"skip_errors": True}],
    },
}
ONE = object_id(RUN_ID)
ACCEPTED: dict[str, Any] = {"answer": ref("Import"), "status": 202, "headers": [LOCATION_OF_ACCEPTED]}
KEPT = "Kept for 30 days."


def describe_imports() -> Callable[[type], type]:
    return extend_schema_view(
        list=operation(
            "listImports", "List imports", "Also those that a command or the back office began; most recently begun first.",
            tag=TAG, answer=ref("ImportPage"), answered="A page of the imports, and how many there are in all.", headers=[LINK],
            parameters=PAGE, errors=[403],
        ),
        create=operation(
            "createImport", "Import a file",
            "The file as the body, or as `file` of a form with the options as fields. A body may also be sent as what it is (`text/csv` and the like, gzip): `format`"
            " then need not be said. A worker checks all of it and then writes; `wait` for that, or for the"
            " event `import.finished`. The same `Idempotency-Key` with the same file begins it once.",
            tag=TAG, answered="The import, which waits for a worker.",
            bodies={ANY_FILE: SENT_FILE, "multipart/form-data": _form()},
            parameters=[*PARAMETERS, IDEMPOTENCY_KEY], errors=[*WRITES, *BODIES], **ACCEPTED,
        ),
        retrieve=operation(
            "retrieveImport", "Retrieve an import", "How far it is, and what came of it so far.",
            tag=TAG, answer=ref("Import"), answered="The import as it is now.", errors=[403, 404],
            parameters=[ONE, query("wait", {"type": "integer", "minimum": 0, "maximum": LONGEST, "default": 0},
                f"Seconds to wait, at most {LONGEST}, until `status` is another one. Few requests may wait at the same time; further ones are answered at once.")],
        ),
    )  # fmt: skip


def describe_problems() -> Callable[[type], type]:
    return extend_schema_view(
        list=operation(
            "listImportProblems", "List the problems of an import", f"All of them, in the order of the file. {KEPT}",
            tag=TAG, answer=ref("ImportProblemPage"), answered="A page of the problems, and how many there are in all.", headers=[LINK],
            parameters=[ONE, *PAGE], errors=[403, 404],
        )
    )  # fmt: skip


def describe_refused() -> Callable[[type], type]:
    return extend_schema_view(
        retrieve=operation(
            "downloadRefusedRows", "Download the refused rows",
            "In the format, encoding and with the delimiter of the file, each with its reason: mend them there, and import that file. 404 if nothing was refused."
            f" {KEPT}",
            tag=TAG, answer=FILE, answered="The file of refused rows.", media_type="application/octet-stream", parameters=[ONE], errors=[403, 404, 409],
        )
    )  # fmt: skip


def describe_result() -> Callable[[type], type]:
    lines = TEXT | {"examples": ["row,customer_id,outcome,code,message\n2,customer_abc123,created,,\n"]}
    return extend_schema_view(
        retrieve=operation(
            "downloadImportResult", "Download the result of each row",
            "CSV with `row,customer_id,outcome,code,message`: each row of the file in its order, `created`, `updated`, `unchanged` or `refused`. A refused row without a"
            f" code has no problem itself: its customer, or the file, has. {KEPT}",
            tag=TAG, answer=lines, answered="What became of each row of the file.", media_type="text/csv", parameters=[ONE], errors=[403, 404, 409],
        )
    )  # fmt: skip


OPTIONAL_BODIES.add("applyImport")
ACTIONS: dict[str, tuple[str, str, str]] = {
    "apply": ("Apply a dry run", "Writes what was checked. Where the file has problems only with `skip_errors`.", "The import, which waits for a worker."),
    "cancel": ("Cancel an import", "A worker stops within seconds. What is written by then stays: `resume` or `undo`.", "The import, which is canceled now."),
    "resume": ("Resume an import", "Goes on where it broke off or was canceled; no row is done twice.", "The import, which waits for a worker."),
    "undo": ("Take back an import", "What it created is deleted, what it changed is restored; what somebody changed since is left alone, and counted in `undone`.", "The import, which is being taken back."),
}  # fmt: skip


def describe_actions(name: str) -> Callable[[type], type]:
    summary, description, answered = ACTIONS[name]
    status = 200 if name == "cancel" else 202
    return extend_schema_view(
        create=operation(
            f"{name}Import", summary, description, tag=TAG, answered=answered,
            body=ref("ImportApply") if name == "apply" else None,
            parameters=[ONE, IDEMPOTENCY_KEY], errors=[404, *WRITES, *BODIES], answer=ref("Import"), status=status,
        )
    )  # fmt: skip
