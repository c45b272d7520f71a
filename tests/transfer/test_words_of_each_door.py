"""What the engine of imports may say, all of it, in each language: the API names its parameters, a page neither those nor options."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from crm.api.import_options import PARAMETERS
from crm.api.import_words import as_in_the_api
from crm.backoffice.page_words import as_on_a_page
from overplane.problems import Code

ROOT = Path(__file__).parent.parent.parent
# Whatever is said of a file, a row or a run comes from here.
SAID_BY = ("crm/*.py", "crm/transfer/*.py", "crm/duplicates/*.py", "overplane/files/*.py", "overplane/problems.py")
CALLS = ("_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "_lazy")
# What stands in a sentence's place, as the engine writes it. Anything else is a word.
PLACES = {
    "option": "'Tel 1+Tel 2=mobile_no'", "out": "'Kd-Nr='", "instead": "'Kd-Nr=customer_pos_id'",
    "as_id": '"Id=id"', "as_number": "Id=customer_pos_id", "run": "run_1j18fhf08s", "original": "run_1j18fhf08s",
    "options": "--null NULL --null '#N/A'",
}  # fmt: skip
OPTION = re.compile(r"(?<![\w-])--[a-z]")
COMMANDS = ("undo_import", "import_customers", "manage.py", "shell", "standard input")
PAGES = ("“Words for", "button", "click", "Schaltfläche", "this page", "diese Seite", "upload")


def texts() -> Iterator[str]:
    for path in (path for pattern in SAID_BY for path in sorted(ROOT.glob(pattern))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
                yield from (one.value for one in node.args if isinstance(one, ast.Constant) and type(one.value) is str)


TEXTS = sorted(set(texts()))
OF_A_COMMAND = [text for text in TEXTS if OPTION.search(text) or "undo_import" in text]


def filled(text: str) -> str:
    """In the language of now, with something in each of its places."""
    said = gettext(text)
    said = re.sub(r"%\((\w+)\)[sd]", lambda match: PLACES.get(match[1], "7"), said)
    return said.replace("%%", "%")


def test_they_are_found() -> None:
    assert len(TEXTS) > 200
    assert len(OF_A_COMMAND) > 30


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_no_option_of_a_command_comes_through_the_api(language: str) -> None:
    with translation.override(language):
        said = {text: as_in_the_api(filled(text)) for text in TEXTS}
    assert not {one for one in said.values() if OPTION.search(one) or any(word in one for word in COMMANDS)}
    assert not {one for one in said.values() if any(word in one for word in PAGES)}
    named = {name for text in OF_A_COMMAND for name in re.findall(r"\b([a-z]+(?:_[a-z]+)*)(?:\[\w+\])?=", said[text])}
    assert named >= {"mapping", "again", "skip_errors", "match_on", "format"}
    assert named <= {name.partition("[")[0] for name in PARAMETERS}


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_nor_is_it_shown_on_a_page(language: str) -> None:
    with translation.override(language):
        said = {as_on_a_page(filled(text)) for text in TEXTS}
    assert not {one for one in said if OPTION.search(one) or any(word in one for word in COMMANDS)}
    assert not {one for one in said if "POST " in one or "=true" in one}


def test_what_stands_in_the_file_stays() -> None:
    said = "The file has no column 'foo--again'. Look at \"--sheet\" and a--map."
    assert as_in_the_api(said) == as_on_a_page(said) == said


def test_each_code_is_one_word_at_every_door() -> None:
    for code in Code:
        assert as_in_the_api(code) == as_on_a_page(code) == code
