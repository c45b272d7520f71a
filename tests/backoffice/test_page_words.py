"""No sentence of the import engine shows a page's reader an option of the command, whatever a heading holds."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from crm.backoffice.page_words import as_on_a_page
from crm.transfer.headings import quoted

# What a page cannot ask for: constants and modes are said to the command only.
OF_THE_COMMAND = ("--set gives", "--set: customers", "--set %(same)s")
HOSTILE = """it's "a" (b --map c)"""


def sentences() -> Iterator[str]:
    """What the engine says that names an option."""
    for folder in ("crm/transfer", "overplane/files"):
        for path in sorted((Path(settings.BASE_DIR) / folder).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "ngettext", "gettext_lazy"):
                    texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
                    yield from (text for text in texts if isinstance(text, str))


NAMING = sorted({text for text in sentences() if re.search("--[a-z]|undo_import|import_customers|manage.py", text)})


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("text", NAMING, ids=range(len(NAMING)))
def test_options_are_taken_out(text: str, language: str) -> None:
    if text.startswith(OF_THE_COMMAND):
        return
    options = ("out", "instead", "option", "as_id", "as_number")
    with translation.override(language):
        said = translation.gettext(text)
        placeholders = re.findall(r"%\((\w+)\)([ds])", said)
        values = {
            name: 1 if kind == "d" else quoted(HOSTILE) if name in options else "x" for name, kind in placeholders
        }
        said = said % values
        output = as_on_a_page(said)
    assert not re.search("--[a-z]|undo_import|import_customers|manage.py", output), output
    assert output.strip().endswith((".", "?", ")", ":", "”", "“")) or not said.endswith("."), output
    assert "  " not in output


def test_there_are_such_sentences() -> None:
    assert len(NAMING) > 20
