"""What people read about customers and their line items, in their language. Each kind of line item brings its own labels."""

from django.db import models
from django.utils.functional import lazy
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.line_items import BY_EVENT, LINE_ITEMS, LineItem
from crm.models import Customer
from overplane.backoffice.grid import number_text
from overplane.database.attributes import attributes
from overplane.database.fields import RateField, field_of
from overplane.events.changes import Difference, differences
from overplane.events.models import Event

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


event_title_lazy = lazy(event_title, str)


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


def shown_differences(event: Event) -> list[Difference]:
    """What an event changed, rates with their sign."""
    return [
        one._replace(old=_rate(one.old), new=_rate(one.new)) if one.name in RATES else one for one in differences(event)
    ]


def _rate(value: float | None) -> str | None:
    return None if value is None else number_text(value, is_rate=True)


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
