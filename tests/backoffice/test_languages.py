"""German and English: every text is translated, people choose, and programs are told in English whatever they ask for."""

import ast
import gettext
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation.template import templatize

from crm import services
from crm.models import Customer
from crm.transfer.columns import guess
from overplane.api.pages import description
from overplane.jobs import kinds, queue
from overplane.jobs.kinds import Kind, Refused, Run
from overplane.jobs.models import Job
from overplane.origin import Origin
from tests.backoffice.people import PASSWORD, User, member
from tests.conftest import CUSTOMER, Api
from tests.filled_forms import new_form

CATALOGUE = Path(settings.BASE_DIR, "locale/de/LC_MESSAGES/django.po")
# Labels of new attributes that nobody has translated yet; they are shown in English. Renewed by RENEW_SNAPSHOTS=1.
WAITING = Path(__file__).parent / "untranslated.txt"
RENEW = "manage.py makemessages -l de --no-location --no-wrap --no-obsolete -i 'tests/*' -i '.venv/*', translate, manage.py compilemessages -l de"
FUNCTIONS = {"gettext_noop", "_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
LITERAL = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
IN_TEMPLATE = re.compile(rf"\b(?:gettext|_)\({LITERAL}|\bngettext\({LITERAL}, {LITERAL}")
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sd]")


class Text(NamedTuple):
    """One entry of the catalogue."""

    original: str
    plural: str
    translated: list[str]
    is_fuzzy: bool


def entries() -> list[Text]:
    texts = []
    for block in CATALOGUE.read_text().split("\n\n"):
        parts: dict[str, str] = {}
        for line in block.splitlines():
            if not line.startswith("#"):
                name, literal = re.fullmatch(r'(?:(msg\S+) )?(".*")', line).groups()
                name = name or next(reversed(parts))
                parts[name] = parts.get(name, "") + ast.literal_eval(literal)
        if parts:
            translated = [text for name, text in parts.items() if name.startswith("msgstr")]
            flags = "".join(line for line in block.splitlines() if line.startswith("#,"))
            texts.append(Text(parts["msgid"], parts.get("msgid_plural", ""), translated, "fuzzy" in flags))
    return texts[1:]  # the first is the header


def in_python(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name | ast.Attribute):
            name = called.id if isinstance(called, ast.Name) else called.attr
            if name in FUNCTIONS and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


def in_template(source: str) -> Iterator[str]:
    for match in IN_TEMPLATE.finditer(templatize(source)):
        yield ast.literal_eval(match[1] or match[2])


def in_the_sources() -> set[str]:
    texts: set[str] = set()
    for folder in ("crm", "overplane"):
        for path in Path(settings.BASE_DIR, folder).rglob("*.py"):
            texts.update(in_python(path.read_text()))
    for path in Path(settings.BASE_DIR).glob("templates/**/*.html"):
        texts.update(in_template(path.read_text()))
    return texts


@pytest.mark.slow
def test_the_catalogue_holds_every_text_and_no_other() -> None:
    used, known = in_the_sources(), {entry.original for entry in entries()}
    assert len(used) > 300
    if os.environ.get("RENEW_SNAPSHOTS"):
        labels = {str(field.verbose_name) for field in Customer._meta.concrete_fields}
        WAITING.write_text("".join(f"{text}\n" for text in sorted((used - known) & labels)))
    assert used - known == set(WAITING.read_text().splitlines()), f"not in the catalogue; {RENEW}"
    assert known - used == set(), f"no longer used; {RENEW}"


def test_every_text_has_its_german_with_the_same_placeholders() -> None:
    for entry in entries():
        assert not entry.is_fuzzy, entry.original
        assert all(entry.translated), entry.original
        assert len(entry.translated) == (2 if entry.plural else 1), entry.original
        wanted = sorted(PLACEHOLDER.findall(entry.original))
        assert all(sorted(PLACEHOLDER.findall(text)) == wanted for text in entry.translated), entry.original


def test_the_compiled_catalogue_is_as_new_as_its_source() -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in entries():
        texts = [compiled.ngettext(entry.original, entry.plural, n) for n in (1, 2)]
        texts = texts if entry.plural else [compiled.gettext(entry.original)]
        assert texts == entry.translated, f"{entry.original}: manage.py compilemessages -l de"


def test_every_label_of_an_attribute_is_known_in_both_languages() -> None:
    assert guess(["Rechnungswährung", "Kundengruppe", "Billing currency"]) == {
        "Rechnungswährung": "default_currency",
        "Kundengruppe": "customer_group",
    }


@pytest.mark.django_db
def test_a_browser_s_language_is_respected_until_another_is_chosen() -> None:
    client = member("Viewer")
    german = {"accept-language": "de-AT,de;q=0.9,en;q=0.5"}
    page = client.get(reverse("admin:index"), headers=german)
    assert page["Content-Language"] == "de"
    assert "Zuletzt geändert" in page.content.decode()
    assert 'lang="en">English</button>' in page.content.decode()
    assert "Changed last" in client.get(reverse("admin:index"), headers={"accept-language": "fr"}).content.decode()
    chosen = client.post(reverse("set_language"), {"language": "en", "next": reverse("admin:index")}, headers=german)
    assert chosen["Location"] == reverse("admin:index")
    assert "Changed last" in client.get(reverse("admin:index"), headers=german).content.decode()
    away = client.post(reverse("set_language"), {"language": "de", "next": "https://elsewhere.example/"})
    assert away["Location"] == "/"


