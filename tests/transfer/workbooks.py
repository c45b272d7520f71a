"""Files with a row that is refused, as workbooks."""

import io

import xlsxwriter

HEAD = ["name", "mail", "tax_id"]
ROWS = [HEAD, ["Müller; Söhne", "nobody", "00123"], ["Good", "a@b", "1"]]


def workbook(rows: list[list[str]] = ROWS) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        sheet = book.add_worksheet()
        for i, row in enumerate(rows):
            sheet.write_row(i, 0, row)
    return content.getvalue()
