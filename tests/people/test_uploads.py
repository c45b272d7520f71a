"""Files that come with forms are bounded, and a stranger's is not stored."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from overplane.backoffice import uploads
from overplane.jobs.models import JobFile
from tests.backoffice.people import member

pytestmark = pytest.mark.django_db
IMPORT = reverse("import")


def send(client: Client, size: int, monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[Any, list[int]]:
    """The answer, and the sizes of what was written on the disk meanwhile."""
    written: list[int] = []
    original = tempfile.NamedTemporaryFile

    def watched(*args: Any, **kwargs: Any) -> Any:
        written.append(size)
        return original(*args, **kwargs)

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", watched)
    file = SimpleUploadedFile("customers.csv", b"customer_name\n" + b"A\n" * (size // 2))
    return client.post(IMPORT, {"file": file}), written


def test_a_file_that_is_too_large_is_refused(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT, settings.UPLOAD_MAX_MIB = tmp_path, 1
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
    editor = member("Editor")
    answer, _ = send(editor, 1024 * 1024, monkeypatch, tmp_path)  # with its heading a little more
    assert answer.status_code == 200
    assert b"larger than 1 MiB" in answer.content
    answer, written = send(editor, 3 * 1024 * 1024, monkeypatch, tmp_path)
    assert answer.status_code == 400
    assert not written  # before anything of it was read
    assert not JobFile.objects.exists()
    answer, _ = send(editor, 1000, monkeypatch, tmp_path)
    assert answer.status_code == 302
    assert JobFile.objects.get().content.size > 1000


def test_nothing_of_a_stranger_is_stored(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path
    answer, written = send(Client(), settings.FILE_UPLOAD_MAX_MEMORY_SIZE * 2, monkeypatch, tmp_path)
    assert answer.status_code in (302, 403)
    assert not written
    assert not list(tmp_path.iterdir())


def test_the_limit_is_that_of_the_settings(settings: Any) -> None:
    settings.UPLOAD_MAX_MIB = 3
    assert uploads.largest() == 3 * 1024 * 1024
