"""Conditional requests. An object's ETag is its version; identifiers are never used again, so that is strong."""

import re

from django.http import HttpRequest

from overplane.problems import Code, invalid

TAG = re.compile(r'(W/)?"([^"]*)"')
TAGS = re.compile(rf"\s*{TAG.pattern}(\s*,\s*{TAG.pattern})*\s*")


def etag(version: int) -> str:
    return f'"{version}"'


def expected_versions(request: HttpRequest) -> frozenset[int] | None:
    """The versions that If-Match names; None if it asks for none in particular."""
    header = request.META.get("HTTP_IF_MATCH")
    return None if header is None else versions(header)


def versions(condition: str) -> frozenset[int] | None:
    """The versions in an If-Match, a weak tag counting as its strong one; None if any will do."""
    if condition.strip() == "*":
        return None
    if not TAGS.fullmatch(condition):
        raise invalid(
            Code.PARAMETER_INVALID, 'Must be an ETag as it was answered, in its quotes ("3"), or several, or *.'
        )
    tags = [tag for _, tag in TAG.findall(condition)]
    return frozenset(int(tag) for tag in tags if tag.isascii() and tag.isdigit() and len(tag) < 11)


def is_unchanged(request: HttpRequest, version: int) -> bool:
    """Does If-None-Match name this version?"""
    header = request.META.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return False
    return header.strip() == "*" or str(version) in [tag for _, tag in TAG.findall(header)]
