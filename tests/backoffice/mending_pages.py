"""A check with wrong rows, corrected as its page does it."""

from typing import Any

from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from tests.backoffice.import_pages import check

# Rows 2 and 5 have a type that nobody knows, row 3 a wrong e-mail address, row 4 is right, row 6 has no name.
FILE = (
    "Name,E-Mail,Type\nAcme,a@b,Kunde X\nBell,nobody,Company\nCole,c@c,Company\nDahl,d@d,Kunde X\n,e@e,Company\n"
    "Gold,wrong,Kunde X\n"
)
TYPED = {"column-0": "customer_name", "column-1": "email_id", "column-2": "customer_type"}
JSON = {"accept": "application/json"}


def checked(client: Client, text: str | bytes = FILE, name: str = "customers.csv") -> str:
    return check(client, text, name, **TYPED)


def sent(client: Client, report: str, **fields: str) -> dict[str, Any]:
    answer = client.post(f"{report}correct/", fields, headers=JSON)
    assert answer.status_code == 200, answer.content
    return answer.json()


def cell(body: dict[str, Any], number: int, index: int) -> dict[str, Any]:
    """Of the answer to a script."""
    return body["rows"][str(number)][0]["cells"][str(index)]


def mended(client: Client, report: str, **fields: str) -> str:
    """Checks again; the address of the new report."""
    answer = client.post(f"{report}correct/", fields)
    assert answer.status_code == 302
    call_command("run_worker", until_idle=True)
    return answer["Location"]


def applied(client: Client, report: str) -> str:
    address = client.post(f"{report}apply/")["Location"]
    call_command("run_worker", until_idle=True)
    return address


def wrong(page: HttpResponse) -> dict[str, list[str]]:
    """By name of the field, what is told of it."""
    mending = page.context["mending"]
    return {
        f"cell-{line.number}-{cell.index}": cell.messages
        for one in mending["page"]
        for line in one.lines
        for cell in line.cells
        if cell.messages
    }
