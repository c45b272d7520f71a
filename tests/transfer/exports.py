"""Files written by the management command `export_customers`."""

import io
from pathlib import Path

from django.core.management import call_command


def export(path: Path, *arguments: str) -> bytes:
    call_command("export_customers", str(path), *arguments, stderr=io.StringIO())
    return path.read_bytes()
