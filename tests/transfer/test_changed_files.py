"""A file that another program writes to while it is imported."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

from crm.models import Customer, ImportRun
from crm.transfer import imports
from crm.transfer.imports import BrokenOff
from overplane.files.sources import UnusableFile, examined
from tests.transfer.progress import nothing

pytestmark = pytest.mark.django_db(transaction=True)


def names() -> set[str]:
    return set(Customer.objects.values_list("customer_name", flat=True))


def sheet(lines: list[str]) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        book.add_worksheet().write_column(0, 0, lines)
    return content.getvalue()


KINDS: dict[str, Callable[[list[str]], bytes]] = {
    "csv": lambda lines: "\n".join(lines).encode(),
    "csv.gz": lambda lines: gzip.compress("\n".join(lines).encode(), 0, mtime=0),
    "xlsx": sheet,
}
NAMES = [f"customer {i:06}" for i in range(3000)]
LONG_LINES = ["name,primary_address", *(f"{name},{'x' * 1000}" for name in NAMES)]  # several blocks


def overwritten(path: Path, content: bytes, *, doing: str) -> Callable[[str, float, int], None]:
    """Another program writes into the file, once, while this is being done."""
    left = iter([content])

    def progress(now: str, fraction: float, customers: int) -> None:
        if now == doing and (new := next(left, None)):
            with path.open("r+b") as file:
                file.write(new)
                file.truncate()

    return progress


@pytest.mark.parametrize("name", ["other 000099", "another"])  # of the same length, and of another
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_checked_is_not_written(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(KINDS[kind](["name", *NAMES[:100]]))
    other = KINDS[kind](["name", *NAMES[:99], name])
    with pytest.raises(UnusableFile, match=f"a.{kind} was changed while it was imported"):
        imports.run(
            examined(path, path.name), imports.ImportOptions(size=10), started_by="t",
            progress=overwritten(path, other, doing="checking"),
        )  # fmt: skip
    assert not Customer.objects.exists()
    assert not ImportRun.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "csv.gz"])
def test_what_is_written_is_what_was_checked(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    content = KINDS[kind](LONG_LINES)
    path.write_bytes(content)
    other = KINDS[kind]([*LONG_LINES[:-1], LONG_LINES[1]])
    with pytest.raises(BrokenOff, match="was changed while it was imported") as caught:
        imports.run(
            examined(path, path.name), imports.ImportOptions(size=100), started_by="t",
            progress=overwritten(path, other, doing="writing"),
        )  # fmt: skip
    import_run = ImportRun.objects.get()
    assert f"up to row {import_run.position}" in str(caught.value)
    assert names() == set(NAMES[: import_run.position - 1])
    path.write_bytes(content)
    imports.resume(examined(path, path.name), progress=nothing)
    assert names() == set(NAMES)
