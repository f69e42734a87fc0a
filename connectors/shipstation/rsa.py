"""RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2.2), and its public keys as a JWKS has them (RFC 7517)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, NamedTuple

SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""The DER prefix of a SHA-256 digest (RFC 8017, section 9.2, note 1)."""

BITS_MIN, BITS_MAX = 2048, 8192


class PublicKey(NamedTuple):
    """Modulus and exponent."""

    n: int
    e: int


def encoded(message: bytes, size: int) -> bytes:
    """The one encoding of a message's digest in `size` bytes (EMSA-PKCS1-v1_5)."""
    digest = SHA256_INFO + hashlib.sha256(message).digest()
    return b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest


def verified(message: bytes, signature: bytes, key: PublicKey) -> bool:
    """Whether the signature is the key's over the message. The whole encoding is compared: nothing in it is parsed."""
    size = (key.n.bit_length() + 7) // 8
    found = int.from_bytes(signature, "big")
    if len(signature) != size or found >= key.n:
        return False
    return hmac.compare_digest(pow(found, key.e, key.n).to_bytes(size, "big"), encoded(message, size))


def keys_of(jwks: Any) -> dict[str, PublicKey]:
    """The usable keys of a JWKS by `kid`: RSA, at least 2048 bits. Others are left out."""
    rows = jwks.get("keys") if isinstance(jwks, Mapping) else None
    found: dict[str, PublicKey] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and row.get("kty") == "RSA" and isinstance(row.get("kid"), str):
            key = PublicKey(_number(row.get("n")), _number(row.get("e")))
            if (
                BITS_MIN <= key.n.bit_length() <= BITS_MAX
                and key.n % 2
                and 3 <= key.e < 1 << 32
                and key.e % 2
            ):
                found[row["kid"]] = key
    return found


def _number(value: Any) -> int:
    """A base64url number; zero for what is none."""
    try:
        text = value.encode("ascii")
        return int.from_bytes(base64.b64decode(text + b"=" * (-len(text) % 4), b"-_", validate=True), "big")
    except (AttributeError, UnicodeEncodeError, ValueError):
        return 0
