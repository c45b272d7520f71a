from typing import Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from overplane.events import epochs


def begin(using: str, **kwargs: Any) -> None:
    epochs.forget()
    if using == DEFAULT_DB_ALIAS and "overplane_events_epoch" in connections[using].introspection.table_names():
        epochs.confirm()


class EventsConfig(AppConfig):
    name = "overplane.events"
    label = "overplane_events"
    verbose_name = _("Log")

    def ready(self) -> None:
        post_migrate.connect(begin, sender=self)