@pytest.mark.django_db
def test_the_choice_stands_on_the_login_page_too_and_needs_the_token() -> None:
    client = Client(enforce_csrf_checks=True)
    assert 'name="language" value="de"' in client.get(reverse("admin:login")).content.decode()
    assert client.post(reverse("set_language"), {"language": "de"}).status_code == 403
    assert "Anmelden" in client.get(reverse("admin:login"), headers={"accept-language": "de"}).content.decode()


@pytest.mark.django_db
def test_what_is_wrong_is_said_in_german_beside_the_field() -> None:
    client = member("Editor")
    sent = new_form(customer_name="", default_currency="euro", email_id="x", default_commission_rate="viel")
    answer = client.post(reverse("admin:crm_customer_add"), sent, headers={"accept-language": "de"})
    output = answer.content.decode()
    for text in ("Darf nicht leer sein.", "drei Großbuchstaben", "ein @ mit etwas", "Muss eine Zahl sein"):
        assert text in output, text
    assert "Ausgangsrechnung ohne Auftrag erlauben" in output


@pytest.mark.slow
@pytest.mark.django_db
def test_the_api_speaks_english_whatever_it_is_asked_and_whatever_page_came_before(api: Api) -> None:
    customer_id = services.create_customer({"customer_name": "Acme"}, origin=Origin("user:setup")).output["id"]
    staff = member("Viewer")
    wrong = {"customer_name": "", "default_currency": "euro", "email_id": "x", "default_commission_rate": 101, "so": 1}
    calls = [
        lambda **headers: api.post(CUSTOMER, wrong, **headers),
        lambda **headers: api.get(f"{CUSTOMER}?limit=x&so=1", **headers),
        lambda **headers: api.get(f"{CUSTOMER}/customer_gone", **headers),
        lambda **headers: api.get("/api/nowhere", **headers),
        lambda **headers: api.get(f"{CUSTOMER}/{customer_id}", **headers),
        lambda **headers: api.get("/api/openapi.json", **headers),
        lambda **headers: staff.get(reverse("docs"), headers=headers),
    ]
    description.cache_clear()
    with translation.override("de"):
        described = description()
    description.cache_clear()
    with translation.override("en"):
        assert description() == described
    for call in calls:
        english = call(accept_language="en")
        page = staff.get(reverse("admin:index"), headers={"accept-language": "de"})
        assert "Zuletzt geändert" in page.content.decode()
        german = call(accept_language="de")
        with translation.override("de"):
            german_thread = call(accept_language="de")
        assert without_request(german.content) == without_request(english.content)
        assert without_request(german_thread.content) == without_request(english.content)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("began_with", ["en", "de"])
def test_a_request_leaves_its_thread_the_language_that_it_found(api: Api, began_with: str) -> None:
    staff = member("Viewer")
    with translation.override(began_with):
        for headers in ({"accept-language": "de"}, {"accept-language": "en"}, {"host": "evil.example"}):
            for path in (reverse("admin:index"), "/nosuch", reverse("docs"), "/healthz"):
                staff.get(path, headers=headers)
                assert translation.get_language() == began_with, (path, headers)
            for path in (CUSTOMER, "/api/nowhere", "/api/openapi.json"):
                api.get(path, **headers)
                assert translation.get_language() == began_with, (path, headers)


def without_request(content: bytes) -> bytes:
    return re.sub(rb"req_\w+", b"", content)


def refuse(run: Run) -> dict[str, Any]:
    with translation.override(translation.get_language()):
        raise Refused(translation.gettext("Must not be empty."))


@pytest.mark.django_db(transaction=True)
def test_a_job_tells_its_outcome_in_the_language_of_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds.known, "tests.refuse", Kind("tests.refuse", refuse, "Refuse", atomic=False))
    job_ids = {}
    for language in ("de", "en"):
        with translation.override(language):
            job_ids[language] = queue.enqueue("tests.refuse", {}, "user:anna").pk
    call_command("run_worker", until_idle=True)
    errors = dict(Job.objects.filter(kind="tests.refuse").values_list("pk", "error"))
    assert errors == {job_ids["de"]: "Darf nicht leer sein.", job_ids["en"]: "Must not be empty."}


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "title"), [("de", "Das dürfen Sie nicht"), ("en", "You may not do this")])
def test_error_pages_say_what_to_do_in_the_reader_s_language(language: str, title: str) -> None:
    headers = {"accept": "text/html", "accept-language": language}
    viewer = member("Viewer")
    refused = viewer.get(reverse("import"), headers=headers)
    assert refused.status_code == 403
    assert f"<h1>{title}</h1>" in refused.content.decode()
    assert f'<html lang="{language}"' in refused.content.decode()
    assert refused["Request-Id"] in refused.content.decode()
    assert viewer.get("/nosuch", headers=headers).status_code == 404
    stale = Client(enforce_csrf_checks=True)
    User.objects.create_superuser("boss", password=PASSWORD)
    forbidden = stale.post(reverse("admin:login"), {"username": "boss", "password": PASSWORD}, headers=headers)
    assert forbidden.status_code == 403
    assert ("nicht mehr" if language == "de" else "no longer valid") in forbidden.content.decode()
    wrong_host = viewer.get(reverse("admin:index"), headers=headers | {"host": "evil.example"})
    assert wrong_host.status_code == 400
    assert "<h1>" in wrong_host.content.decode()
