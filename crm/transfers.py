"""Files in and out of the back office: kept where the worker finds them, mapped to attributes, read with progress."""

import csv
import difflib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from xlsxwriter import Workbook

from crm import imports, representation
from crm.imports import Report, UnusableFile
from crm.models import CUSTOMERS, Customer
from overplane.database.attributes import attributes
from overplane.database.encoding import dumps
from overplane.database.text import NOT_WORD, fold, has_forbidden_characters
from overplane.ids import new_id
from overplane.jobs.models import Job, JobFile
from overplane.observability import Origin

PRESET = "crm.import_customers"
# What spreadsheets call them, beside the attributes' own names and labels.
SYNONYMS = {
    "customer_name": "name company firm company_name customer kunde kundenname firma",
    "customer_type": "type art typ kundenart",
    "customer_group": "group gruppe kundengruppe",
    "territory": "region area gebiet",
    "email_id": "mail email e_mail email_address mailadresse",
    "mobile_no": "phone mobile tel telephone phone_number telefon mobil handy",
    "tax_id": "vat vat_id vat_number tax_number ust_id ustid ust_idnr steuernummer",
    "website": "web url homepage internet",
    "default_currency": "currency waehrung wahrung",
    "language": "sprache",
    "primary_address": "address adresse anschrift",
    "customer_details": "notes details comment bemerkung notiz",
    "first_name": "given_name vorname",
    "last_name": "surname family_name nachname",
    "customer_pos_id": "pos pos_id",
    "industry": "branche",
    "payment_terms": "terms zahlungsbedingungen",
    "default_commission_rate": "commission provision",
    "disabled": "inactive inaktiv gesperrt",
}


def keep(file: File, name: str, actor: str, job: Job | None = None) -> JobFile:
    """Stores a file under a name of our own; the given one is for people only."""
    file_id = new_id("file")
    kept = JobFile(id=file_id, name=name.replace("\0", "")[-255:], actor=actor, created_at=timezone.now(), job=job)
    suffix = "".join(c for c in Path(name).suffix.lower() if c.isascii() and (c.isalnum() or c == "."))[:8]
    kept.content.save(file_id + suffix, file, save=False)
    kept.save(force_insert=True)
    return kept


def _plain(text: str) -> str:
    return NOT_WORD.sub("_", fold(text)).strip("_")


@cache
def _known_headings() -> dict[str, str]:
    """Attribute by heading, as headings are compared."""
    known = {_plain(word): name for name, words in SYNONYMS.items() for word in words.split()}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            labels = {name: str(Customer._meta.get_field(name).verbose_name) for name in attributes(Customer)}
        known |= {_plain(label): name for name, label in labels.items()}
    return known | {_plain(name): name for name in attributes(Customer)}


def guess(headings: Sequence[str]) -> dict[str, str]:
    """The attribute that each heading most likely means; none twice, and nothing for what is unlike all."""
    known, found = _known_headings(), {}
    for closeness in (1.0, 0.85):
        for heading in headings:
            close = difflib.get_close_matches(_plain(heading), known, n=1, cutoff=closeness)
            if close and heading not in found and known[close[0]] not in found.values():
                found[heading] = known[close[0]]
    return found


class Watched(io.RawIOBase):
    """A file that tells how far it has been read."""

    def __init__(self, file: Any, size: int, progress: Callable[[int, int], None]) -> None:
        self.file, self.size, self.progress, self.at = file, size, progress, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self.file.readinto(buffer)
        self.at += read or 0
        self.progress(self.at, self.size)
        return read


def sample(kept: JobFile, rows: int = 5) -> tuple[list[str], list[list[str]]]:
    """The headings and the first rows. Raises `UnusableFile`."""
    with _text(kept, lambda done, total: None) as lines:
        try:
            first = list(islice(csv.reader(lines, strict=True), rows + 1))
        except csv.Error as error:
            raise UnusableFile(f"This is not CSV ({error}).") from None
        except UnicodeDecodeError as error:
            raise UnusableFile(f"The file is not {error.encoding} text.") from None
    if not first or not any(first[0]):
        raise UnusableFile("The file is empty: its first line must name the columns.")
    if any(map(has_forbidden_characters, first[0])):
        raise UnusableFile("A heading holds a NUL. Is this a text file? Save it as CSV in UTF-8.")
    return [heading.strip() for heading in first[0]], first[1:]


@contextmanager
def _text(kept: JobFile, progress: Callable[[int, int], None]) -> Iterator[TextIO]:
    with kept.content.open("rb") as file:
        watched = io.BufferedReader(Watched(file, kept.content.size, progress), 1 << 16)
        with io.TextIOWrapper(watched, encoding="utf-8-sig", newline="") as lines:
            yield lines


def read(
    kept: JobFile, mapping: Mapping[str, str], *, write: bool, origin: Origin, progress: Callable[[int, int], None]
) -> Report:
    """Imports the file, or only says what is wrong with it. Raises `UnusableFile`."""
    with _text(kept, progress) as lines, transaction.atomic():
        report = imports.import_customers(lines, mapping, ignore_unknown=True, origin=origin)
        if not write:
            transaction.set_rollback(True)
    return report


FORMATS = {"csv": "CSV", "xlsx": "Excel (XLSX)", "ndjson": "NDJSON"}


def export(queryset: QuerySet, format: str, target: BinaryIO, progress: Callable[[int], None]) -> int:
    """Writes these customers, newest first, as the API shows them. Says how many."""
    written = 0
    with _writer(format, target) as write:
        for row in queryset.order_by("-created_at", "-id").values_list(*CUSTOMERS.names).iterator(2000):
            write(representation.customer(CUSTOMERS.values(row)))
            written += 1
            progress(written)
    return written


@contextmanager
def _writer(format: str, target: BinaryIO) -> Iterator[Callable[[dict[str, Any]], None]]:
    if format == "ndjson":
        yield lambda shown: target.write(dumps(shown) + b"\n") and None
    elif format == "csv":
        text = io.TextIOWrapper(target, encoding="utf-8-sig", newline="")
        writer = csv.writer(text)
        writer.writerow(representation.CUSTOMER_NAMES)
        yield lambda shown: writer.writerow(map(_cell, shown.values())) and None
        text.detach()  # flushes, and leaves the file open
    else:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        with Workbook(target, options) as book:
            sheet, numbers = book.add_worksheet(), count(1)
            sheet.write_row(0, 0, representation.CUSTOMER_NAMES)
            yield lambda shown: sheet.write_row(next(numbers), 0, [_cell(v)[:32_767] for v in shown.values()]) and None


def _cell(value: Any) -> str:
    """As the import reads it back."""
    if value is None:
        return ""
    return value if isinstance(value, str) else dumps(value).decode().strip('"')
