"""The page of an import on which people say where the table of their file stands, and what its columns are."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from crm.backoffice import uploads
from crm.backoffice.looks import WIDEST, Choice, Look, look_at
from crm.backoffice.mending import corrected_payload
from crm.backoffice.page_words import as_on_a_page, quoted
from crm.backoffice.pages.import_steps import CHECK, enqueue, mapping_url, may_import, own_file, page, steps
from crm.backoffice.samples import MOST_VALUES, Sample, choices_of, sample, unknown_values
from crm.transfer.address_parts import with_address
from crm.transfer.columns import guess
from crm.transfer.foreign_choices import without_foreign_choices
from crm.transfer.foreign_ids import without_foreign_ids
from crm.transfer.mapping import NAME_PARTS
from crm.transfer.options import MATCH_KEYS
from crm.transfer.requested import JOINED_BY, KEEP_WHEN_BLANK, may_be_joined, parts_of
from overplane.backoffice.origin import actor_of
from overplane.files.sources import UnusableFile
from overplane.jobs.models import Job, JobFile, Preset
from overplane.jobs.owners import owned_by

EXAMPLES = 3  # values of a column beside its heading
DIGITS = re.compile("[0-9]{1,9}")  # a number that every database holds as an id
BEGUN_WITH = ("check", "preset")  # in the address: what was said of the columns before
SAMPLE, FRAGMENT = "sample", "fragment"  # in what is sent: only the sample is wanted; a script takes it alone
VALUES = (
    ""  # in a saved mapping, where headings are: what is read instead of some values. (No column in use is headed so.)
)


class HowForm(forms.Form):
    """What is to become of customers that are there already, and what an empty cell may look like."""

    match_on = forms.ChoiceField(label=gettext_lazy("Customers that are there already"), required=False)
    nulls = forms.CharField(
        label=gettext_lazy("Words for an empty cell"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("For example: NULL n/a"),
    )
    keep_when_blank = forms.BooleanField(label=gettext_lazy("An empty cell leaves the value as it is"), required=False)

    def __init__(self, data: Any, labels: dict[str, str]) -> None:
        super().__init__(data, label_suffix="")
        matching = [(name, _("Change those with the same %s") % labels[name]) for name in MATCH_KEYS]
        cast("forms.ChoiceField", self.fields["match_on"]).choices = [("", _("All rows are new customers")), *matching]


def _choice(request: HttpRequest) -> Choice:
    encoding = request.GET.get("encoding", "")
    sheet = request.GET.get("sheet", "").replace("\0", "") or None
    number = request.GET.get("heading_row", "")
    # A number that was shown for another sheet says nothing of this one.
    is_of_this = request.GET.get("heading_row_of", sheet or "") == (sheet or "")
    heading_row = int(number) if is_of_this and DIGITS.fullmatch(number) else None
    return Choice(encoding if encoding in uploads.ENCODINGS else "", sheet, heading_row)


@require_http_methods(["GET", "POST"])
@may_import
def mapping(request: HttpRequest, file_id: str) -> HttpResponseBase:
    stored, choice = own_file(request, file_id), _choice(request)
    try:
        look = look_at(stored, choice)
        if look.readings and (confirmed := request.POST.get("encoding", "")) in uploads.ENCODINGS[1:]:
            # In it the headings may read in another way, but there are as many of them.
            choice = replace(choice, encoding=confirmed)
            look = look_at(stored, choice)
    except UnusableFile as error:
        # In quotation marks, because the list of messages begins each with a capital letter.
        text = str(error).replace(stored.name, quoted(stored.name), 1)
        messages.error(request, as_on_a_page(text))
        return redirect("import")
    labels = uploads.labels()
    checked = _checked(request, stored, look)
    how = HowForm(request.POST or (checked.payload if checked else None), labels)
    chosen = _preset(request) or (_as_checked(checked, look) if checked else Chosen(_guessed(look)))
    if request.method == "POST" and not look.problem:
        chosen = _sent(request, look, labels, chosen)
        if request.POST.get(SAMPLE) == FRAGMENT:
            return page(request, "import_sample", **_sample(look, chosen, how))
        if problem := _problem_of_encoding(look) or _problem_of(chosen.fields, labels, how):
            messages.error(request, problem)
        elif SAMPLE not in request.POST:
            _save_preset(request, chosen)
            return enqueue(request, CHECK, stored, _payload(look, choice, chosen) | how.cleaned_data)
    return page(
        request,
        "import_mapping",
        title=_("Where is the table?") if look.problem else _("Which column is what?"),
        steps=steps(2),
        stored=stored,
        encoding=choice.encoding,
        look=look,
        outline=_outline(look),
        choice=[item for item in asdict(choice).items() if item[1]],
        here=mapping_url(stored.pk, **asdict(choice), **{name: request.GET.get(name, "") for name in BEGUN_WITH}),
        columns=_columns(look, chosen),
        labels={name: capfirst(label) for name, label in labels.items()},
        preset=request.GET.get("preset", ""),
        presets=[(str(one.pk), one.name) for one in Preset.objects.filter(kind=uploads.PRESET)],
        form=how,
        **({} if look.problem else _sample(look, chosen, how)),
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody said of the columns: the field of each heading, and what is read instead of some values of a column.

    `cells`: what was corrected in the rows of an earlier check, as of `Corrections`.
    """

    fields: dict[str, str]
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    cells: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def mapping(self) -> dict[str, str]:
        """As the import takes it: several columns of one field are joined, in the order of the file."""
        headings: dict[str, list[str]] = {}
        for heading, name in self.fields.items():
            headings.setdefault(name, []).append(heading)
        joined = {JOINED_BY.join(parts): name for name, parts in headings.items() if name and len(parts) > 1}
        return {h: name for h, name in self.fields.items() if not name or len(headings[name]) == 1} | joined

    @property
    def as_payload(self) -> dict[str, Any]:
        return {"mapping": self.mapping, "corrected_values": self.values, "corrected_cells": self.cells}


