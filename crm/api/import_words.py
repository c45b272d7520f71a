"""Sentences of the import engine as the API says them: an option of the command is a parameter, `undo_import` a call."""

import re

MAPPED = re.compile(r"""--map (?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\s)]+))""")
SET = re.compile(r"--set (\w+)")
VALUED = re.compile(r"--(null|match-on|format) ('[^']*'|[\w.-]+)")
NAMED = re.compile(r"--(encoding|sheet|heading-row)(?: (?:NAME|N)\b)?")
FLAG = re.compile(r"--(again|accept-encoding|ignore-unknown|skip-errors)")
OTHER = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
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


def _mapped(match: re.Match[str]) -> str:
    heading, _, field = next(filter(None, match.groups())).rpartition("=")
    return f'mapping={{"{heading}": "{field}"}}'


def _name(option: str) -> str:
    return option.replace("-", "_")
