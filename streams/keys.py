"""API keys: accepted or not, in constant time. And how an installation's own secrets are made."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from projections.access import Caller, Role
from projections.audit.signing import Signer
from projections.envelope import MasterKey


class Keys:
    """The accepted API keys. Only their digests are kept."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._digests = [_digest(key.get_secret_value()) for key in keys]

    def accept(self, offered: str) -> Caller | None:
        """Who a bearer token belongs to; None where it is none of the keys."""
        digest = _digest(offered)
        found = any([hmac.compare_digest(digest, known) for known in self._digests])  # noqa: C419  # all, in constant time
        return Caller.of("api-key", Role.ADMIN) if found else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def generate(data: Path) -> Path:
    """Makes a key in `<data>/api-key`, readable by its owner only, unless there is one. Returns the file."""
    return _made(data / "api-key", f"onhand_{secrets.token_urlsafe(32)}")


def generate_vault_key(data: Path) -> Path:
    """Makes a master key in `<data>/vault-key`, as above. Of several processes that start at once, all get the same."""
    return _made(data / "vault-key", MasterKey.new())


def generate_export_key(data: Path) -> Path:
    """Makes a key that exports are signed with, in `<data>/export-key`, as above."""
    return _made(data / "export-key", Signer.new())


def _made(file: Path, secret: str) -> Path:
    """Writes a secret whole under another name first: nobody ever reads half of it, and the first one stays."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        written = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"{secret}\n")
        with suppress(FileExistsError):
            os.link(written, file)
        written.unlink()
    return file
