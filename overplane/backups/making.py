"""Makes a backup of a running service."""

import shutil
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from overplane import __version__
from overplane.backups import archive, postgresql, sqlite
from overplane.backups.archive import FILES, SECRET, Manifest
from overplane.database.dialect import choose

READ_MIGRATIONS = "SELECT app, name FROM django_migrations ORDER BY app, name"


def back_up(path: Path, *, with_files: bool, tell: Callable[[str], None]) -> Manifest:
    """Holds every change that was acknowledged before it began. Raises `Unusable`."""
    how = choose(postgresql=postgresql, sqlite=sqlite)
    with archive.new_folder(path) as folder:
        made_at = timezone.now().isoformat(timespec="seconds")
        with how.dumped(folder) as copy:
            counts = how.counts(copy)
            migrations = [f"{app}.{name}" for app, name in copy.execute(READ_MIGRATIONS).fetchall()]
        secret = archive.generated_secret()
        if secret:
            (folder / SECRET).write_text(secret)
            tell("The secret key is in the backup, too: keep the backup as safe as the service.")
        else:
            tell(
                "The secret key is not in the backup: it is in SECRET_KEY, and needed to restore sessions and webhooks."
            )
        if with_files and Path(settings.MEDIA_ROOT).is_dir():
            # Files that come or go meanwhile belong to jobs that do: what is named in the copy was there before it.
            shutil.copytree(settings.MEDIA_ROOT, folder / FILES, ignore_dangling_symlinks=True)
        manifest = Manifest(
            version=__version__, made_at=made_at, database=how.__name__.rpartition(".")[2], counts=counts,
            migrations=migrations, has_secret=bool(secret), has_files=(folder / FILES).is_dir(),
        )  # fmt: skip
        manifest.write(folder)
    connection.close()
    return manifest
