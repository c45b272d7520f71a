"""What spreadsheets do to texts, undone."""

import pytest

from overplane.files.spreadsheets import escape_formula, may_be_escaped, unescape_formula

TEXTS = {
    "'=1+1": "=1+1", "'s-Hertogenbosch": "'s-Hertogenbosch", '="00123"': "00123", '="say ""x"""': 'say "x"', '=""': "",
    '="a" ': "a", '="a"&"b"': '="a"&"b"', "=1+1": "=1+1", '="open': '="open', '\'="00123"': '="00123"', "00123": "00123",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_escapes_are_undone(text: str) -> None:
    assert unescape_formula(text) == TEXTS[text]
    assert may_be_escaped(["x", text, "y"]) or TEXTS[text] == text
    assert unescape_formula(escape_formula(TEXTS[text])) == TEXTS[text]


def test_ordinary_cells_need_no_look_each() -> None:
    assert not may_be_escaped(["x", "it's", 'a="b"', ""])
