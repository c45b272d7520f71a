"""Workbooks (XLSX) written by hand, for what no library writes."""

from tests.files.tables import zipped

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def book(cells: str, *, texts: list[str] = [], data: str = "<sheetData>{}</sheetData>") -> bytes:  # noqa: B006 (read only)
    """A workbook whose first sheet is not the first by its file's name, and whose other sheet is full of traps."""
    trap = f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="A1"><f>1+1</f><v>2</v></c></row></sheetData></worksheet>'
    relation = '<Relationship Id="{}" Type="' + OFFICE + '/{}" Target="{}"/>'
    relations = relation.format("r1", "worksheet", "worksheets/sheet1.xml")
    relations += relation.format("r2", "worksheet", "/xl/worksheets/sheet2.xml")
    relations += relation.format("r3", "sharedStrings", "sharedStrings.xml")
    sheets = '<sheet name="Traps" sheetId="3" state="hidden" r:id="r1"/><sheet name="Table" sheetId="2" r:id="r2"/>'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    types = f'<Override PartName="/xl/workbook.xml" ContentType="{kind}"/>'
    shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
    return zipped({
        "[Content_Types].xml": f"<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'>{types}</Types>",
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}">{relation.format("r1", "officeDocument", "xl/workbook.xml")}</Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{relations}</Relationships>',
        "xl/worksheets/sheet1.xml": trap,
        "xl/worksheets/sheet2.xml": f'<worksheet xmlns="{MAIN}" xmlns:x="{MAIN}">{data.format(cells)}</worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{shared}</sst>',
    })  # fmt: skip


HEAD = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
