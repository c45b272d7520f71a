"""The parameters of an import, judged before its file is stored. They mean what the command's options mean."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest

from crm.transfer.columns import customer_columns
from crm.transfer.options import MATCH_KEYS, MODES, ImportOptions
from overplane.api.uploads import media_type
from overplane.database.text import has_forbidden_characters
from overplane.files.encodings import known_encoding
from overplane.files.json_tables import Doubtful, unique_keys
from overplane.files.sources import FORMATS, UnusableFile
from overplane.problems import Code, nearest
from overplane.queries.parameters import Query

FLAGS = (
    "ignore_unknown", "skip_errors", "replace_rows", "keep_when_blank", "again", "accept_encoding", "dry_run",
)  # fmt: skip
PARAMETERS = ("format", "file_name", "mode", "match_on", "mapping", "set[field]", "null", "encoding", "delimiter",
              "sheet", "heading_row", *FLAGS)  # fmt: skip
SET = re.compile(r"set\[(.*)\]")
LONGEST_NAME = 255  # letters of a file's name: as many as file systems take
MOST_ROWS_ABOVE = 1000  # the heading row is looked for no further either
# By the media type of a raw body; those that say nothing (programs send them for anything) stand for None.
MEDIA_TYPES: dict[str, str | None] = {
    "text/csv": "csv",
    "text/plain": "csv",
    "text/tab-separated-values": "csv",
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.ms-excel": None,  # what Windows says of CSV, too
    "application/octet-stream": None,
    "application/x-www-form-urlencoded": None,  # what curl says of any --data-binary
    "application/gzip": None,
    "application/zip": None,
}
FLAG_WORDS = {"true": True, "false": False}


class ImportRequest(NamedTuple):
    """`beside`: how the file is to be read, and whether once more."""

    options: ImportOptions
    beside: dict[str, Any]
    dry_run: bool
    file_name: str


def parse(request: HttpRequest, fields: Iterable[tuple[str, str]] = (), *, file_name: str = "") -> ImportRequest:
    """`fields`: the parameters that stand in a form. Raises `ValidationError`."""
    text = request.META.get("QUERY_STRING", "")
    form = urlencode(list(fields))
    query = Query("&".join(filter(None, (text, form))), repeated=["null"])
    flags = {name: query.choice(name, FLAG_WORDS, default="false") for name in FLAGS}
    format_ = _word(query, "format", FORMATS) or MEDIA_TYPES.get(media_type(request))
    encoding, delimiter, sheet = _encoding(query), query.take("delimiter"), query.text("sheet")
    if delimiter is not None:
        delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
        if len(delimiter) != 1:
            query.fail("delimiter", Code.PARAMETER_INVALID, "Must be one character, or tab.")
    row = query.integer("heading_row", default=0, lowest=1, highest=MOST_ROWS_ABOVE)
    name = query.take("file_name") or file_name or f"import.{format_ or 'csv'}"
    if len(name) > LONGEST_NAME:
        query.fail("file_name", Code.PARAMETER_TOO_LONG, f"At most {LONGEST_NAME} characters.")
    mode, match_on = _mode(query)
    values: dict[str, Any] = {
        "mapping": _mapping(query),
        "constants": _constants(query),
        "nulls": tuple(str(word) for _param, word in query.lists["null"]),
        "delimiter": delimiter,
        "sheet": sheet,
        "heading_row": row or None,
    }
    query.finish(PARAMETERS)
    values |= {one: flags[one] for one in ("ignore_unknown", "skip_errors", "replace_rows", "keep_when_blank")}
    options = ImportOptions(mode=mode, match_on=match_on, **values)
    beside: dict[str, Any] = {"format": format_, "encoding": encoding}
    beside |= {one: flags[one] for one in ("again", "accept_encoding")}
    return ImportRequest(options, beside, flags["dry_run"], name)


def _word(query: Query, name: str, known: Iterable[str]) -> str | None:
    words: Mapping[str, str | None] = {"": None} | {word: word for word in known}
    value = query.take(name)
    if value not in (None, *words) or value == "":
        query.fail(name, Code.PARAMETER_INVALID, f"Must be one of {', '.join(known)}.{nearest(value or '', [*known])}")
        return None
    return value


def _mode(query: Query) -> tuple[str, str | None]:
    match_on = _word(query, "match_on", MATCH_KEYS)
    mode = _word(query, "mode", MODES) or ("upsert" if match_on else "create")
    if mode == "create" and match_on:
        query.fail("match_on", Code.PARAMETER_CONFLICT, "Mode create finds nobody, so it matches on nothing.")
    if mode != "create" and not match_on and "match_on" not in query.errors:
        query.fail("match_on", Code.PARAMETER_MISSING, f"Mode {mode} needs to know how customers are found.")
    return mode, match_on


def _encoding(query: Query) -> str | None:
    name = query.text("encoding")
    try:
        if name is not None:
            known_encoding(name)
    except UnusableFile as error:
        query.fail("encoding", Code.PARAMETER_INVALID, str(error))
    return name


def _mapping(query: Query) -> dict[str, str]:
    text = query.take("mapping")
    if text is None:
        return {}
    try:
        mapping = json.loads(text, object_pairs_hook=unique_keys)
    except Doubtful as error:
        query.fail("mapping", Code.PARAMETER_DUPLICATE, f"Of the mapping {error}: leave one out.")
        return {}
    except (ValueError, RecursionError):
        query.fail("mapping", Code.JSON_INVALID, 'Must be a JSON object: {"Heading": "field"}.')
        return {}
    if type(mapping) is not dict or not all(type(value) is str for value in mapping.values()):
        query.fail("mapping", Code.PARAMETER_INVALID_TYPE, 'Must be an object of texts: {"Heading": "field"}.')
        return {}
    if any(has_forbidden_characters(text) for one in mapping.items() for text in one):
        query.fail("mapping", Code.CHARACTERS_NOT_ALLOWED, "The mapping holds a character that cannot be shown.")
        return {}
    return mapping


def _constants(query: Query) -> dict[str, str]:
    constants = {}
    for name in [name for name in query.values if SET.fullmatch(name)]:
        field, value = name[4:-1], query.take(name)
        if field not in customer_columns():
            message = f"Customers have no field {field[:100]!r}.{nearest(field, customer_columns())}"
            query.fail(name, Code.PARAMETER_UNKNOWN, message)
        constants[field] = value or ""
    return constants