def _sent(request: HttpRequest, look: Look, labels: dict[str, str], before: Chosen) -> Chosen:
    """Left-out columns are named, too: else the engine would guess their fields.

    The page shows values of the first rows. What was said before of others counts as long as their column is the same field.
    """
    sent = {heading: request.POST.get(f"column-{i}", "") for i, heading in enumerate(look.headings)}
    fields = {heading: name if name in labels else "" for heading, name in sent.items()}
    values = {h: dict(texts) for h, texts in before.values.items() if fields.get(h, "") == before.fields.get(h)}
    for i, heading in enumerate(look.headings):
        for k in range(MOST_VALUES):
            old, new = (request.POST.get(f"{name}-{i}-{k}", "").replace("\0", "") for name in ("old", "new"))
            if old and choices_of(fields[heading]):
                values.setdefault(heading, {}).pop(old, None)
                values[heading] |= {old: new} if new else {}
    return Chosen(fields, {heading: texts for heading, texts in values.items() if texts}, before.cells)


def _payload(look: Look, choice: Choice, chosen: Chosen) -> dict[str, Any]:
    """Where the table was found is said to the job, too: it is to read what the person saw."""
    location = {"sheet": look.sheet, "heading_row": look.heading_row}
    return chosen.as_payload | {"encoding": choice.encoding, "notes": look.notes} | location


def _sample(look: Look, chosen: Chosen, how: HowForm) -> dict[str, Any]:
    """What would become of the first rows, and which values a field does not know."""
    assert look.excerpt is not None, "a file with a table has its first rows"
    try:
        options = uploads.options_of(chosen.as_payload | (how.cleaned_data if how.is_valid() else {}))
    except UnusableFile as error:
        return {"sample": Sample(problem=str(error))}
    rows = [cells for own in look.excerpt.customers for _number, cells in own]
    return {"sample": sample(look.excerpt, options), "unknown": list(_unknown(look, chosen, rows))}


def _unknown(look: Look, chosen: Chosen, rows: list[list[str]]) -> Iterator[dict[str, Any]]:
    for i, heading in enumerate(look.headings):
        name = chosen.fields.get(heading, "")
        if not (choices := choices_of(name)):
            continue
        new = chosen.values.get(heading, {})
        cells = [cells[i] for cells in rows if i < len(cells)]
        values = [
            {"i": i, "k": k, "old": old, "count": count, "new": new.get(old, "")}
            for k, (old, count) in enumerate(unknown_values(name, cells))
        ]
        if values:
            yield {"heading": heading, "choices": choices, "values": values}


