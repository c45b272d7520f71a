"""Cells that are made of several others: joined columns, and names of people that have no name of a customer."""

from collections.abc import Sequence

from crm.transfer.batch import Batch, ParseOptions
from crm.transfer.requested import JOINED_BY, join
from overplane.files.tables import ABSENT

Source = tuple[Sequence[str], str]  # the cells of a batch, and what stands over them


def joined_cells(batch: Batch, parse_options: ParseOptions, name: str, indexes: Sequence[int]) -> list[str]:
    """One cell a customer."""
    return _joined(parse_options, name, [batch.cells[i] for i in indexes])


def _joined(parse_options: ParseOptions, name: str, columns: Sequence[Sequence[str]]) -> list[str]:
    parts = map(parse_options.cleaned, columns)
    return [join(name, cells) for cells in zip(*parts, strict=True)]


def name_cells(batch: Batch, parse_options: ParseOptions, source: Source | None) -> Source:
    """The customers' names: where the file has none they are made of first and last name.

    An upsert gives them to new customers only: whoever is there already keeps the name that it has.
    """
    columns = parse_options.columns
    blank = ABSENT if parse_options.mode == "upsert" else ""
    cells, heading = source or (
        [blank] * len(batch),
        JOINED_BY.join(columns.headings[i] for i in columns.name_parts),
    )
    texts = parse_options.cleaned(cells)
    nameless = [i for i, text in enumerate(texts) if not text.strip() or text == ABSENT]
    if not nameless:
        return cells, heading
    parts = [[batch.cells[index][i] for i in nameless] for index in columns.name_parts]
    names = _joined(parse_options, "customer_name", parts)
    wanted = {i: name for i, name in zip(nameless, names, strict=True) if name not in ("", ABSENT)}
    batch.named = [batch.numbers[i] for i in wanted]
    if parse_options.mode == "upsert":
        batch.new_values["customer_name"] = dict(wanted)
        wanted = dict.fromkeys(wanted, ABSENT)
    return [wanted.get(i, cell) for i, cell in enumerate(cells)], heading
