"""An import that somebody started in German speaks German to the last problem and warning, in its pages and its files."""

import csv
import io

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from overplane.jobs.models import Job
from tests.backoffice.import_pages import columns, upload
from tests.backoffice.people import member

pytestmark = pytest.mark.django_db(transaction=True)
GERMAN = {"accept-language": "de"}


class GermanClient:
    """Every request asks for German."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, path: str) -> HttpResponse:
        return self.client.get(path, headers=GERMAN)

    def post(self, path: str, data: dict) -> HttpResponse:
        return self.client.post(path, data, headers=GERMAN)


def job_of(text: str | bytes, name: str = "kunden.csv", **chosen: str) -> tuple[Job, str]:
    """The job that checked the file, and its page."""
    client = GermanClient(member("Editor"))
    url = upload(client, text, name)["Location"]
    page = client.post(url, columns(client.get(url)) | chosen)["Location"]
    call_command("run_worker", until_idle=True)
    return Job.objects.get(kind="crm.check_import"), client.get(page).content.decode()


def test_problems_are_german() -> None:
    text = "Name;E-Mail;Art;Provision;Gesperrt;Währung\n;nobody;Verein;1,234;vielleicht;euro\nA;;;101;;\nB;;;viel;;\nC;;;;;;x\n"
    job, page = job_of(text, **{"column-2": "customer_type"})
    assert [one["message"] for one in job.result["problems"]] == [
        "Darf nicht leer sein.",
        "Muss eine E-Mail-Adresse sein: ein @ mit etwas auf beiden Seiten und ohne Leerraum.",
        "Muss einer dieser Werte sein: Company, Individual, Partnership.",
        "Kann 1.2340 oder 1234 heißen. Schreiben Sie eines davon.",
        "Muss ja oder nein sein (auch true/false, 1/0, x, yes/no).",
        "Muss ein Währungscode aus drei Großbuchstaben sein, etwa EUR.",
        "Muss ein Prozentsatz von 0 bis 100 sein.",
        "Muss eine Zahl sein, geschrieben wie 12,5.",
        "Die Zeile hat 7 Zellen, die Kopfzeile 6.",
    ]
    assert "Die Zeile hat 7 Zellen, die Kopfzeile 6." in page
    with job.files.get(pk=job.result["report"]).content.open("rb") as content:
        lines = io.StringIO(content.read().decode("utf-8-sig"), newline="")
    assert "Darf nicht leer sein." in list(csv.reader(lines, delimiter=";"))[1][1]


def test_warnings_are_german() -> None:
    phones = "".join(f"C{i};{10_000_000 + i};;\n" for i in range(12))
    job, page = job_of(f"Name;Tel;Gebiet;Steuernummer\n{phones}A;4.41E+11;NULL;1\nB;1234567;NULL;1234567.0\n")
    assert job.result["warnings"] == [
        "Steuernummer: 1 Wert endet auf .0 (Zeile 15: 1234567.0): Aus der Spalte wurden Zahlen gemacht.",
        "Tel: Excel hat 1 Zahl unwiderruflich gerundet (Zeile 14: 4.41E+11).",
        "Tel: 1 von 13 Nummern hat weniger als die üblichen 8 Ziffern, und keine beginnt mit 0. Sind führende Nullen verloren"
        " gegangen? Importieren Sie die Datei, wie sie war, bevor eine Tabellenkalkulation sie geöffnet hat.",
        "Gebiet: In 2 Zellen steht NULL als Text (Zeile 14, 15). Soll das eine leere Zelle sein, sagen Sie es: --null NULL.",
    ]
    assert "Excel hat 1 Zahl unwiderruflich gerundet" in page


def test_what_only_the_database_tells_is_german() -> None:
    job, _ = job_of("tax_id;Name\n1;A\n1;B\n;\n", match_on="tax_id")
    assert [one["message"] for one in job.result["problems"]] == [
        "Zeile 2 hat dasselbe „Steuernummer“ (Groß- und Kleinschreibung, Leerzeichen, Punkte, Schräg- und Bindestriche zählen nicht)."
        " Jedes darf einmal in der Datei stehen.",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "„kunden.csv“ ist ein Bild, keine Tabelle."),
        ("a,a\n1,2\n", "Diese Überschriften stehen über mehr als einer Spalte:"),
        ("", "Die übertragene Datei ist leer."),
    ],
)
def test_what_cannot_be_read_is_said_in_german(text: str | bytes, expected: str) -> None:
    client = member("Editor")
    answer = upload(GermanClient(client), text, "kunden.csv")
    page = client.get(answer["Location"], headers=GERMAN, follow=True) if answer.status_code == 302 else answer
    assert expected in page.content.decode()


def test_a_file_that_the_job_refuses_is_refused_in_german() -> None:
    job, page = job_of("Id;Name\n4711;Acme\n", **{"column-0": "id"})
    error = "Die Spalte Id enthält Nummern eines anderen Systems (Zeile 2: '4711'), keine IDs von diesem (customer_…)."
    assert job.error.startswith(error)
    assert "enthält Nummern eines anderen Systems" in page
