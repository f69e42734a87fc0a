"""API keys: accepted or not, in constant time."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr


class Keys:
    """The accepted API keys. Only their digests are kept."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._digests = [_digest(key.get_secret_value()) for key in keys]

    def accept(self, offered: str) -> bool:
        """Whether a bearer token is one of the keys."""
        digest = _digest(offered)
        return any([hmac.compare_digest(digest, known) for known in self._digests])  # noqa: C419  # all, in constant time


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def generate(data: Path) -> Path:
    """Makes a key in `<data>/api-key`, readable by its owner only, unless there is one. Returns the file."""
    file = data / "api-key"
    if not file.exists():
        data.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"onhand_{secrets.token_urlsafe(32)}\n")
    return file
