from typing import Any

from django.apps import AppConfig
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules

from overplane.database import lookups, maintenance
from overplane.database.dialect import is_sqlite


def teach_sqlite(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if is_sqlite(connection):
        connection.connection.create_function("overplane_caseless", 1, lookups.caseless, deterministic=True)


def install_managed_objects(using: str, **kwargs: Any) -> None:
    with transaction.atomic(using=using):
        maintenance.install(connections[using])


class DatabaseConfig(AppConfig):
    name = "overplane.database"
    label = "overplane_database"

    def ready(self) -> None:
        autodiscover_modules("registrations")
        connection_created.connect(teach_sqlite)
        post_migrate.connect(install_managed_objects, sender=self)
