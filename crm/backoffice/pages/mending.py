"""The rows of a checked file that are wrong, corrected in the page of the check."""

import re
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from crm.backoffice.mending import CORRECTED, LONGEST, Mending, Refused, corrected_payload
from crm.backoffice.pages.import_steps import APPLY, CHECK, enqueue, may_import, own_file
from crm.backoffice.samples import choices_of
from crm.transfer.refused_files import MARKED
from crm.transfer.requested import KEPT
from overplane.backoffice.origin import actor_of
from overplane.jobs.models import Job, JobFile, State

ON_A_PAGE = 25  # customers: their wrong cells are fields of one form
MOST_KINDS = 50  # shown: a file with more has another fault than its values
CELL = re.compile("cell-([0-9]{1,9})-([0-9]{1,5})")
VALUE = re.compile("value-([0-9]{1,4})-([0-9]{1,3})")
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
        "columns": [(mending.excerpt.headings[i], mending.label(i)) for i in mending.shown],
        "kinds": [_kind(job, i, kind, refused) for i, kind in enumerate(_kinds(job)[:MOST_KINDS])],
        "chosen": chosen,
        "page": page,
        "count": len(refused),
        "left": _left(refused),
        "is_all": len(refused) == (job.result or {})["refused"],
    }


def _kinds(job: Job) -> list[dict[str, Any]]:
    return (job.result or {}).get("kinds", [])


def _kind(job: Job, i: int, kind: dict[str, Any], refused: list[Refused]) -> dict[str, Any]:
    """With the values that several rows have; and of a closed choice what may stand instead."""
    key = f"{kind['code']}:{kind['column']}"
    new = job.payload.get(CORRECTED, {}).get("values", {}).get(kind["column"], {})
    values = [
        {"name": f"value-{i}-{k}", "old": old, "count": count, "new": new.get(old, "")}
        for k, (old, count) in enumerate(kind.get("values", ()))
    ]
    name = job.payload.get("mapping", {}).get(kind["column"], "").removesuffix(KEPT)
    left = sum(key in one.kinds and not one.is_right for one in refused)
    return kind | {"key": key, "values": values, "choices": choices_of(name), "left": left, "places": places(kind)}


def places(kind: dict[str, Any]) -> str:
    """The first rows of a kind, for a sentence."""
    rows = kind.get("rows", ())  # results of earlier versions have none
    return ", ".join(map(str, rows)) + (" …" if kind["count"] > len(rows) else "")


def _left(refused: list[Refused]) -> int:
    return sum(not one.is_right for one in refused)


@require_POST
@may_import
def correct(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Keeps what was typed. To a script it answers how the rows are now; else the file is checked once more."""
    job = get_object_or_404(Job, pk=job_id, kind=CHECK, state=State.DONE, actor=actor_of(request))
    try:
        mending = Mending(job)
    except (KeyError, JobFile.DoesNotExist, FileNotFoundError):
        raise Http404 from None
    cells, values = _sent(request, mending)
    if cells or values:
        mending.correct(cells, values)
    if request.accepts("text/html"):
        stored = own_file(request, job.payload["file"])
        return enqueue(request, CHECK, stored, corrected_payload(mending.job.payload))
    touched = {number for number, _index in cells}
    return JsonResponse(_as_json(mending, touched, {heading for heading, _old in values}))


def _sent(request: HttpRequest, mending: Mending) -> tuple[dict[tuple[int, int], str], dict[tuple[str, str], str]]:
    """What differs from how it stands: a form sends all of its fields."""
    now = {(line.number, cell.index): cell for one in mending.refused for line in one.lines for cell in line.cells}
    cells: dict[tuple[int, int], str] = {}
    values: dict[tuple[str, str], str] = {}
    for name, sent in request.POST.items():
        text = str(sent).replace("\0", "\ufffd")[:LONGEST]
        if found := CELL.fullmatch(name):
            place = int(found[1]), int(found[2])
            if (cell := now.get(place)) and cell.may_change and cell.text != text.strip():
                cells[place] = text
        elif (found := VALUE.fullmatch(name)) and text:
            kinds = _kinds(mending.job)
            own = kinds[int(found[1])].get("values", ()) if int(found[1]) < len(kinds) else ()
            if int(found[2]) < len(own):
                values[kinds[int(found[1])]["column"], own[int(found[2])][0]] = text
    return cells, values


def _as_json(mending: Mending, numbers: set[int], headings: set[str]) -> dict[str, Any]:
    """The rows that may be others now, and how many customers are wrong still."""
    refused = mending.refused
    indexes = {mending.excerpt.headings.index(heading) for heading in headings if heading in mending.excerpt.headings}
    rows = {
        line.number: {
            "messages": line.messages,
            "cells": {cell.index: {"text": cell.text, "messages": cell.messages} for cell in line.cells},
        }
        for one in refused
        if any(line.number in numbers for line in one.lines)
        or (indexes and any(cell.is_corrected for line in one.lines for cell in line.cells if cell.index in indexes))
        for line in one.lines
    }
    kinds = [_kind(mending.job, i, kind, refused)["left"] for i, kind in enumerate(_kinds(mending.job)[:MOST_KINDS])]
    return {"rows": rows, "left": _left(refused), "kinds": kinds}


@require_POST
@may_import
def mend_refused(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """The rows that an import left out, checked as a file of their own: its page is where they are corrected."""
    job = get_object_or_404(Job, pk=job_id, kind=APPLY, state=State.DONE, actor=actor_of(request))
    stored = own_file(request, (job.result or {}).get("report") or "-")
    payload = {name: value for name, value in job.payload.items() if name not in OF_THE_FILE}
    encoding = (job.result or {}).get("encoding", "")  # in which they are written, and which was confirmed
    return enqueue(request, CHECK, stored, payload | {"encoding": "" if encoding in MARKED else encoding})
