"""The key that a sandbox signs its webhooks with: made anew by every process that has one."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

KID = "0f1e2d3c-sandbox"


@cache
def _key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def sign(message: bytes) -> str:
    """The signature of a message in base64."""
    return base64.b64encode(_key().sign(message, PKCS1v15(), SHA256())).decode()


def jwks() -> dict[str, Any]:
    """The public key as `/jwks` shows it."""
    numbers = _key().public_key().public_numbers()
    shown = {"n": _url(numbers.n), "e": _url(numbers.e)}
    return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID, **shown}]}


def _url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
