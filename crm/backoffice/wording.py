"""What people read about customers and their line items, in their language. Each kind of line item brings its own labels."""

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.utils.functional import lazy
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.line_items import BY_EVENT, LINE_ITEMS, LineItem
from crm.models import Customer
from overplane.backoffice import event_words as platform_words
from overplane.backoffice.event_words import EventWords
from overplane.backoffice.filters import Text
from overplane.backoffice.grid import CHOICE_WORDS, choice_word, number_text
from overplane.database.attributes import attributes
from overplane.database.fields import RateField, field_of, has_field
from overplane.events.changes import Difference, differences
from overplane.events.models import Event

TYPES = {"Company": _("Company"), "Individual": _("Individual"), "Partnership": _("Partnership")}
CHOICE_WORDS[field_of(Customer, "customer_type")] = TYPES
CUSTOMER_EVENTS = {
    "customer.created": _("created"),
    "customer.updated": _("changed"),
    "customer.deleted": _("deleted"),
    "customer.merged": _("merged into another"),
    "customer.unmerged": _("taken back from a merge"),
}
EVENT_TYPES = (*CUSTOMER_EVENTS, *BY_EVENT)


def event_words(type_: str) -> str:
    """What an event reports, for the middle of a line. A type that is not known stands for itself."""
    kind = BY_EVENT.get(type_)
    return _line_item_event(kind, type_) if kind else str(CUSTOMER_EVENTS.get(type_, type_))


def _line_item_event(kind: LineItem, type_: str) -> str:
    # No article, no ending that depends on the kind: other languages would need one for each gender.
    texts = {
        kind.created: gettext("%(kind)s added"),
        kind.updated: gettext("%(kind)s changed"),
        kind.deleted: gettext("%(kind)s removed"),
        kind.reordered: gettext("%(kinds)s put in another order"),
    }
    return texts[type_] % {"kind": kind.label, "kinds": kind.label_plural}


def event_title(type_: str) -> str:
    return capfirst(event_words(type_))


def event_group(type_: str) -> str:
    """What events like this one are about."""
    kind = BY_EVENT.get(type_)
    return capfirst(str(kind.label_plural if kind else Customer._meta.verbose_name_plural))


def event_alone(type_: str) -> str:
    """An event where nothing says what it is about."""
    is_of_customer = type_ in CUSTOMER_EVENTS
    return f"{capfirst(Customer._meta.verbose_name)}: {event_words(type_)}" if is_of_customer else event_title(type_)


event_title_lazy, event_group_lazy, event_alone_lazy = (
    lazy(words, str) for words in (event_title, event_group, event_alone)
)
platform_words.known.update(
    {one: EventWords(event_group_lazy(one), event_title_lazy(one), event_alone_lazy(one)) for one in EVENT_TYPES}
)
IMPORTS = _("Imports and exports")
platform_words.known.update(
    {
        "import.finished": EventWords(IMPORTS, _("Import ended"), _("Import ended")),
        "export.finished": EventWords(IMPORTS, _("Export ended"), _("Export ended")),
        "import.undone": EventWords(IMPORTS, _("Import taken back"), _("Import taken back")),
    }
)


def labels_of(type_: str) -> dict[str, str]:
    """The fields of what an event of this type is about, by name."""
    kind = BY_EVENT.get(type_)
    return _labels(kind.model if kind else Customer)


def changed_labels(event: Event) -> list[str]:
    """What this event changed, as people call it."""
    labels = labels_of(event.type)
    return [labels.get(name, name) for name in event.changed.split()]


def _labels(model: type[models.Model]) -> dict[str, str]:
    return {field.attname: str(field.verbose_name) for field in model._meta.concrete_fields}


TABLES: list[type[models.Model]] = [Customer, *(kind.model for kind in LINE_ITEMS)]
RATES = frozenset(f.name for model in TABLES for f in model._meta.concrete_fields if isinstance(f, RateField))


def event_differences(event: Event) -> list[Difference]:
    """What an event changed: rates with their sign, closed choices in words, days as days."""
    kind = BY_EVENT.get(event.type)
    model = kind.model if kind else Customer
    return [
        one._replace(old=_display_value(model, one.name, one.old), new=_display_value(model, one.name, one.new))
        for one in differences(event)
    ]


def _display_value(model: type[models.Model], name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in RATES:
        return number_text(value, is_rate=True)
    if not has_field(model, name):
        return value
    known = field_of(model, name)
    # An event has days and moments as text.
    return known.to_python(value) if isinstance(known, models.DateField) else choice_word(known, value)


def in_words(name: str, choices: Sequence[str]) -> list[tuple[str, Text]]:
    """Values of a customer's closed choice, and what people call them."""
    return [(one, choice_word(field_of(Customer, name), one)) for one in choices]


def all_labels() -> dict[str, str]:
    """Every attribute that may change, by name. What several objects have under one name has all its labels."""
    labels: dict[str, list[str]] = {}
    for model in TABLES:
        own = _labels(model)
        for name in attributes(model):
            if own[name] not in labels.setdefault(name, []):
                labels[name].append(own[name])
    return {name: " / ".join(several) for name, several in labels.items()}


def field_label(kind: LineItem, name: str) -> str:
    return str(field_of(kind.model, name).verbose_name)


def kinds() -> str:
    """All kinds of line items."""
    return ", ".join(str(kind.label_plural) for kind in LINE_ITEMS)


kinds_lazy = lazy(kinds, str)


def counted(kind: LineItem, number: int) -> str:
    return f"{number} {kind.label if number == 1 else kind.label_plural}"
