"""What people are told of a job that is done: an import, a change of many, and what took them back."""

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from crm.backoffice.undo import ChangeUndoResult, count, token
from crm.backoffice.wording import kinds
from overplane.jobs.kinds import JobResult
from overplane.jobs.models import Job
from overplane.origin import Origin

MAY_UNDO_IMPORT = ("crm.add_customer", "crm.change_customer", "crm.delete_customer")
WRITES = ("created", "updated", "rows_created", "rows_updated", "rows_deleted")

DIRECTIONS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])  # Unicode's marks of them, to be left out


def apart(text: str) -> str:
    """With marks around it that keep a text which runs the other way from turning what stands beside it."""
    return f"\u2068{unmarked(text)}\u2069"


def unmarked(text: str) -> str:
    """Without such marks of its own, which could end ours, or those of `<bdi>`."""
    return text.translate(DIRECTIONS)


def counts(result: dict[str, Any], *, is_check: bool = False) -> list[tuple[str, str, int]]:
    """The numbers of an import that are not zero: name, label, number."""
    labels = {
        "created": gettext("to be created") if is_check else gettext("created"),
        "updated": gettext("to be changed") if is_check else gettext("changed"),
        "unchanged": gettext("as they are already"),
        "refused": gettext("refused"),
        "rows_created": gettext("%(kinds)s added") % {"kinds": kinds()},
        "rows_updated": gettext("%(kinds)s changed") % {"kinds": kinds()},
        "rows_deleted": gettext("%(kinds)s deleted") % {"kinds": kinds()},
    }
    return [(name, label, result[name]) for name, label in labels.items() if result.get(name)]


def imported(job: Job) -> JobResult:
    result = job.result or {}
    numbers = ", ".join(f"{intcomma(number)} {label}" for _name, label, number in counts(result))
    text = gettext("“%(file)s” is imported: %(numbers)s.") if numbers else gettext("“%(file)s” is imported.")
    return JobResult(
        text % {"file": apart(job.payload["name"]), "numbers": numbers},
        undo_url=reverse("import_undo", args=[job.pk]) if any(result.get(name) for name in WRITES) else "",
        undo_needs=MAY_UNDO_IMPORT,
    )


def import_undone(job: Job) -> JobResult:
    result = job.result or {}
    deleted, restored, kept_count, gone = (
        result.get(name, 0) for name in ("deleted", "restored", "kept_count", "gone_count")
    )
    texts = (
        (
            ngettext("Taken back: %(count)s customer deleted,", "Taken back: %(count)s customers deleted,", deleted),
            deleted,
        ),
        (gettext("%(count)s restored;"), restored),
        (
            ngettext(
                "%(count)s was changed since and left as it is.",
                "%(count)s were changed since and left as they are.",
                kept_count,
            ),
            kept_count,
        ),
    )
    sentences = [text % {"count": intcomma(number)} for text, number in texts]
    return JobResult(" ".join([*sentences, gone_text(gone)]).strip())


def gone_text(number: int) -> str:
    if not number:
        return ""
    text = ngettext("%s customer was deleted or merged since.", "%s customers were deleted or merged since.", number)
    return text % intcomma(number)


def exported(job: Job) -> JobResult:
    number = (job.result or {}).get("count", 0)
    text = ngettext("%s customer is exported.", "%s customers are exported.", number)
    return JobResult(text % intcomma(number))


def changed(job: Job) -> JobResult:
    """A deletion is told of, and cannot be taken back."""
    number = (job.result or {}).get("customers", 0)
    if job.payload["values"] is None:
        text = ngettext("%s customer is deleted.", "%s customers are deleted.", number)
        return JobResult(text % intcomma(number))
    return _changed(job, changed_text(number), is_any=number > 0)


def changed_by_then(job: Job) -> JobResult:
    """Of a job that did not come to its end."""
    if job.payload["values"] is None:
        return JobResult(gettext("What was deleted by then is gone."))
    number = count(Origin(job.actor, job.request_id))
    text = ngettext("%s customer was changed by then.", "%s customers were changed by then.", number)
    return _changed(job, text % intcomma(number), is_any=number > 0)


def _changed(job: Job, text: str, *, is_any: bool) -> JobResult:
    return JobResult(
        text,
        undo_url=reverse("admin:crm_customer_undo") if is_any else "",
        undo=token(job.request_id or ""),
        undo_needs=("crm.change_customer",),
    )


def changed_text(number: int) -> str:
    if not number:
        return gettext("No customer is changed: they have this value already.")
    return ngettext("%s customer changed.", "%s customers changed.", number) % intcomma(number)


def undo_texts(result: ChangeUndoResult) -> tuple[str, str]:
    """What is as it was, and what is left as it is by now; empty if there is nothing to say of it."""
    text = ngettext("Undone: %s customer is as it was.", "Undone: %s customers are as they were.", result.restored)
    back = text % intcomma(result.restored) if result.restored else ""
    left = " ".join(filter(None, [_kept_text(result), gone_text(result.gone)]))
    return back, left or ("" if back else gettext("Nothing was left to be taken back."))


def _kept_text(result: ChangeUndoResult) -> str:
    if not result.kept_count:
        return ""
    names = ", ".join(apart(name[:60]) for name in result.kept) + (" …" if result.kept_count > len(result.kept) else "")
    text = ngettext(
        "%(n)s customer was changed once more since; that stays: %(names)s.",
        "%(n)s customers were changed once more since; that stays: %(names)s.",
        result.kept_count,
    )
    return text % {"n": intcomma(result.kept_count), "names": names}


def change_undone(job: Job) -> JobResult:
    return JobResult(" ".join(filter(None, undo_texts(ChangeUndoResult(**(job.result or {}))))))
