"""The description and the reference speak of each kind of line item by its name."""

import pytest
from django.test import Client

from crm.api.meanings import MEANINGS, several
from crm.line_items import LINE_ITEMS, LineItem
from overplane.api.pages import description


@pytest.mark.parametrize("kind", LINE_ITEMS, ids=lambda kind: kind.name)
def test_names_the_kind_where_it_speaks_of_line_items(client: Client, kind: LineItem) -> None:
    html = client.get("/docs").content.decode()
    for topic in ("line-items", "pagination"):
        prose = html.partition(f'<section class="row" id="{topic}"')[2].partition("</section>")[0]
        assert f"<code>expand[]={kind.name}</code>" in prose
    assert str(kind.label_plural) in html.partition('id="line-items"')[2].partition("</section>")[0]


def test_names_all_of_them_in_the_description() -> None:
    text = str(description())
    assert f"customers and the {several(LINE_ITEMS)} that belong to them" in text
    assert f"Changes of {several(LINE_ITEMS)} do not count." in MEANINGS["updated_at"]
    assert several([kind for kind in LINE_ITEMS if kind.searched], "or") + ":" in text
