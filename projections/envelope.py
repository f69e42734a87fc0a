"""How personal data is sealed: each subject has a key of its own, and the master key wraps those.

AES-256-GCM throughout, with random nonces. What something is about is authenticated with it, so that a row moved to another place
does not open there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12


class WrongKey(Exception):
    """The vault was sealed with another master key, or a row of it was changed."""


class Sealed(NamedTuple):
    """What only the key that sealed it opens."""

    nonce: bytes
    ciphertext: bytes


def _seal(key: bytes, about: str, content: bytes) -> Sealed:
    nonce = os.urandom(NONCE_BYTES)
    return Sealed(nonce, AESGCM(key).encrypt(nonce, content, about.encode()))


def _open(key: bytes, about: str, sealed: Sealed) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, about.encode())
    except InvalidTag:
        raise WrongKey(
            "the vault holds something that its keys do not open: a row of it was changed"
        ) from None


class SubjectKey:
    """One subject's key: its first half seals, its second tells whether two contents are the same."""

    __slots__ = ("_sealing", "_telling", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._sealing, self._telling = raw[:KEY_BYTES], raw[KEY_BYTES:]

    @classmethod
    def new(cls) -> SubjectKey:
        """A key that nobody has."""
        return cls(os.urandom(2 * KEY_BYTES))

    def seal(self, about: str, content: bytes) -> Sealed:
        """Seals a content."""
        return _seal(self._sealing, about, content)

    def open(self, about: str, sealed: Sealed) -> bytes:
        """What was sealed. Raises `WrongKey`."""
        return _open(self._sealing, about, sealed)

    def digest(self, content: bytes) -> bytes:
        """The same for the same content, and nothing to anybody without the key."""
        return hmac.digest(self._telling, content, hashlib.sha256)


class Names:
    """The key that references are made with. It outlives the master key that it comes from."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def ref(self, *parts: str) -> str:
        """The opaque reference of somebody: says nothing, and cannot be guessed from the parts without this key."""
        return hmac.digest(self.raw, json.dumps(parts).encode(), hashlib.sha256).hex()


class MasterKey:
    """The key that an installation's secrets hold. Keys for each of its uses are derived from it (HKDF-SHA256)."""

    __slots__ = ("_wrapping", "mark", "names")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"the vault's key has {KEY_BYTES} bytes")
        self._wrapping, naming, self.mark = (
            HKDF(SHA256(), KEY_BYTES, None, b"onhand vault " + use).derive(secret)
            for use in (b"wrapping", b"naming", b"mark")
        )
        self.names = Names(naming)

    @property
    def ident(self) -> str:
        """What the key is called: says nothing of it."""
        return self.mark.hex()[:8]

    @classmethod
    def read(cls, text: str) -> MasterKey:
        """A key as it is written: 32 random bytes in base64, of either alphabet. Raises `ValueError` for anything else."""
        plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
        try:
            secret = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if len(secret) != KEY_BYTES:
            raise ValueError(
                f"it must be {KEY_BYTES} random bytes in base64, as `openssl rand -base64 32` makes"
            )
        return cls(secret)

    @staticmethod
    def new() -> str:
        """A key that nobody has, as it is written."""
        return base64.b64encode(os.urandom(KEY_BYTES)).decode()

    @classmethod
    def read_all(cls, text: str) -> tuple[MasterKey, ...]:
        """Keys as they are written, with spaces, commas or line ends between them: the first is to be used, the others still open.
        Raises `ValueError`.
        """
        return tuple(map(cls.read, re.split(r"[\s,]+", text.strip())))

    def wrap_names(self, names: Names) -> Sealed:
        """The key for names, for keeping."""
        return _seal(self._wrapping, "naming", names.raw)

    def unwrap_names(self, sealed: Sealed) -> Names:
        """The key for names. Raises `WrongKey`."""
        return Names(_open(self._wrapping, "naming", sealed))

    def ref(self, *parts: str) -> str:
        """The reference of somebody under this key's own names."""
        return self.names.ref(*parts)

    def wrap(self, ref: str, key: SubjectKey) -> Sealed:
        """A subject's key, for keeping."""
        return _seal(self._wrapping, ref, key.raw)

    def unwrap(self, ref: str, sealed: Sealed) -> SubjectKey:
        """A subject's key. Raises `WrongKey`."""
        return SubjectKey(_open(self._wrapping, ref, sealed))
