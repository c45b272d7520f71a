"""The list as a grid: its headings and rows as the template draws them, and the editing of one cell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from django.contrib.admin.utils import display_for_field, display_for_value, label_for_field, lookup_field, unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from django.forms import Field, ModelForm, Select
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import formats
from django.utils.translation import gettext

from overplane.backoffice.changelist import BigChangeList
from overplane.backoffice.filters import Text
from overplane.backoffice.merging import Conflict, MergingForm
from overplane.backoffice.moments import moment
from overplane.database.fields import RateField

# How the script is told that nothing was written. Not by the status: the browser would complain of it as of a fault.
CONFLICT, WRONG, GONE = "conflict", "wrong", "gone"
# What people call the values of closed choices, by field; each app registers its own.
CHOICE_WORDS: dict[models.Field, Mapping[str, Text]] = {}
EMPTY = ""  # shown as a dash by the style sheet, so that a cell's text is its value


@dataclass(frozen=True, slots=True)
class Heading:
    name: str
    label: str
    sort: str = ""  # the address of the list in this order
    direction: str = ""  # "ascending" or "descending", if the list is ordered by it
    filter: str = ""  # the filter that it opens
    editor: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    name: str
    text: str
    raw: str | None = None  # what an editor begins with, where that is not what is shown
    look: str = ""  # "avatar" before a name, or the class that the style sheet draws it by


class Note(Protocol):
    """What is said of a row beside its cells, as why a search found it."""

    @property
    def label(self) -> str: ...

    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class GridRow:
    pk: str
    url: str
    label: str
    cells: list[Cell]
    notes: Sequence[Note] = ()  # below the name


class Grid:
    """One page of a list, for the template."""

    def __init__(self, changelist: BigChangeList) -> None:
        self.changelist, self.model_admin = changelist, changelist.model_admin
        self.names = [str(name) for name in changelist.list_display if name != "action_checkbox"]
        self.editors = self.model_admin.cell_editors(changelist.request)

    def headings(self) -> Iterator[Heading]:
        for name in self.names:
            label = label_for_field(name, self.changelist.model, self.model_admin)
            sort, direction = self.changelist.sorting(name)
            opens = self.changelist.filter_name(name)
            yield Heading(name, str(label), sort, direction, filter=opens, editor=self.editors.get(name, {}))

    def lines(self) -> Iterator[GridRow]:
        notes = self.model_admin.notes(self.changelist.result_list, self.changelist.query)
        for row in self.changelist.result_list:
            cells = [self.visible_cell(row, name) for name in self.names]
            yield GridRow(row.pk, self.changelist.url_for_result(row), str(row), cells, notes.get(row.pk, ()))

    def visible_cell(self, row: models.Model, name: str) -> Cell:
        cell = self.cell(row, name)
        return cell if name in self.editors else replace(cell, raw=None)

    def cell(self, row: models.Model, name: str) -> Cell:
        known, column, value = lookup_field(name, row, self.model_admin)
        if known is None:
            return Cell(name, display_for_value(value, EMPTY, getattr(column, "boolean", False)))
        if isinstance(value, datetime):
            return Cell(name, moment(value), raw_text(value))
        return replace(stored_cell(known, value), look=self.model_admin.cell_looks.get(name, ""))


def stored_cell(known: models.Field, value: Any) -> Cell:
    raw = raw_text(value)
    if isinstance(value, bool):
        return Cell(known.name, gettext("yes") if value else gettext("no"), raw)
    if isinstance(value, Decimal):
        return Cell(known.name, number_text(value, is_rate=isinstance(known, RateField)), raw)
    text = EMPTY if value in (None, "") else display_for_field(choice_word(known, value), known, EMPTY)
    return Cell(known.name, text, raw if raw != text else None)


def choice_word(known: models.Field, value: Any) -> Any:
    """What people call a value of a closed choice; any other value as it is."""
    words = CHOICE_WORDS.get(known)
    return words.get(value, value) if words else value


def number_text(value: Decimal | float, *, is_rate: bool = False) -> str:
    """As this language writes it, without the zeros that the column's scale adds."""
    text = formats.number_format(Decimal(str(value)).normalize())
    return f"{text}\N{NO-BREAK SPACE}%" if is_rate else text


