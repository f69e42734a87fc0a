"""The public keys of a JWKS (RFC 7517), and RSASSA-PKCS1-v1_5 signatures with SHA-256 by them (RFC 8017, section 8.2)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

BITS_MIN, BITS_MAX = 2048, 8192


def verified(message: bytes, signature: bytes, key: RSAPublicKey) -> bool:
    """Whether the signature is the key's over the message."""
    try:
        key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def keys_of(jwks: Any) -> dict[str, RSAPublicKey]:
    """The usable keys of a JWKS by `kid`: RSA, of 2048 to 8192 bits. Others are left out."""
    rows = jwks.get("keys") if isinstance(jwks, Mapping) else None
    found: dict[str, RSAPublicKey] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and row.get("kty") == "RSA" and isinstance(row.get("kid"), str):
            n, e = _number(row.get("n")), _number(row.get("e"))
            if BITS_MIN <= n.bit_length() <= BITS_MAX and n % 2 and e < 1 << 32:
                try:
                    found[row["kid"]] = RSAPublicNumbers(e, n).public_key()
                except ValueError:
                    continue
    return found


def _number(value: Any) -> int:
    """A base64url number; zero for what is none."""
    try:
        text = value.encode("ascii")
        return int.from_bytes(base64.b64decode(text + b"=" * (-len(text) % 4), b"-_", validate=True), "big")
    except (AttributeError, UnicodeEncodeError, ValueError):
        return 0
