"""The rows of a checked file that are wrong, corrected in the page of the check."""

import re
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from crm.backoffice.mending import LONGEST, Mending, RefusedCustomer, corrected_payload
from crm.backoffice.pages.import_steps import APPLY, CHECK, enqueue, may_import, own_file
from crm.backoffice.samples import choices_of
from crm.transfer.refused_files import MARKED
from crm.transfer.requested import KEEP_WHEN_BLANK
from overplane.jobs.models import Job, JobFile, State
from overplane.jobs.owners import owned_by

ON_A_PAGE = 25  # customers: their wrong cells are fields of one form
MOST_KINDS = 50  # shown: a file with more has another fault than its values
LINE_BREAK = re.compile("\r\n?")
# What is settled for the old file or its place in it, and not for the file of refused rows.
OF_THE_FILE = ("sheet", "heading_row", "encoding", "notes", "corrected_cells", "corrected_values", "run", "again")


def problems_page(request: HttpRequest, job: Job) -> dict[str, Any] | None:
    """What the page of the check shows of its refused rows; None if there are none, or they are purged."""
    try:
        mending = Mending(job)
    except (KeyError, JobFile.DoesNotExist, FileNotFoundError):
        return None
    refused = mending.refused
    chosen = request.GET.get("kind", "")
    of_kind = [one for one in refused if chosen in one.kinds] if chosen else refused
    page = Paginator(of_kind, ON_A_PAGE).get_page(request.GET.get("page"))
    return {
        "columns": [(mending.excerpt.headings[i], mending.label(i)) for i in mending.column_indexes],
        "kinds": [_kind(mending, i, kind) for i, kind in enumerate(_kinds(job)[:MOST_KINDS])],
        "chosen": chosen,
        "page": page,
        "count": len(refused),
        "left": _left(refused),
        "is_all": len(refused) == (job.result or {})["refused"],
    }


def _kinds(job: Job) -> list[dict[str, Any]]:
    return (job.result or {}).get("kinds", [])


def _kind(mending: Mending, i: int, kind: dict[str, Any]) -> dict[str, Any]:
    """With the values that several rows have; and of a closed choice what may stand instead."""
    key = f"{kind['code']}:{kind['column']}"
    new = mending.corrections.values.get(kind["column"], {})
    # Where a problem is one of several columns (an address, say) its value stands in no cell.
    is_of_cells = kind["column"] in mending.excerpt.headings
    values = [
        {"name": f"value-{i}-{k}", "old": old, "count": count, "new": new.get(old, "")}
        for k, (old, count) in enumerate(kind.get("values", ()) if is_of_cells else ())
    ]
    name = mending.job.payload.get("mapping", {}).get(kind["column"], "").removesuffix(KEEP_WHEN_BLANK)
    left = sum(key in one.kinds and kind["column"] in one.wrong for one in mending.refused)
    return kind | {
        "key": key,
        "values": values,
        "choices": choices_of(name),
        "left": left,
        "rows_text": rows_text(kind),
    }


def rows_text(kind: dict[str, Any]) -> str:
    """The first rows of a kind, for a sentence."""
    rows = kind.get("rows", ())  # results of earlier versions have none
    return ", ".join(map(str, rows)) + (" …" if kind["count"] > len(rows) else "")


def _left(refused: list[RefusedCustomer]) -> int:
    return sum(not one.is_right for one in refused)


@require_POST
@may_import
def correct(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Keeps what was typed. To a script it answers how the rows are now; else the file is checked once more."""
    job = get_object_or_404(Job, owned_by(request.user), pk=job_id, kind=CHECK, state=State.DONE)
    try:
        mending = Mending(job)
    except (KeyError, JobFile.DoesNotExist, FileNotFoundError):
        raise Http404 from None
    before = mending.refused
    cells, values = _sent(request, mending)
    if cells or values:
        mending.correct(cells, values)
    if request.accepts("text/html"):
        stored = own_file(request, job.payload["file"])
        return enqueue(request, CHECK, stored, corrected_payload(mending.job.payload))
    return JsonResponse(_as_json(mending, before))


def _sent(request: HttpRequest, mending: Mending) -> tuple[dict[tuple[int, int], str], dict[tuple[str, str], str]]:
    """What differs from how it stands: a form sends all of its fields."""
    all_cells = [(line.number, cell) for one in mending.refused for line in one.lines for cell in line.cells]
    cells_by_name = {f"cell-{number}-{cell.index}": (number, cell) for number, cell in all_cells if cell.may_change}
    kinds = [_kind(mending, i, kind) for i, kind in enumerate(_kinds(mending.job)[:MOST_KINDS])]
    known = {value["name"]: (kind["column"], value) for kind in kinds for value in kind["values"]}
    cells: dict[tuple[int, int], str] = {}
    values: dict[tuple[str, str], str] = {}
    for name, sent in request.POST.items():
        text = str(sent).replace("\0", "\ufffd")
        if name in cells_by_name:
            number, cell = cells_by_name[name]
            if _trimmed(cell.text) != _trimmed(text):
                cells[number, cell.index] = _trimmed(text)[:LONGEST]
        elif name in known:
            heading, value = known[name]
            if value["new"] != text:
                values[heading, value["old"]] = text[:LONGEST]
    return cells, values


def _trimmed(text: str) -> str:
    """A browser sends every line break as two characters, however it stands in the file."""
    return LINE_BREAK.sub("\n", text).strip()


def _as_json(mending: Mending, before: list[RefusedCustomer]) -> dict[str, Any]:
    """What is otherwise than before, and how many customers are wrong still. Rows of one object have one number."""
    rows: dict[int, list[dict[str, Any]]] = {}
    for old, new in zip(before, mending.refused, strict=True):
        for line, now in zip(old.lines, new.lines, strict=True) if old is not new else ():
            changed = (cell for was, cell in zip(line.cells, now.cells, strict=True) if was != cell)
            names = ("text", "messages", "is_corrected")
            cells = {cell.index: {name: getattr(cell, name) for name in names} for cell in changed}
            rows.setdefault(now.number, []).append({"messages": now.messages, "is_right": new.is_right, "cells": cells})
    kinds = [_kind(mending, i, kind)["left"] for i, kind in enumerate(_kinds(mending.job)[:MOST_KINDS])]
    return {"rows": rows, "left": _left(mending.refused), "kinds": kinds}


@require_POST
@may_import
def mend_refused(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """The rows that an import left out, checked as a file of their own: its page is where they are corrected."""
    job = get_object_or_404(Job, owned_by(request.user), pk=job_id, kind=APPLY, state=State.DONE)
    stored = own_file(request, (job.result or {}).get("report") or "-")
    payload = {name: value for name, value in job.payload.items() if name not in OF_THE_FILE}
    encoding = (job.result or {}).get("encoding", "")  # in which they are written, and which was confirmed
    return enqueue(request, CHECK, stored, payload | {"encoding": "" if encoding in MARKED else encoding})