def _problem_of_encoding(look: Look) -> str | None:
    return _("Choose the encoding in which the words read right.") if look.readings else None


def _columns(look: Look, chosen: Chosen) -> list[dict[str, Any]]:
    rows = [cells for _number, cells in look.rows]
    return [
        {
            "i": i,
            "heading": h,
            "samples": [cells[i] for cells in rows if i < len(cells) and cells[i]][:EXAMPLES],
            "chosen": chosen.fields.get(h, ""),
        }
        for i, h in enumerate(look.headings)
    ]


def _outline(look: Look) -> dict[str, Any]:
    """The file as it stands, as far as a page is wide."""
    width = max((len(cells) for _number, cells in look.first_rows), default=0)
    rows = [
        {
            "number": number,
            "cells": [*cells, *[""] * width][: min(width, WIDEST)],
            "is_heading": number == look.heading_row,
        }
        for number, cells in look.first_rows
    ]
    return {"rows": rows, "more": max(width - WIDEST, 0)}


def _guessed(look: Look) -> dict[str, str]:
    rows = [cells for _number, cells in look.rows]
    fields = without_foreign_ids(guess(look.headings), look.headings, rows)
    return with_address(without_foreign_choices(fields, look.headings, rows), look.headings)


def _preset(request: HttpRequest) -> Chosen | None:
    text = request.GET.get("preset", "")
    number = int(text) if DIGITS.fullmatch(text) else 0
    preset = Preset.objects.filter(kind=uploads.PRESET, pk=number).first()
    if preset is None:
        return None
    fields = {
        heading: name.removesuffix(KEEP_WHEN_BLANK) for heading, name in preset.values.items() if heading != VALUES
    }
    return Chosen(fields, preset.values.get(VALUES) or {})


def _checked(request: HttpRequest, stored: JobFile, look: Look) -> Job | None:
    """The check from which somebody came back, if the table stands where it did."""
    mine = Job.objects.filter(owned_by(request.user), kind=CHECK, payload__file=stored.pk)
    job = mine.filter(pk=request.GET.get("check", "").replace("\0", "")).first()
    is_there = job and (job.payload.get("sheet"), job.payload.get("heading_row")) == (look.sheet, look.heading_row)
    return job if is_there else None


def _as_checked(job: Job, look: Look) -> Chosen:
    """With all that was corrected in its rows."""
    payload = corrected_payload(job.payload)
    fields = {
        part: name.removesuffix(KEEP_WHEN_BLANK)
        for text, name in payload["mapping"].items()
        for part in parts_of(text, look.headings)
    }
    return Chosen(fields, payload["corrected_values"], payload["corrected_cells"])


def _problem_of(chosen: dict[str, str], labels: dict[str, str], how: HowForm) -> str | None:
    names = [name for name in chosen.values() if name]
    if not how.is_valid():
        return _("Choose how customers are found that are there already.")
    match_on = how.cleaned_data["match_on"]
    if not match_on and not {"customer_name", *NAME_PARTS} & set(names):
        return _("Choose the column that holds the customer's name; it is required.")
    if match_on and match_on not in names:
        return _("Choose the column that holds “%(label)s”: customers are to be found by it.") % {
            "label": labels[match_on]
        }
    twice = next((name for name in names if names.count(name) > 1 and not may_be_joined(name)), None)
    if twice:
        return _("More than one column goes to “%(label)s”.") % {"label": labels[twice]}
    return _problem_of_joined(chosen)


def _problem_of_joined(chosen: dict[str, str]) -> str | None:
    """A heading with the sign that joins columns cannot be one of several."""
    names = [name for name in chosen.values() if name]
    signed = next((h for h, name in chosen.items() if JOINED_BY in h and names.count(name) > 1), None)
    if signed is None:
        return None
    text = _("The column “%(heading)s” cannot be joined with others because of its +. Rename it in the file.")
    return text % {"heading": signed}


def _save_preset(request: HttpRequest, chosen: Chosen) -> None:
    if name := request.POST.get("preset_name", "").replace("\0", "").strip()[:100]:
        preset_values = chosen.fields | ({VALUES: chosen.values} if chosen.values else {})
        values = {"values": preset_values, "actor": actor_of(request), "saved_at": timezone.now()}
        Preset.objects.update_or_create(kind=uploads.PRESET, name=name, defaults=values)
