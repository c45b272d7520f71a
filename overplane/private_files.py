"""What the service stores is for its own account alone: files 0600, folders 0700."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER, FILE, MASK = 0o700, 0o600, 0o077
# SQLite gives its side files the mode of the database; the last one is of the event log.
SIDE_FILES = ("", "-wal", "-shm", "-journal", "-served")


@contextmanager
def only_ours() -> Iterator[None]:
    """Whatever is created meanwhile, in any thread, nobody else can read."""
    before = os.umask(MASK)
    try:
        yield
    finally:
        os.umask(before)


def create(path: Path) -> None:
    """An empty file, unless there is one."""
    path.touch(mode=FILE, exist_ok=True)


def tighten(folder: Path, *trees: Path, database: Path | None = None) -> None:
    """What an earlier version, or a careless copy, has left open. Others' files and shared folders as /tmp stay as they are."""
    _close(folder)
    for tree in trees:
        for path in (tree, *tree.rglob("*")):
            _close(path)
    for path in _files(folder, database):
        _close(path)


def _files(folder: Path, database: Path | None) -> Iterator[Path]:
    yield folder / "secret_key"
    yield from folder.glob("*.lock")
    if database:
        yield from (database.with_name(database.name + end) for end in SIDE_FILES)


def _close(path: Path) -> None:
    try:
        known = path.lstat()
    except FileNotFoundError:
        return
    is_folder = stat.S_ISDIR(known.st_mode)
    if known.st_uid != os.geteuid() or not (is_folder or stat.S_ISREG(known.st_mode)) or known.st_mode & stat.S_ISVTX:
        return
    if known.st_mode & 0o077:
        path.chmod(FOLDER if is_folder else FILE)
