from typing import Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from overplane.events import epochs


def forget(connection: Any, **kwargs: Any) -> None:
    """A new connection may lead to a restored database."""
    connection.has_confirmed_log = False


def begin(using: str, **kwargs: Any) -> None:
    forget(connections[using])
    if using == DEFAULT_DB_ALIAS and "overplane_events_epoch" in connections[using].introspection.table_names():
        epochs.confirm()


class EventsConfig(AppConfig):
    name = "overplane.events"
    label = "overplane_events"
    verbose_name = _("Log")

    def ready(self) -> None:
        connection_created.connect(forget)
        post_migrate.connect(begin, sender=self)
