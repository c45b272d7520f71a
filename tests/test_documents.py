"""What the documents name is there: paths, commands, targets of make. And there is one version number."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

import overplane
from overplane.api.pages import description

ROOT = Path(__file__).parent.parent
DECISIONS = [page for page in (ROOT / "docs" / "decisions").glob("*.md") if page.name != "README.md"]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
HEADINGS = ["Context", "Decision", "Measured figures", "What it costs", "What would make us go back"]
A_SCREEN = 45
LINK = re.compile(r"\]\(([^)\s]+)\)")
TICKED = re.compile(r"`([^`\n]+)`")
GENERATED = {"data", "node_modules"}  # when the service or its tests run
OPERATORS = {"deploy/.env", "deploy/certificates"}  # each installation has its own
# Words of a code block or in backticks that can only be paths of this project: they begin in one of its directories …
TOPS = sorted(
    path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in GENERATED and path.name[0] != "."
)
PATH = re.compile(rf"(?<![\w/.:*-])(?:{'|'.join(map(re.escape, [*TOPS, '.ci']))})/[\w./-]*[\w/]")
# … or are files of its root.
FILE = re.compile(r"[\w.-]+\.(?:py|toml|txt|md|yaml|cfg)|Makefile|\.editorconfig")
COMMAND = re.compile(r"(?:manage\.py|(?:^|`)manage) ([a-z]\w*)", re.MULTILINE)
# In backticks or at a line's start; elsewhere "make" is a verb.
TARGET = re.compile(r"(?:^|`)make ((?!\w+=)\w+)", re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code(text: str) -> Iterator[str]:
    """What stands in code blocks and in backticks."""
    blocks = text.split("```")
    yield from blocks[1::2]
    for prose in blocks[::2]:
        yield from TICKED.findall(prose)


def named_paths(document: Path) -> Iterator[Path]:
    text = document.read_text()
    for link in LINK.findall(text):
        if "://" not in link and (target := link.partition("#")[0]):
            yield document.parent / target
    for part in code(text):
        yield from (ROOT / path for path in set(PATH.findall(part)) - OPERATORS)
        if FILE.fullmatch(part):
            yield ROOT / part


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_named_path_exists(document: Path) -> None:
    assert sorted(str(path) for path in set(named_paths(document)) if not path.exists()) == []


@pytest.mark.parametrize("package", ["overplane", "crm"])
def test_the_map_of_the_house_has_every_room(package: str) -> None:
    """Each module and each folder that stands right in the package."""
    rooms = [path for path in (ROOT / package).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    house = (ROOT / "README.md").read_text().partition("## The map of the house")[2].partition("\n## ")[0]
    floor = re.split(r"\n(?=\S)", house.partition(f"\n{package}/ ")[2])[0]
    known = {word.rstrip("/") for word in re.findall(r"[\w./]+", floor)}
    names = {path.name for path in rooms} - {"__init__.py", "apps.py", "migrations"}
    assert names
    assert names - known == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_to_a_heading_find_it(document: Path) -> None:
    for link in LINK.findall(document.read_text()):
        target, _, anchor = link.partition("#")
        if anchor and "://" not in link:
            page = (document.parent / target if target else document).read_text()
            headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}, link


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_named_command_exists(document: Path) -> None:
    text = document.read_text()
    assert set(COMMAND.findall(text)) <= set(get_commands())
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(TARGET.findall(text)) <= set(targets)


def test_the_paths_are_found_at_all() -> None:
    """A test that looks for nothing would always pass."""
    paths = {name(path.resolve()) for document in DOCUMENTS for path in named_paths(document)}
    assert {"crm/models.py", "docs/operations.md", "tests/databases.py", "CHANGELOG.md"} <= paths
    commands = {one for document in DOCUMENTS for one in COMMAND.findall(document.read_text())}
    assert {"prepare", "import_customers", "purge_events"} <= commands


def test_the_map_of_the_house_names_what_is_there() -> None:
    block = next(part for part in (ROOT / "README.md").read_text().split("```") if part.startswith("\noverplane/"))
    top, seen = ROOT, set()
    for line in block.strip().splitlines():
        entry = ROOT if not line.startswith(" ") else top
        entry /= line.split()[0]
        top = entry if not line.startswith(" ") else top
        assert entry.exists(), line
        seen.add(name(entry))
    wings = {name(path.parent) for part in ("overplane", "crm") for path in (ROOT / part).glob("*/__init__.py")}
    assert wings - {"crm/migrations"} <= seen


@pytest.mark.parametrize("page", DECISIONS, ids=name)
def test_a_decision_is_shorter_than_a_screen_and_has_its_headings(page: Path) -> None:
    text = page.read_text()
    assert len(text.splitlines()) <= A_SCREEN
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert f"({page.name})" in (ROOT / "docs" / "decisions" / "README.md").read_text()


def test_there_is_one_version_number() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "overplane.__version__"}
    assert settings.SPECTACULAR_SETTINGS["VERSION"] is overplane.__version__
    assert json.loads(description())["info"]["version"] == overplane.__version__


def test_the_newest_release_in_the_changelog_is_the_version() -> None:
    released = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[:1] in ([], [overplane.__version__])
