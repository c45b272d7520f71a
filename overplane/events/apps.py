from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from overplane.events import epochs


def forget_epoch(**kwargs: Any) -> None:
    """A new connection may lead to a restored database, and a migration to an emptied one."""
    epochs.current.cache_clear()


class EventsConfig(AppConfig):
    name = "overplane.events"
    label = "overplane_events"

    def ready(self) -> None:
        connection_created.connect(forget_epoch)
        post_migrate.connect(forget_epoch, sender=self)
