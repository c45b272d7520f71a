"""gzip for whoever asks. Who does not ask pays nothing.

Lengths tell of a secret that stands beside what the caller sent (BREACH): whoever makes a browser ask again and again
guesses it letter by letter. The API's answers hold none: a key is never shown, and no browser sends one by itself.
Pages hold the token of forms, which Django masks anew in each. What shows a secret itself (`secret`) is not compressed,
nor is what another site asked for; and a page's length is blurred by random bytes, for browsers that do not say who asks.
"""

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.text import compress_string

SHORTEST = 1024  # bytes; what is shorter travels in one packet of 1,500 anyway
# Of 1,000 lists of twenty objects (21.7 kB): 0.10 s of CPU and 8.8 %; level 6 takes 0.15 s for 8.1 %, and twice as long
# as this for a thousand objects.
LEVEL = 1
# Django's own middleware takes as many: with 100 lengths for each page a guess needs some thousands of requests.
RANDOM_BYTES = 100
PAGES = ("text/html", "application/json")  # of the back office; files and streams go as they are
OWN_SITE = ("same-origin", "none")  # who asked, as browsers say: a page of ours, or the person by the address bar
WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS
CODING = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.IGNORECASE)


@lru_cache(maxsize=256)
def accepts_gzip(header: str) -> bool:
    """Does an Accept-Encoding take gzip, and not rather the answer as it is?"""
    weights: dict[str, float] = {}
    for part in header.split(","):
        if coding := CODING.fullmatch(part):
            weights[coding[1].lower().removeprefix("x-")] = float(coding[2] or 1)
    weight = weights.get("gzip", weights.get("*", 0))
    return weight > 0 and weight >= weights.get("identity", 0)


def compress(response: HttpResponse | StreamingHttpResponse) -> None:
    """The ETag stays as it is. A strong tag promises the same bytes so that parts of them can be joined, and no parts are
    ever served; what it is for here is to come back in If-Match and If-None-Match, as it went out.
    """
    if response.has_header("Content-Encoding"):
        return
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = _compressed(iter(response))
    elif len(response.content) > SHORTEST:
        response.content = gzip.compress(response.content, compresslevel=LEVEL, mtime=0)
    else:
        return
    response["Content-Encoding"] = "gzip"


def _compressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Each part reaches the client when it is made, not when some buffer is full."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, WITH_GZIP_HEADER)
    for part in parts:
        yield packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


class PageCompression:
    """Middleware for all that is not `/api/`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not _is_page(response):
            return response
        patch_vary_headers(response, ["Accept-Encoding", "Sec-Fetch-Site"])
        is_ours = request.headers.get("Sec-Fetch-Site", "none") in OWN_SITE
        if is_ours and accepts_gzip(request.headers.get("Accept-Encoding", "")):
            response.content = compress_string(response.content, max_random_bytes=RANDOM_BYTES)
            response["Content-Length"] = str(len(response.content))
            response["Content-Encoding"] = "gzip"
        return response


def _is_page(response: HttpResponse) -> bool:
    if response.streaming or getattr(response, "is_secret", False) or response.has_header("Content-Encoding"):
        return False
    kind = response.get("Content-Type", "").partition(";")[0]
    return kind in PAGES and not response.has_header("Content-Disposition") and len(response.content) > SHORTEST


def secret(response: HttpResponse) -> HttpResponse:
    """For an answer that shows a key, a code or a password: nobody stores it, and its length is that of all others."""
    response.is_secret = True  # type: ignore[attr-defined]  # a mark for the middleware above
    patch_cache_control(response, no_store=True)
    return response
