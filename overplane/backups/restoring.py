"""Puts a backup back, verifies it, and makes sure that nobody goes on from where the former database was."""

import shutil
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from overplane import __version__
from overplane.backups import archive, postgresql, sqlite
from overplane.backups.archive import FILES, SECRET, Manifest, Unusable
from overplane.database import maintenance
from overplane.database.dialect import choose, is_sqlite
from overplane.events import epochs


def restore(path: Path, *, force: bool, tell: Callable[[str], None]) -> Manifest:
    """The service must not run meanwhile. Raises `Unusable`."""
    how = choose(postgresql=postgresql, sqlite=sqlite)
    manifest = Manifest.read(path)
    pending = _pending(manifest)
    _refuse(manifest, how.__name__.rpartition(".")[2], is_forced=force)
    how.restore(path)
    connection.close()
    _verify(manifest)
    if pending:
        call_command("migrate", interactive=False, verbosity=0)
        tell(f"{pending} migrations of this version were applied to it.")
    if missing := maintenance.missing(connection):
        raise Unusable(f"Restored, but {', '.join(sorted(missing))} is missing: manage.py migrate puts it back.")
    epoch = epochs.start()
    tell(
        f"Restored and verified: {sum(manifest.counts.values())} rows in {len(manifest.counts)} tables, of {manifest.made_at}."
    )
    tell(f"Events now belong to epoch {epoch}; cursors given out before get 410 cursor_expired.")
    _put_back_secret(path, manifest, tell)
    _put_back_files(path, manifest, tell)
    tell("Next: manage.py prepare, start the service and the worker, then manage.py doctor.")
    return manifest


def _pending(manifest: Manifest) -> int:
    """How many migrations this version has and the backup has not."""
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    apps = {one.partition(".")[0] for one in known}
    if newer := sorted(one for one in manifest.migrations if one not in known and one.partition(".")[0] in apps):
        raise Unusable(
            f"The backup is of version {manifest.version}, which has {newer[0]}; this is {__version__}. Install that version first."
        )
    return len(known - set(manifest.migrations))


def _refuse(manifest: Manifest, database: str, *, is_forced: bool) -> None:
    if manifest.database != database:
        raise Unusable(f"The backup is of {manifest.database}, and DATABASE_URL names {database}.")
    if is_sqlite() and not Path(connection.settings_dict["NAME"]).exists():
        return
    if not is_forced and (tables := connection.introspection.table_names()):
        raise Unusable(
            f"The database that DATABASE_URL names is not empty ({len(tables)} tables). Name an empty one, or stop the service"
            " and give --force: everything in it will be gone."
        )


def _verify(manifest: Manifest) -> None:
    """Each table as it was."""
    with connection.cursor() as cursor:
        for table, expected in manifest.counts.items():
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            (found,) = cursor.fetchone()
            if found != expected:
                raise Unusable(
                    f"{table} has {found} rows, and {expected} in the backup: it is not whole, or somebody writes."
                )


def _put_back_secret(path: Path, manifest: Manifest, tell: Callable[[str], None]) -> None:
    if manifest.has_secret and archive.generated_secret():
        archive.put_back_secret(path)
        tell(f"The secret key in {settings.DATA_DIR} is that of the backup.")
    elif manifest.has_secret:
        tell(
            f"SECRET_KEY is set here. Sessions and webhooks need the key of {path / SECRET}, as SECRET_KEY or in SECRET_KEY_FALLBACKS."
        )
    else:
        tell("The backup has no secret key: set SECRET_KEY to that of the service that it is of.")


def _put_back_files(path: Path, manifest: Manifest, tell: Callable[[str], None]) -> None:
    if manifest.has_files:
        shutil.copytree(path / FILES, settings.MEDIA_ROOT, dirs_exist_ok=True)
        tell("The files of jobs are back.")
    else:
        tell("The backup has no files of jobs: what was uploaded or exported before can no longer be fetched.")
