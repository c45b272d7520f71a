"""The steps of CONTRIBUTING by which a new attribute or kind gets its German, done in a copy of the project."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.extension.copies import ROOT, copied, run

pytestmark = [pytest.mark.slow, pytest.mark.half("postgresql")]
COMMAND = re.compile(r"`\.venv/bin/python (manage\.py (?:make|compile)messages [^`]*)`")
LABELS = {"loyalty card": "Kundenkarte", "supplier rank": "Lieferantenrang"}
ASK = "from crm.transfer.columns import guess; print(guess(['Kundenkarte']), guess(['Kunden-ID', 'Lieferantenrang']))"


def commands() -> list[str]:
    text = " ".join((ROOT / "CONTRIBUTING.md").read_text().split())
    return COMMAND.findall(text)


def test_both_steps_are_named() -> None:
    assert [command.split()[1] for command in commands()] == ["makemessages", "compilemessages"]


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="needs GNU gettext")
def test_they_lead_from_a_new_label_to_its_german(tmp_path: Path) -> None:
    home = copied(tmp_path)
    models, catalogue = home / "crm/models.py", home / "locale/de/LC_MESSAGES/django.po"
    text = models.read_text()
    for after, line in (
        ("tax_withholding_group", 'loyalty_card = StringField(_("loyalty card"))'),
        ("supplier_number", 'rank = StringField(_("supplier rank"))'),
    ):
        text, count = re.subn(rf"(    {after} = StringField\(.*\)\n)", rf"\1    {line}\n", text)
        assert count == 1
    models.write_text(text)
    make, compile_ = commands()
    result = run(home, *shlex.split(make))
    assert result.returncode == 0, result.stdout
    _translate(catalogue)
    compiled = run(home, *shlex.split(compile_))
    assert compiled.returncode == 0, compiled.stdout
    guessed = run(home, "-W", "ignore", "manage.py", "shell", "-c", ASK).stdout
    assert "'Lieferantenrang': 'supplier_numbers.rank'" in guessed, guessed
    assert "'Kundenkarte': 'loyalty_card'" in guessed, guessed
    checked = run(
        home, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/backoffice/test_languages.py", "-k", "catalogue or german_with",
        OVERPLANE_TESTS_PREPARED="yes", OVERPLANE_TEST_DATABASE_NAME=str(home / "german.sqlite3"),
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout[-3000:]


def _translate(catalogue: Path) -> None:
    """As somebody does by hand: the guess is replaced, its mark and what it was guessed from are taken away."""
    blocks = catalogue.read_text().split("\n\n")
    for i, block in enumerate(blocks):
        for label, german in LABELS.items():
            if f'msgid "{label}"' in block.splitlines():
                blocks[i] = f'msgid "{label}"\nmsgstr "{german}"'
    catalogue.write_text("\n\n".join(blocks) + "\n")
    assert all(f'msgid "{label}"\nmsgstr "{german}"' in catalogue.read_text() for label, german in LABELS.items())
