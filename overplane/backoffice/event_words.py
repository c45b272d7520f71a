"""What people call the types of events, where the log has their names only. The domain registers its own."""

from collections.abc import Iterable
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from overplane.backoffice.filters import Text


class EventWords(NamedTuple):
    """`group`: what such events are about. `title`: below the group's name. `alone`: where no group stands above."""

    group: Text
    title: Text
    alone: Text


known: dict[str, EventWords] = {"webhook.ping": EventWords(_("Webhooks"), _("Test event"), _("Test event"))}


def words(type_: str) -> EventWords:
    """A type that nobody registered stands for itself."""
    return known.get(type_, EventWords(type_.partition(".")[0], type_, type_))


def grouped(types: Iterable[str]) -> list[tuple[str, list[tuple[str, Text]]]]:
    """Choices of a form: the types of each group in their order."""
    groups: dict[str, list[tuple[str, Text]]] = {}
    for one in types:
        groups.setdefault(str(words(one).group), []).append((one, words(one).title))
    return list(groups.items())
