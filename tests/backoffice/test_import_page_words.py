"""The pages of an import speak of their own fields, not of options that a command has."""

import html

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import translation

from crm.backoffice.page_words import as_on_a_page
from tests.backoffice.import_pages import check, upload
from tests.backoffice.people import member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("If another one is meant, name it (--sheet).", "If another one is meant, name it."),
        ("Say which it is (--heading-row N). Further", "Say which it is. Further"),
        ("Leave it out (--map 'Id='), or keep it (--map 'Id=tax_id').", "Leave it out, or keep it."),
        ("say so: --null NULL --null '#N/A'.", "say so: NULL #N/A under “Words for an empty cell”."),
        ("say so: --null n/a.", "say so: n/a under “Words for an empty cell”."),
        ("customer_name is made of Vorname.", "“customer name” is made of Vorname."),
        ("'customer_name' was left out (row 2).", "'customer_name' was left out (row 2)."),
        ("Sheet1 (hidden) was read.", "Sheet1 (hidden) was read."),
    ],
)
def test_options_and_names_of_fields_are_none_of_a_page(said: str, expected: str) -> None:
    with translation.override("en"):
        assert as_on_a_page(said) == expected


@pytest.mark.slow
def test_notes_and_reports_are_shown_so() -> None:
    client = member("Editor")
    text = "A list\nFirst name,E-mail,Territory\nAda,a@b,NULL\n"
    mapping = html.unescape(client.get(upload(client, text)["Location"]).content.decode())
    assert "If that is wrong, say which it is." in mapping
    report = html.unescape(client.get(check(client, text)).content.decode())
    assert "If that is to be an empty cell, say so: NULL under “Words for an empty cell”." in report
    assert "“customer name” is made of First name." in report
    assert " --" not in report.replace(" -->", "")


@pytest.mark.slow
def test_a_file_keeps_its_name_in_a_message_and_the_list_says_how_many_were_refused() -> None:
    client = member("Editor")
    upload_page = client.get(upload(client, "<html><table></table></html>", "export.xls")["Location"], follow=True)
    assert "“export.xls” is a web page, whatever its name." in html.unescape(upload_page.content.decode())
    report = check(client, "Name,E-mail\nA,a@b\nB,no\n")
    client.post(f"{report}apply/", {"skip_errors": "1"})
    call_command("run_worker", until_idle=True)
    assert "2 customers, 1 of them refused" in client.get(reverse("import")).content.decode()
