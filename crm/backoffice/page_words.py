"""Sentences of the import engine as its pages say them: who reads them there has fields to fill in, no options of a command."""

import re
from functools import cache

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from crm.backoffice import uploads

# "… name it (--sheet)." The field of that name stands on the page. In quotation marks anything may stand.
IN_PARENTHESES = re.compile(r""" \((?:--[a-z]|undo_import )(?:'[^']*'|"[^"]*"|[^()'"])*\)""")
# So are words for an empty cell, of which there may be several.
NULL = re.compile(r"--null ('[^']*'|\S+?)(?=\.?(?:\s|$))")
NULLS = re.compile(rf"{NULL.pattern}(?: {NULL.pattern})*")
SET = re.compile(r"(?<![^\s(])--set\b")


def as_on_a_page(sentence: str) -> str:
    """Without options, and fields by their labels. What is quoted stands in the file and stays."""
    if "--" in sentence or "undo_import" in sentence:
        sentence = NULLS.sub(_nulls, IN_PARENTHESES.sub("", sentence))
        sentence = SET.sub(_("fixed value"), sentence)  # of a command's run, or the API's
    if "_" not in sentence:
        return sentence
    labels, names = _fields(get_language() or "")
    return names.sub(lambda match: quoted(labels[match[1]]), sentence)


def column_on_a_page(column: str) -> str:
    """A heading of the file, or what gave the value instead."""
    return as_on_a_page(column) if column.startswith("--set ") else column


@cache  # an import may have a hundred thousand problems
def _fields(language: str) -> tuple[dict[str, str], re.Pattern[str]]:
    """The labels of fields in this language, and where their names stand in a sentence."""
    labels = {name: label for name, label in uploads.labels().items() if "_" in name and "." not in name}
    return labels, re.compile(rf"(?<![\w'\"./])({'|'.join(labels)})(?![\w'\"./])")


def quoted(name: str) -> str:
    return _("“%(name)s”") % {"name": name}


def _nulls(match: re.Match[str]) -> str:
    words = " ".join(word.strip("'") for word in NULL.findall(match[0]))
    return _("%(words)s under “Words for an empty cell”") % {"words": words}
