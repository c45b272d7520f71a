"""Code as the page shows it: in every language, with its words marked and the place of the reader's key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from overplane.api.reference.calls import KEY, LANGUAGES, Call

NAMES = {"curl": "curl", "python": "Python", "javascript": "JavaScript"}
LEXERS = {"curl": "bash"}
MARKED = HtmlFormatter(nowrap=True)


@dataclass(frozen=True, slots=True)
class Code:
    language: str
    name: str
    html: SafeString


@dataclass(frozen=True, slots=True)
class Sample:
    title: str
    codes: list[Code]


def of_call(title: str, call: Call) -> Sample:
    return of_texts(title, {language: write(call) for language, write in LANGUAGES.items()})


def of_texts(title: str, texts: Mapping[str, str]) -> Sample:
    """The same in each language, in the order in which the page offers them."""
    return Sample(
        title, [Code(language, name, highlighted(texts[language], language)) for language, name in NAMES.items()]
    )


def highlighted(text: str, language: str) -> SafeString:
    lexer = get_lexer_by_name(LEXERS.get(language, language), stripnl=False, ensurenl=False)
    # Lines are elements, so that one that is broken goes on indented. Pygments lets no mark reach over a line's end.
    lines = highlight(text, lexer, MARKED).split("\n")
    html = "\n</span>".join(f'<span class="line">{line}' for line in lines) + "</span>"
    return mark_safe(html.replace(KEY, format_html('<span class="key">{}</span>', KEY)))  # noqa: S308 (Pygments escapes)


def output(value: Any) -> SafeString:
    """A value as JSON; lines of JSON as they come."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return highlighted(text.rstrip("\n"), "json")
