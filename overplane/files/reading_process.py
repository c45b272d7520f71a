"""A process that reads a binary workbook and writes what it finds to standard output, a JSON array or object a line.

The library believes the positions and lengths that these formats state. A broken file can make it ask for any amount of
memory, which ends the process that it works in. So that is this one, whose memory and time are limited.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from overplane.files.archives import BROKEN, opened_archive
from overplane.files.findings import Findings
from overplane.files.unusable import UnusableFile
from overplane.files.workbooks import loaded
from overplane.files.xls_files import searched_xls, workbook_stream
from overplane.files.xlsb_files import searched_xlsb

# What sheets.MOST_MEMORY allows an XLSX, and what Python and the libraries take themselves.
MOST_MEMORY = 3 << 29
MOST_SECONDS = 600  # of processor time: a sheet of 65,536 rows and 256 columns takes a minute


def main(path: Path, format: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    try:
        _serve(path, format)
    except UnusableFile as error:
        _write({"error": str(error)})
    except PasswordError:
        _write({"error": "The workbook is protected by a password. Save it without one."})
    except MemoryError:
        _write({"error": "The workbook is too large for this format. Save it as .xlsx or CSV."})
    except BrokenPipeError:
        pass
    except BaseException as error:  # noqa: BLE001 (a panic of the library is no Exception)
        _write({"error": f"The workbook cannot be read ({error}). Open it in a spreadsheet, save it as .xlsx or CSV."})


def _serve(path: Path, format: str) -> None:
    """Names the sheets, then writes the one that is asked for."""
    stream = _stream(path) if format == "xls" else b""
    with path.open("rb") as raw, CalamineWorkbook.from_filelike(raw) as book:
        sheets = [
            (i, sheet.name, sheet.visible != SheetVisibleEnum.Visible)
            for i, sheet in enumerate(book.sheets_metadata)
            if sheet.typ == SheetTypeEnum.WorkSheet
        ]
        _write({"sheets": [(*one, book.get_sheet_by_index(one[0]).height) for one in sheets]})
        index = int(sys.stdin.readline() or -1)
        if index < 0:
            return
        findings = _searched(path, format, stream, index)
        sheet = loaded(book.get_sheet_by_index(index), findings)
        _write({
            "left": sheet.left, "formulas": findings.formulas.count, "first_formulas": findings.formulas.first,
            "hidden_rows": list(findings.hidden_rows), "hidden_columns": findings.hidden_columns,
            "merged": findings.merged, "is_unknown": findings.is_unknown, "concealed": findings.concealed.count,
            "first_concealed": findings.concealed.first,
        })  # fmt: skip
        for row in sheet.rows:
            _write(row)
        _write(None)


def _stream(path: Path) -> bytes:
    try:
        return workbook_stream(path.read_bytes())
    except BROKEN:
        return b""  # the library may know better


def _searched(path: Path, format: str, stream: bytes, index: int) -> Findings:
    try:
        if format == "xls":
            return searched_xls(stream, index)
        with path.open("rb") as raw, opened_archive(raw) as archive:
            return searched_xlsb(archive, path.stat().st_size, index)
    except (CalamineError, SyntaxError, *BROKEN):  # a ParseError is a SyntaxError
        return Findings(is_unknown=True)


def _write(line: Any) -> None:
    sys.stdout.write(json.dumps(line))
    sys.stdout.write("\n")
    if not isinstance(line, (list, tuple)):
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
