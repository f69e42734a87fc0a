"""What an export says of itself: of what it is, where its chain begins and ends, and the digest of every file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import Field

from schemas.claims import STRICT, Instant
from schemas.codec import adapter, decode

MANIFEST, SIGNATURE, SUMS = "manifest.json", "manifest.sig", "SHA256SUMS"
AROUND = frozenset({MANIFEST, SIGNATURE, SUMS})
"""Files that the manifest cannot list."""

CHUNK = 1 << 20
"""Bytes of a file that are read at once."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file: its size in bytes, its digest, and how many rows it has, where it has rows."""

    __pydantic_config__ = STRICT

    bytes: int
    sha256: Digest
    rows: int | None = None

    @classmethod
    def of(cls, path: Path, rows: int | None = None) -> File:
        """A file as it is. Raises `OSError`."""
        digest = hashlib.sha256()
        size = 0
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
        return cls(bytes=size, sha256=digest.hexdigest(), rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The chain of one partition: the seal that stood before its first movement here, its first and last seal, and their offsets."""

    __pydantic_config__ = STRICT

    before: Digest
    first_offset: int
    first_seal: Digest
    last_offset: int
    last_seal: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The first and the last of something."""

    __pydantic_config__ = STRICT

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """When the first and the last of the movements within the bounds were recorded."""

    __pydantic_config__ = STRICT

    first: Instant
    last: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All of an export. `since` and `until` bound when what is in it was recorded, both included; None: there is no bound.
    `offsets` has the first and last offset of each topic's partitions, of what is in the files.
    """

    __pydantic_config__ = STRICT

    product: str
    writer: str
    since: Instant | None
    until: Instant | None
    recorded: Recorded | None
    offsets: dict[str, dict[int, Span]]
    chain: dict[int, Chain]
    files: dict[str, File]
    public_key: str
    format: Literal["onhand-export/1"] = "onhand-export/1"

    @classmethod
    def read(cls, content: bytes) -> Manifest:
        """The manifest that was written. Raises `Undecodable`."""
        return decode(cls, content)

    def written(self) -> bytes:
        """The manifest's own bytes, the same for the same manifest."""
        plain = adapter(Manifest).dump_python(self, mode="json")
        return (
            orjson.dumps(plain, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
            + b"\n"
        )


def sums(files: Mapping[str, File], manifest: bytes) -> bytes:
    """The digests of all files, and of the manifest, as `sha256sum -c` reads them."""
    digests = {name: file.sha256 for name, file in files.items()} | {
        MANIFEST: hashlib.sha256(manifest).hexdigest()
    }
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()
