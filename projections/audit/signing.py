"""Who made an export: an Ed25519 key of the installation, and what anybody needs to recognise it."""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

KEY_BYTES = 32


class BadKey(ValueError):
    """Not a key that exports are signed with, or recognised by."""


class PublicKey:
    """What recognises a signature."""

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    @classmethod
    def read(cls, text: str) -> PublicKey:
        """A public key as it is written: PEM, or 32 bytes in base64. Raises `BadKey`."""
        try:
            key = (
                load_pem_public_key(text.encode())
                if _is_pem(text)
                else Ed25519PublicKey.from_public_bytes(_raw(text))
            )
        except (ValueError, UnsupportedAlgorithm):
            raise BadKey("a public key is an Ed25519 key in PEM, or its 32 bytes in base64") from None
        if not isinstance(key, Ed25519PublicKey):
            raise BadKey("exports are signed with Ed25519, and this is a key of another kind")
        return cls(key)

    @property
    def text(self) -> str:
        """The key in base64."""
        return base64.b64encode(self._key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()

    @property
    def pem(self) -> bytes:
        """The key as other programs read it."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def made(self, signature: bytes, content: bytes) -> bool:
        """Whether the holder of the private key has signed this."""
        try:
            self._key.verify(signature, content)
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


class Signer:
    """What signs. The same content is signed with the same bytes, always."""

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def read(cls, text: str) -> Signer:
        """A private key as it is written: 32 random bytes in base64, or PEM. Raises `BadKey`."""
        try:
            key = (
                load_pem_private_key(text.encode(), None)
                if _is_pem(text)
                else Ed25519PrivateKey.from_private_bytes(_raw(text))
            )
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BadKey(
                f"it must be {KEY_BYTES} random bytes in base64, as `openssl rand -base64 32` makes,"
                " or an Ed25519 key in PEM without a password"
            ) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKey("exports are signed with Ed25519, and this is a key of another kind")
        return cls(key)

    @staticmethod
    def new() -> str:
        """A key that nobody has, as it is written."""
        return base64.b64encode(os.urandom(KEY_BYTES)).decode()

    @property
    def public(self) -> PublicKey:
        """What recognises this key's signatures."""
        return PublicKey(self._key.public_key())

    def sign(self, content: bytes) -> bytes:
        """The signature of a content: 64 bytes."""
        return self._key.sign(content)


def _is_pem(text: str) -> bool:
    return text.lstrip().startswith("-----BEGIN ")


def _raw(text: str) -> bytes:
    """The bytes of a key in base64, of either alphabet. Raises `ValueError`."""
    plain = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        found = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        found = b""
    if len(found) != KEY_BYTES:
        raise ValueError
    return found
