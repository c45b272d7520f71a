"""Sentences of the import engine as the API says them: an option of the command is a parameter, `undo_import` a call."""

import re

BEFORE = r"(?<![^\s(])"  # an option stands by itself; what is quoted stands in the file and stays
MAPPED = re.compile(rf"""{BEFORE}--map (?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\s)]+))""")
SET = re.compile(rf"{BEFORE}--set (\w+)")
VALUED = re.compile(rf"{BEFORE}--(null|match-on|format) ('[^']*'|[\w.-]+)")
NAMED = re.compile(rf"{BEFORE}--(encoding|sheet|heading-row)(?: (?:NAME|N)\b)?")
FLAG = re.compile(rf"{BEFORE}--(again|accept-encoding|ignore-unknown|skip-errors)")
OTHER = re.compile(rf"{BEFORE}--([a-z]+(?:-[a-z]+)*)")
SETS = "--set "
UNDO = re.compile(r"undo_import (?:run_\w+)?")


def as_in_the_api(sentence: str) -> str:
    """Said by a command too, but without words of a command line."""
    if "--" not in sentence and "undo_import" not in sentence:
        return sentence
    sentence = UNDO.sub("POST …/undo", sentence)
    sentence = sentence.replace("--help lists the fields", "/docs lists the fields").replace(
        "--resume", "POST …/resume"
    )
    sentence = MAPPED.sub(_mapped, sentence)
    sentence = SET.sub(r"set[\1]", sentence)
    sentence = VALUED.sub(lambda match: f"{_name(match[1])}={match[2].strip(chr(39))}", sentence)
    sentence = NAMED.sub(lambda match: _name(match[1]), sentence)
    sentence = FLAG.sub(lambda match: f"{_name(match[1])}=true", sentence)
    return OTHER.sub(lambda match: _name(match[1]), sentence)


def column_in_the_api(column: str) -> str | None:
    """A heading of the file, or the parameter that gave the value."""
    return (as_in_the_api(column) if column.startswith(SETS) else column) or None


def _mapped(match: re.Match[str]) -> str:
    heading, _, field = next(filter(None, match.groups())).rpartition("=")
    return f'mapping={{"{heading}": "{field}"}}'


def _name(option: str) -> str:
    return option.replace("-", "_")
