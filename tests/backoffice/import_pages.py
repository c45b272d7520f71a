"""The import in the back office up to its report: upload, mapping, check."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

GOOD = "Kundenname,E-Mail,Tel,Colour,tax_id\nMüller,a@b,030-1,red,\nAcme,,,blue,T1\n"


def upload(client: Client, text: str | bytes, name: str = "customers.csv") -> HttpResponse:
    content = text if isinstance(text, bytes) else text.encode()
    return client.post(reverse("import"), {"file": SimpleUploadedFile(name, content)})


def columns(page: HttpResponse) -> dict[str, str]:
    return {f"column-{column['i']}": column["chosen"] for column in page.context["columns"]}


def check(client: Client, text: str, **more: str) -> str:
    """Uploads, takes the guessed mapping, checks; the address of the report."""
    url = upload(client, text)["Location"]
    report = client.post(url, columns(client.get(url)) | more)["Location"]
    call_command("run_worker", until_idle=True)
    return report
