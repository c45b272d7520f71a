"""Archives as people's systems pack them: one table, and what file managers put beside it."""

from pathlib import Path

import pytest

from tests.files.tables import read, refusal, written, zipped

BESIDE = {
    "macOS": ["__MACOSX/._a.csv", "__MACOSX/in/._a.csv", ".DS_Store", "in/.DS_Store"],
    "macOS, a folder": ["in/__MACOSX/x", "._in", "in/._a.csv"],
    "Windows": ["Thumbs.db", "in/desktop.ini", "Desktop.ini", "in\\Thumbs.db"],
}


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("file", ["a.csv", "in/a.csv"])
def test_what_a_file_manager_packs_too_is_passed_over(tmp_path: Path, name: str, file: str) -> None:
    content = zipped({"in/": "", **dict.fromkeys(BESIDE[name], b"\0\5\x16\7"), file: "a\n1\n"})
    assert read(written(tmp_path, "a.zip", content))[:2] == (["a"], [(2, ["1"])])


@pytest.mark.parametrize("other", ["b.csv", "MACOSX/a.csv", "a_.csv", "thumbs.db.csv", ".hidden"])
def test_two_files_are_refused(tmp_path: Path, other: str) -> None:
    content = zipped({"a.csv": "a\n1\n", other: "a\n1\n"})
    assert "holds 2 files" in refusal(written(tmp_path, "a.zip", content))