def raw_text(value: Any) -> str:
    """As a form sends it."""
    if isinstance(value, bool):
        return "on" if value else ""
    if isinstance(value, Decimal):
        return number_text(value)
    return "" if value is None else str(value)


def editor_of(form_field: Field) -> dict[str, Any]:
    """What the script needs to make a field of its own kind in the cell."""
    widget = form_field.widget
    if isinstance(widget, Select):
        return {"choices": [[str(value), str(label)] for value, label in widget.choices]}
    if widget.input_type == "checkbox":
        return {"choices": [["", gettext("no")], ["on", gettext("yes")]]}
    copied = ("maxlength", "inputmode", "data-suggest")
    return {"attributes": {name: value for name, value in widget.attrs.items() if name in copied}}


def read_cell(form_class: type[ModelForm], row: models.Model, name: str, sent: dict[str, str]) -> MergingForm:
    form = form_class({name: sent["value"], f"initial-{name}": sent["was"]}, instance=row)
    assert isinstance(form, MergingForm)
    return form


class CellEditing:
    """A list whose cells can be edited. `save_model` writes; `editable` names the columns."""

    editable: tuple[str, ...] = ()
    cell_looks: dict[str, str] = {}

    def notes(self, rows: Sequence[Any], words: str) -> Mapping[str, Sequence[Note]]:
        """Below the names of a page's rows, by primary key; `words` are what was searched for."""
        return {}

    def cell_editors(self: Any, request: HttpRequest) -> dict[str, dict[str, Any]]:
        if not self.editable or not self.has_change_permission(request):
            return {}
        fields = self.get_form(request, None, change=True, fields=list(self.editable)).base_fields
        return {name: editor_of(fields[name]) for name in self.chosen_columns(request) if name in fields}

    def edit_cell(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        """Writes one attribute, if it is still what the person saw in the cell."""
        name = request.POST.get("field", "")
        if name not in self.editable:
            raise Http404
        sent = {key: request.POST.get(key, "") for key in ("value", "was")}
        with transaction.atomic():
            row = self.get_object(request, unquote(object_id))
            if row is None:
                return _refusal(GONE, gettext("It was deleted by somebody else meanwhile."))
            if not self.has_change_permission(request, row):
                raise PermissionDenied
            form = read_cell(self.get_form(request, row, change=True, fields=[name]), row, name, sent)
            if not form.is_valid():
                return self.refused_cell(form, name)
            if form.has_changed():
                try:
                    self.save_model(request, row, form, True)
                except ValidationError as error:
                    return _refusal(WRONG, " ".join(error.messages))
        cell = stored_cell(row._meta.get_field(name), getattr(row, name))
        answer = {"shown": str(cell.text), "raw": cell.raw if cell.raw is not None else cell.text}
        return JsonResponse(answer | self.cell_messages(request, row, form, sent))

    def cell_messages(
        self, request: HttpRequest, row: models.Model, form: ModelForm, sent: dict[str, str]
    ) -> dict[str, Any]:
        """What else the page is told of the change."""
        return {}

    def who_wrote(self, row: models.Model, conflict: Conflict) -> str:
        return ""

    def refused_cell(self, form: MergingForm, name: str) -> HttpResponse:
        if form.has_only_conflicts:
            conflict = form.conflicts[0]
            who = self.who_wrote(form.instance, conflict) or gettext("somebody else")
            text = gettext("%(who)s changed it meanwhile.") % {"who": who}
            cell = stored_cell(form.instance._meta.get_field(name), conflict.theirs)
            return _refusal(CONFLICT, text, shown=str(cell.text), raw=conflict.theirs_text)
        return _refusal(WRONG, " ".join(str(error) for errors in form.errors.values() for error in errors))


def _refusal(refused: str, message: str, **more: Any) -> HttpResponse:
    return JsonResponse({"refused": refused, "message": message, **more})
