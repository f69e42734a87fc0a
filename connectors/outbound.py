"""Where we may call: every connection that leaves for a configured address, or for one that a document named, passes here.

What counts is the address that is connected to, after names were looked up: a name that is harmless when it is checked may mean
another address when it is used.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import aiohttp

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Kind(StrEnum):
    """What an address is to us."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    NEVER = "never"


METADATA = (
    *(
        "fd00:ec2::254",
        "fd20:ce::254",
    ),  # AWS and Google Cloud by IPv6; 169.254.169.254 of everybody is link-local
    "100.100.100.200",  # Alibaba Cloud
    "168.63.129.16",  # Azure's own services of a machine
    "192.0.0.192",  # Oracle Cloud
)
"""Where clouds tell a machine about itself, credentials among it: nobody's platform is there."""

NEVER = tuple(
    ipaddress.ip_network(one)
    for one in (
        *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/128", "fe80::/10", "fec0::/10", "ff00::/8"),
        *METADATA,
    )
)
EMBEDDING = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 behind a translator (RFC 6052)."""


class Barred(OSError):
    """An address that we do not call."""


def kind_of(written: str) -> Kind:
    """What a numeric address is; one that stands in another one is what counts. Raises `ValueError` for a name."""
    address = _innermost(ipaddress.ip_address(written.partition("%")[0]))
    if any(address in network for network in NEVER if network.version == address.version):
        return Kind.NEVER
    if address.is_loopback:
        return Kind.LOOPBACK
    return Kind.PUBLIC if address.is_global else Kind.PRIVATE


def _innermost(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in EMBEDDING:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address


def reach(url: str, *, private: bool = False) -> frozenset[Kind]:
    """What a configured URL allows to be called: the public, and what it names itself by its number, or as `localhost`; private
    networks by name only where that is said as well.
    """
    host = urlsplit(url).hostname or ""
    try:
        named = Kind.LOOPBACK if host == "localhost" else kind_of(host)
    except ValueError:
        named = Kind.PUBLIC
    return frozenset({Kind.PUBLIC, named, *([Kind.PRIVATE] if private else [])}) - {Kind.NEVER}


def session(
    allowed: frozenset[Kind], timeout: aiohttp.ClientTimeout, headers: Mapping[str, str] | None = None
) -> aiohttp.ClientSession:
    """A session that connects to nothing else. What it refuses is a `ClientConnectorError` of a `Barred`. No proxy is asked."""

    def checked(found: Any) -> socket.socket:
        family, kind, protocol, _, address = found
        if (its := kind_of(address[0])) not in allowed:
            raise Barred(f"{'an' if its is Kind.NEVER else f'a {its}'} address that may not be called")
        return socket.socket(family=family, type=kind, proto=protocol)

    connector = aiohttp.TCPConnector(socket_factory=checked)
    return aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout, trust_env=False)


def why(error: BaseException) -> str:
    """Why a call failed: the kind of the error, or what barred it."""
    barred = getattr(error, "os_error", error)
    return str(barred) if isinstance(barred, Barred) else type(error).__name__
