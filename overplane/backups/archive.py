"""What a backup is: a folder, readable by its owner only, that is there whole or not at all.

`manifest.json`, the database (`database.sqlite3`, or `database.dump` as pg_dump writes it), the secret key if this
installation has generated it, and the files of jobs if they are wanted.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.conf import settings

FORMAT = 1
MANIFEST, SECRET, FILES = "manifest.json", "secret_key", "files"


class Unusable(Exception):
    """Why nothing was done, for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`counts`: rows of each table, at the moment of the copy. `migrations`: those that were applied, `app.name`."""

    version: str
    made_at: str
    database: str
    counts: dict[str, int]
    migrations: list[str]
    has_secret: bool = False
    has_files: bool = False
    format: int = field(default=FORMAT)

    def write(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        try:
            values = json.loads((folder / MANIFEST).read_text())
        except (OSError, ValueError) as failure:
            raise Unusable(f"{folder} is no backup: {failure}") from None
        if values.get("format") != FORMAT:
            raise Unusable(f"{folder} is a backup of another format ({values.get('format')}); this one is {FORMAT}.")
        return cls(**values)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Where a backup is made; it gets its name in the end. What broke off leaves nothing."""
    if path.exists():
        raise Unusable(f"{path} is there already. Name a new folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    before = os.umask(0o077)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder
        _sync(folder)
        folder.rename(path)
        _sync_one(path.parent)
    finally:
        os.umask(before)
        shutil.rmtree(folder, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Onto the disk, before the name says that it is a backup."""
    for parent, _folders, names in os.walk(folder):
        for name in names:
            _sync_one(Path(parent) / name)
        _sync_one(Path(parent))


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def generated_secret() -> str | None:
    """The secret key in DATA_DIR, if it is the one in use."""
    path = Path(settings.DATA_DIR) / SECRET
    text = path.read_text().strip() if path.exists() else ""
    return text if text and text == settings.SECRET_KEY else None


def put_back_secret(folder: Path) -> None:
    """In one step: a crash leaves the old one or the new one."""
    path = Path(settings.DATA_DIR) / SECRET
    handle, name = tempfile.mkstemp(dir=path.parent)  # 0600
    with os.fdopen(handle, "w") as file:
        file.write((folder / SECRET).read_text())
    Path(name).rename(path)
