"""Files written and imported by the management command, as tests do it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command


class Ran:
    """What the command answered: exit code, the JSON report, and what it said on standard error."""

    def __init__(self, code: int, report: dict[str, Any], said: str) -> None:
        self.code, self.report, self.said = code, report, said

    @property
    def counts(self) -> dict[str, int]:
        names = ("created", "updated", "unchanged", "refused", "rows_created", "rows_updated", "rows_deleted")
        return {name: self.report[name] for name in names if self.report[name]}

    @property
    def problems(self) -> list[tuple[int, str, str]]:
        return [(p["row"], p["column"], p["code"]) for p in self.report["problems"]]


def run(file: Path, *arguments: str) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("import_customers", str(file), "--json", *arguments, stdout=out, stderr=err)
        code, said = 0, err.getvalue()
    except CommandError as error:
        code, said = error.returncode, f"{err.getvalue()}{error}"
    return Ran(code, json.loads(out.getvalue() or "{}"), said)


@pytest.fixture
def imported(tmp_path: Path) -> Any:
    """Writes a text (or bytes) into a file and imports it."""
    count = iter(range(100))

    def write(content: str | bytes, *arguments: str, name: str = "") -> Ran:
        file = tmp_path / (name or f"customers-{next(count)}.csv")
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return run(file, *arguments)

    return write
