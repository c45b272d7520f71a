"""Whose request this is: the client's address and its transport, settled once, as the request comes in.

Whoever speaks to us is the client, unless it is one of `TRUSTED_PROXIES`: a proxy appends to `X-Forwarded-For` whom it
speaks to, so the right-most address that is no proxy of ours is the client's. What stands left of it the client itself
may have written.
"""

import logging
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

log = logging.getLogger(__name__)
Address = IPv4Address | IPv6Address

FORWARDED_FOR, FORWARDED_PROTO = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"
SHARED = "overplane.shared_address"  # in the META of a request whose address may be that of many
# Whoever has an IPv6 address mostly has all of its network, and could use another one for each try.
NETWORK_OF_ONE = 64
UNKNOWN_PROXY = (
    "Requests are forwarded by {}, which is none of TRUSTED_PROXIES: its address stands for all clients behind it, "
    "and X-Forwarded-Proto of it is not trusted. Add it if it is your proxy."
)
_unknown_proxies: set[str] = set()
MOST_NAMED = 20  # of them: whoever has a private network could fill the memory and the log


def settle(environ: dict[str, Any]) -> None:
    """From here on `REMOTE_ADDR` and `wsgi.url_scheme` are the client's."""
    peer = environ.get("REMOTE_ADDR", "")
    if is_trusted(peer):
        environ["REMOTE_ADDR"] = _client(peer, environ.get(FORWARDED_FOR, ""))
        if _first(environ) in ("http", "https"):
            environ["wsgi.url_scheme"] = _first(environ)
        return
    address = _read(peer)
    environ["REMOTE_ADDR"] = str(address or peer)
    if FORWARDED_FOR in environ and (address is None or address.is_private):
        _note(environ, str(address or "a socket in the file system"))
    if not settings.TRUSTED_PROXIES and settings.IS_HTTPS and _first(environ) == "https":
        # Nobody has said which proxy it is. Sending such a request on to https would send it in a circle; who forges
        # the header spares only himself the way to https.
        environ["wsgi.url_scheme"] = "https"


def is_trusted(peer: str) -> bool:
    if not settings.TRUSTED_PROXIES:
        return False
    if not peer:  # who comes by a socket in the file system has none
        return "unix" in settings.TRUSTED_PROXIES
    address = _read(peer)
    return address is not None and any(address in network for network in settings.TRUSTED_PROXIES if network != "unix")


def _client(proxy: str, forwarded: str) -> str:
    """What is no address, as `unknown`, ends the way: left of it stands what anybody may have written."""
    nearest = proxy
    for text in reversed(forwarded.split(",")):
        address = _read(text)
        if address is None:
            break
        nearest = str(address)
        if not is_trusted(nearest):
            break
    return nearest


def _read(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # A socket for both kinds writes IPv4 so. Of an address with a zone no database knows the type.
        return address.ipv4_mapped or (None if address.scope_id else address)
    return address


def _first(environ: dict[str, Any]) -> str:
    """The transport between the client and the first proxy."""
    return environ.get(FORWARDED_PROTO, "").partition(",")[0].strip().lower()


def _note(environ: dict[str, Any], proxy: str) -> None:
    """Behind an unknown proxy all clients have one address, so what one of them does must not lock out the others."""
    environ[SHARED] = not settings.TRUSTED_PROXIES
    if proxy not in _unknown_proxies and len(_unknown_proxies) < MOST_NAMED:
        _unknown_proxies.add(proxy)
        log.warning(UNKNOWN_PROXY.format(proxy))


def warnings() -> list[str]:
    """What an operator should know, of the requests that this process has seen."""
    return [UNKNOWN_PROXY.format(proxy) for proxy in sorted(_unknown_proxies)]


def forget() -> None:
    """As a process that has just begun (tests)."""
    _unknown_proxies.clear()


def counted(request: HttpRequest) -> str | None:
    """What limits count by: the client's address, of an IPv6 address its network. None on a socket in the file system."""
    text = request.META.get("REMOTE_ADDR") or None
    address = _read(text) if text else None
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, NETWORK_OF_ONE), strict=False).network_address)
    return text


def is_shared(request: HttpRequest) -> bool:
    """Whether many people may have this address, since nobody has said which proxy stands before us."""
    return bool(request.META.get(SHARED))
