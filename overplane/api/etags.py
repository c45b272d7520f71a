"""Conditional requests. An object's ETag is its version; identifiers are never used again, so that is strong."""

import re

from django.http import HttpRequest

TAG = re.compile(r'(W/)?"([^"]*)"')


def etag(version: int) -> str:
    return f'"{version}"'


def expected_versions(request: HttpRequest) -> frozenset[int] | None:
    """The versions that If-Match names; None if it asks for none in particular."""
    header = request.META.get("HTTP_IF_MATCH")
    if header is None or header.strip() == "*":
        return None
    strong = [tag for weak, tag in TAG.findall(header) if not weak]
    return frozenset(int(tag) for tag in strong if tag.isascii() and tag.isdigit() and len(tag) < 11)


def is_unchanged(request: HttpRequest, version: int) -> bool:
    """Does If-None-Match name this version?"""
    header = request.META.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return False
    return header.strip() == "*" or str(version) in [tag for _, tag in TAG.findall(header)]
