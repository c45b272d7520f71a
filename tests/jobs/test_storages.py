"""The files of jobs in a storage that is not this machine's: as an object store is."""

import io
import os
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.test import Client

from crm.backoffice import uploads
from crm.models import Customer
from overplane.jobs import files, purging
from overplane.jobs.models import Job, JobFile
from overplane.jobs.worker import Worker
from tests.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)


class ObjectStore(Storage):
    """Knows names and contents, and no paths."""

    contents: ClassVar[dict[str, bytes]] = {}

    def _open(self, name: str, mode: str = "rb") -> File:
        return File(io.BytesIO(self.contents[name]), name)

    def _save(self, name: str, content: File) -> str:
        self.contents[name] = b"".join(content.chunks())
        return name

    def exists(self, name: str) -> bool:
        return name in self.contents

    def delete(self, name: str) -> None:
        self.contents.pop(name, None)

    def size(self, name: str) -> int:
        return len(self.contents[name])


@pytest.fixture
def store(settings: Any, tmp_path: Path) -> dict[str, bytes]:
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": f"{__name__}.ObjectStore"}}
    settings.MEDIA_ROOT, settings.COPIES_DIR = tmp_path / "files", tmp_path / "copies"
    ObjectStore.contents.clear()
    return ObjectStore.contents


def test_a_file_is_copied_to_whoever_reads_it_once(store: dict[str, bytes]) -> None:
    stored = files.store(ContentFile(b"name\n"), "a.csv", "test")
    assert [*store.values()] == [b"name\n"]
    path = files.local_path(stored)
    assert path.read_bytes() == b"name\n"
    store.clear()
    assert files.local_path(stored) == path
    assert sum(files.leftovers()) in (0, 1)
    assert path.exists()
    os.utime(path, (0, 0))
    assert sum(files.leftovers()) in (0, 1)
    assert not path.exists()


def test_the_back_office_reads_them_there(store: dict[str, bytes]) -> None:
    stored = files.store(ContentFile(b"name\nAcme\n"), "a.csv", "test")
    assert uploads.source_of(stored).name == "a.csv"


def test_an_import_and_an_export_need_no_common_disk(store: dict[str, bytes], live_api: Api) -> None:
    sent = {"authorization": f"Bearer {live_api.key}"}
    text = b"name,email_id\nAcme,\nBravo,nobody\n"
    address = "/api/crm/import?skip_errors=true"
    location = Client().generic("POST", address, text, "text/csv", headers=sent)["Location"]
    assert [*store.values()] == [text]
    Worker().run(until_idle=True)
    assert live_api.get(location).json()["status"] == "done"
    assert Customer.objects.get().customer_name == "Acme"
    refused = live_api.get(f"{location}/refused")
    assert b"nobody" in b"".join(refused)  # type: ignore[arg-type]
    export = live_api.post("/api/crm/export", {})["Location"]
    Worker().run(until_idle=True)
    assert b"Acme" in b"".join(live_api.get(f"{export}/file"))  # type: ignore[arg-type]
    assert len(store) == JobFile.objects.count() == 3
    Job.objects.update(finished_at="2020-01-01T00:00:00Z")
    purging.purge()
    assert not store
