"""The files of jobs, in Django's default storage: with several machines that is one that all of them reach.

Readers want a file on disk. Where the storage is elsewhere each machine keeps copies; a stored file never changes.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.utils import timezone

from overplane.ids import new_id
from overplane.jobs.models import Job, JobFile

BLOCK = 256 * 1024  # bytes that are read together: a file of any size costs no more memory
# Copies that nobody opened for so long, and what is left of uploads that were cut off. Longer than any upload takes.
LEFT_SECONDS = 24 * 3600
LONGEST_SUFFIX = 8


def store(file: File, name: str, actor: str, job: Job | None = None, *, owner: int | None = None) -> JobFile:
    """Stores a file under a name of our own; the name that it came with is for people only. `owner`: whose it is without a job."""
    file_id = new_id("file")
    stored = JobFile(id=file_id, name=name.replace("\0", "")[-255:], actor=actor, created_at=timezone.now(), job=job)
    stored.owner_id = job.owner_id if job else owner
    suffix = "".join(c for c in Path(name).suffix.lower() if c.isascii() and (c.isalnum() or c == "."))
    stored.content.save(file_id + suffix[:LONGEST_SUFFIX], file, save=False)
    stored.save(force_insert=True)
    return stored


def discard(stored: JobFile) -> None:
    stored.content.delete(save=False)
    stored.delete()


def local_path(stored: JobFile) -> Path:
    """Where the file lies on this machine."""
    try:
        return Path(stored.content.path)
    except NotImplementedError:
        return _copy(stored)


def _copy(stored: JobFile) -> Path:
    folder = settings.COPIES_DIR
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / stored.pk
    if not path.exists():
        # Renamed when it is whole: others may want the same file just now.
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy, stored.content.open("rb") as content:
            shutil.copyfileobj(content, copy, BLOCK)
        Path(copy.name).replace(path)
    path.touch()
    return path


def parts(stored: JobFile) -> Iterator[bytes]:
    """The content, piece by piece."""
    with stored.content.open("rb") as content:
        while part := content.read(BLOCK):
            yield part


def leftovers() -> Iterator[int]:
    """Of this machine: old copies, and uploads that were cut off."""
    for folder in (settings.COPIES_DIR, Path(settings.FILE_UPLOAD_TEMP_DIR)):
        for path in folder.glob("*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - LEFT_SECONDS:
                    path.unlink()
                    yield 1
