"""A warning of a linter ends the run and is shown; here both linters are scripts that say what a test has them say."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients import run
from tests.clients.service import Service

SERVICE = Service("http://127.0.0.1:1", "sk_test_...")
CLEAN, WARNS = (
    {"totals": {"errors": 0, "warnings": n, "ignored": 0}, "problems": ["no-such-rule"] * n} for n in (0, 1)
)
IGNORES = {"totals": {"errors": 0, "warnings": 0, "ignored": 1}}


def stand_in(tools: Path, name: str, said: Any, about_spoiled: Any, *, code: int = 0, code_of_spoiled: int = 0) -> None:
    """Says one thing of the description and another of the spoiled copy."""
    first, second = (json.dumps(one) if isinstance(one, dict) else one for one in (said, about_spoiled))
    script = f"""#!/bin/sh
if [ "$2" = spoiled.json ]; then echo '{second}'; exit {code_of_spoiled}; fi
echo '{first}'; exit {code}
"""
    (tools / name).write_text(script)
    (tools / name).chmod(0o755)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run, "TOOLS", tmp_path)
    (tmp_path / "openapi.json").write_text('{"info": {"contact": {}, "license": {}}}')
    stand_in(tmp_path, "redocly", CLEAN, WARNS)
    stand_in(tmp_path, "spectral", "", "a warning", code_of_spoiled=1)
    return tmp_path


def test_nothing_is_said_of_what_is_clean(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.lint(work, SERVICE)
    assert capsys.readouterr().out == ""
    assert json.loads((work / "spoiled.json").read_text()) == {"info": {}}


@pytest.mark.parametrize(("said", "code"), [(WARNS, 0), (IGNORES, 0), (CLEAN, 1), ("no JSON", 0)])
def test_what_redocly_says_ends_the_run(work: Path, capsys: pytest.CaptureFixture[str], said: Any, code: int) -> None:
    stand_in(work, "redocly", said, WARNS, code=code)
    with pytest.raises(SystemExit, match="redocly finds"):
        run.lint(work, SERVICE)
    assert (said if isinstance(said, str) else json.dumps(said)) in capsys.readouterr().out


def test_what_spectral_says_ends_the_run(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stand_in(work, "spectral", "a hint", "a warning", code=1, code_of_spoiled=1)
    with pytest.raises(SystemExit, match="spectral finds"):
        run.lint(work, SERVICE)
    assert "a hint" in capsys.readouterr().out


@pytest.mark.parametrize(("linter", "says"), [("redocly", CLEAN), ("spectral", "")])
def test_a_linter_that_overlooks_something_ends_the_run(work: Path, linter: str, says: Any) -> None:
    stand_in(work, linter, says, says)
    with pytest.raises(SystemExit, match=f"{linter} says nothing"):
        run.lint(work, SERVICE)
