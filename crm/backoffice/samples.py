"""What an import would make of the first rows of a file, before anything is checked or written."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from crm import rules
from crm.backoffice.page_words import as_on_a_page
from crm.backoffice.wording import field_label
from crm.line_items import LineItem
from crm.models import Customer
from crm.representation import CUSTOMER_NAMES
from crm.transfer.columns import customer_columns
from crm.transfer.corrections import seen
from crm.transfer.excerpts import Excerpt, Judged, check_columns, judged
from crm.transfer.options import ImportOptions
from overplane.backoffice.grid import stored_cell
from overplane.database.fields import field_of
from overplane.files.sources import UnusableFile
from overplane.files.tables import ABSENT

CUSTOMERS = 5  # of a sample: as many as stand side by side
ROWS = 40  # that they may take with their line items
MOST_VALUES = 12  # of a column, to be translated before the check; the check finds the others


class SampleCell(NamedTuple):
    """A value as it would be stored, or what is wrong with it."""

    text: str
    problem: str = ""


@dataclass(slots=True)
class Sample:
    """`lines`: by label of the field, what each customer has; `numbers` are the customers' rows. `problem`: why there is none."""

    numbers: list[int] = field(default_factory=list)
    lines: list[tuple[str, list[SampleCell]]] = field(default_factory=list)
    problem: str = ""


def sample(excerpt: Excerpt, options: ImportOptions) -> Sample:
    try:
        check_columns(excerpt, options)
        one = next(iter(judged(excerpt, excerpt.customers[:ROWS], options)), None)
    except UnusableFile as error:
        return Sample(problem=as_on_a_page(str(error)))
    if one is None:
        return Sample()
    indexes = range(min(CUSTOMERS, len(one.batch)))
    lines = [
        (_label(name), [_cell(one, name, i) for i in indexes]) for name in CUSTOMER_NAMES if name in one.batch.values
    ]
    lines += [(capfirst(str(kind.label_plural)), [_items(one, kind, i) for i in indexes]) for kind in one.columns.kinds]
    filled = [(label, cells) for label, cells in lines if any(cell.text or cell.problem for cell in cells)]
    return Sample([one.batch.numbers[i] for i in indexes], filled)


def _label(name: str) -> str:
    return capfirst(str(field_of(Customer, name).verbose_name))


def _cell(one: Judged, name: str, i: int) -> SampleCell:
    heading, value = one.columns.heading(name), one.batch.values[name][i]
    problems = [p for p in one.batch.problems.get(i, ()) if p.column == heading]
    if problems:
        return SampleCell(problems[0].value, as_on_a_page(problems[0].problem.message))
    if value in (None, "", ABSENT):
        return SampleCell("")
    if (choices := dict(choices_of(name))) and value in choices:
        return SampleCell(choices[value])
    return SampleCell(str(stored_cell(field_of(Customer, name), value).text))


def _items(one: Judged, kind: LineItem, i: int) -> SampleCell:
    headings = {one.columns.heading(name, kind) for name in one.columns.of(kind)}
    problems = [p for p in one.batch.problems.get(i, ()) if p.column in headings]
    texts = [
        ", ".join(f"{field_label(kind, name)} {value}" for name, value in item.items() if _is_said(name, value))
        for item in one.batch.items(kind, i)
    ]
    return SampleCell("; ".join(texts), as_on_a_page(problems[0].problem.message) if problems else "")


def _is_said(name: str, value: Any) -> bool:
    return name != "number" and value not in (None, "")


def choices_of(name: str) -> list[tuple[str, str]]:
    """What a cell of this attribute may say, and what people call it; nothing if it is not a closed choice."""
    known = customer_columns().get(name)
    if known and known.kind == "boolean":
        return [("true", _("yes")), ("false", _("no"))]
    return [(choice, _(choice)) for choice in rules.CHOICES.get(name, ())]


def unknown_values(name: str, cells: Iterable[str]) -> list[tuple[str, int]]:
    """What these cells say that is none of its choices, the most frequent first."""
    counted = Counter(filter(None, map(seen, cells)))
    unknown = [(text, count) for text, count in counted.most_common() if not _is_known(name, text)]
    return unknown[:MOST_VALUES]


def _is_known(name: str, text: str) -> bool:
    try:
        value = customer_columns()[name].from_text(text)
    except ValidationError:
        return False
    return isinstance(value, bool) or value in rules.CHOICES.get(name, ())
