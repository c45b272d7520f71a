"""The first pages of an import in the back office: upload a file, say where its table stands and what its columns are."""

import re
from dataclasses import asdict, replace
from pathlib import Path
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
from crm.backoffice.page_words import as_on_a_page, quoted
from crm.backoffice.pages.import_steps import APPLY, CHECK, enqueue, mapping_url, may_import, own_file, page
from crm.transfer.columns import guess
from crm.transfer.foreign_choices import without_foreign_choices
from crm.transfer.foreign_ids import without_foreign_ids
from crm.transfer.mapping import NAME_PARTS
from crm.transfer.options import MATCH_KEYS
from crm.transfer.requested import KEPT
from overplane.backoffice.origin import actor_of
from overplane.files.sources import UnusableFile
from overplane.jobs.models import Job, Preset, State

DIGITS = re.compile("[0-9]{1,9}")  # a number that every database holds as an id
MAX_BYTES = 512 * 1024 * 1024  # larger ones are better read where they are, by the command


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"), widget=forms.ClearableFileInput(attrs={"accept": ",".join(uploads.SUFFIXES)})
    )

    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(name, name) for name in uploads.ENCODINGS if name]
        cast("forms.ChoiceField", self.fields["encoding"]).choices = [("", _("found out")), *named]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if Path(file.name).suffix.lower() not in uploads.SUFFIXES:
            suffixes = ", ".join(uploads.SUFFIXES)
            raise forms.ValidationError(_("The name of the file must end in one of: %(known)s.") % {"known": suffixes})
        if file.size > MAX_BYTES:
            raise forms.ValidationError(
                _("The file is larger than 512 MiB. Split it, or use manage.py import_customers.")
            )
        return file


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
        super().__init__(data)
        matching = [(name, _("Change those with the same %s") % labels[name]) for name in MATCH_KEYS]
        cast("forms.ChoiceField", self.fields["match_on"]).choices = [("", _("All rows are new customers")), *matching]


@require_http_methods(["GET", "POST"])
@may_import
def upload(request: HttpRequest) -> HttpResponseBase:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        stored = uploads.store(file, file.name, actor_of(request))
        return redirect(mapping_url(stored.pk, encoding=form.cleaned_data["encoding"]))
    recent = Job.objects.filter(kind=APPLY).exclude(state=State.CANCELLED)
    if not request.user.has_perm("overplane_jobs.view_job"):
        recent = recent.filter(actor=actor_of(request))
    return page(request, "import_upload", title=_("Import customers"), form=form, recent=recent[:10])


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
    how = HowForm(request.POST or None, labels)
    chosen = _preset(request) or _guessed(look)
    if request.method == "POST" and not look.problem:
        chosen = _sent_mapping(request, look, labels)
        if problem := _problem_of_encoding(look) or _problem_of(chosen, labels, how):
            messages.error(request, problem)
        else:
            _save_preset(request, chosen)
            return enqueue(request, CHECK, stored, _payload(look, choice, chosen) | how.cleaned_data)
    return page(
        request,
        "import_mapping",
        title=_("Where is the table?") if look.problem else _("Which column is what?"),
        stored=stored,
        encoding=choice.encoding,
        look=look,
        outline=_outline(look),
        choice=[item for item in asdict(choice).items() if item[1]],
        here=mapping_url(stored.pk, **asdict(choice)),
        columns=_columns(look, chosen),
        labels={name: capfirst(label) for name, label in labels.items()},
        preset=request.GET.get("preset", ""),
        presets=[(str(one.pk), one.name) for one in Preset.objects.filter(kind=uploads.PRESET)],
        form=how,
    )


def _sent_mapping(request: HttpRequest, look: Look, labels: dict[str, str]) -> dict[str, str]:
    """Left-out columns are named, too: else the engine would guess their fields."""
    sent = {heading: request.POST.get(f"column-{i}", "") for i, heading in enumerate(look.headings)}
    return {heading: name if name in labels else "" for heading, name in sent.items()}


def _payload(look: Look, choice: Choice, chosen: dict[str, str]) -> dict[str, Any]:
    """Where the table was found is said to the job, too: it is to read what the person saw."""
    place = {"sheet": look.sheet, "heading_row": look.heading_row}
    return {"mapping": chosen, "encoding": choice.encoding, "notes": look.notes} | place


def _problem_of_encoding(look: Look) -> str | None:
    return _("Choose the encoding in which the words read right.") if look.readings else None


def _columns(look: Look, chosen: dict[str, str]) -> list[dict[str, Any]]:
    rows = [cells for _number, cells in look.rows]
    return [
        {"i": i, "heading": h, "samples": [cells[i] for cells in rows if i < len(cells)], "chosen": chosen.get(h, "")}
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
    return without_foreign_choices(fields, look.headings, rows)


def _preset(request: HttpRequest) -> dict[str, str] | None:
    text = request.GET.get("preset", "")
    number = int(text) if DIGITS.fullmatch(text) else 0
    preset = Preset.objects.filter(kind=uploads.PRESET, pk=number).first()
    return {heading: name.removesuffix(KEPT) for heading, name in preset.values.items()} if preset else None


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
    twice = next((name for name in names if names.count(name) > 1), None)
    return _("More than one column goes to “%(label)s”.") % {"label": labels[twice]} if twice else None


def _save_preset(request: HttpRequest, chosen: dict[str, str]) -> None:
    if name := request.POST.get("preset_name", "").replace("\0", "").strip()[:100]:
        values = {"values": chosen, "actor": actor_of(request), "saved_at": timezone.now()}
        Preset.objects.update_or_create(kind=uploads.PRESET, name=name, defaults=values)
