"""Conditional requests. An object's ETag is its version; identifiers are never used again, so the tag is strong."""

import re
from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.http import HttpRequest

from overplane.api.errors import bad_request
from overplane.problems import Code, invalid

# A weak tag counts as its strong one: whoever compresses on the way (nginx) makes ours weak, and the caller can only
# send back what came. The same with what Apache and others put behind a version: "3-gzip", "3;br".
TAG = re.compile(r'[ \t,]*(?:W/)?"([^"]*)"[ \t]*(?:,|$)')
VERSION = re.compile(r"([1-9][0-9]{0,9})(?:[-;]{1,2}(?:gzip|br|zstd|deflate))?", re.ASCII)
HOW_TO_SEND = 'Send the ETag as it came, in its quotes ("3"). Or several, with commas between, or *.'


def etag(version: int) -> str:
    return f'"{version}"'


class Unreadable(frozenset[int]):
    """Stands for an If-Match that cannot be read. The error is raised when a version is compared: after a 404, before all else."""

    def __contains__(self, version: object) -> bool:
        raise bad_request(Code.PARAMETER_INVALID, HOW_TO_SEND, "If-Match")


def expected_versions(request: HttpRequest) -> frozenset[int] | None:
    """The versions that If-Match names; None if it asks for none in particular."""
    header = request.META.get("HTTP_IF_MATCH")
    try:
        return None if header is None else versions(header)
    except ValidationError:
        return Unreadable()


def versions(condition: str) -> frozenset[int] | None:
    """The versions in an If-Match, a weak tag counting as its strong one; None if any will do."""
    if condition.strip() == "*":
        return None
    try:
        return frozenset(_versions(condition))
    except ValueError:
        raise invalid(Code.PARAMETER_INVALID, HOW_TO_SEND) from None


def is_unchanged(request: HttpRequest, version: int) -> bool:
    """Does If-None-Match name this version? One that cannot be read names none: the answer is only longer then."""
    header = request.META.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return False
    try:
        return header.strip() == "*" or version in _versions(header)
    except ValueError:
        return False


def _versions(header: str) -> Iterator[int]:
    """The versions among the tags of a list; other tags are of no object of ours. `ValueError` if it is no such list."""
    start, text = 0, header.strip(" \t,")
    if not text:
        raise ValueError("empty")
    while start < len(text):
        tag = TAG.match(text, start)
        if tag is None:
            raise ValueError(text)
        start = tag.end()
        if match := VERSION.fullmatch(tag[1]):
            yield int(match[1])
