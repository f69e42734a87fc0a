"""Whether every movement is there once: of each id a digest of eight bytes is kept, on disk, so that memory does not grow with them."""

from __future__ import annotations

import tempfile
from array import array
from contextlib import ExitStack
from hashlib import blake2b
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

BUCKETS = 64
"""Files that digests are spread over; one after the other is looked at in the end."""

HELD = 4_096
"""Digests of a bucket that are held in memory before they are written."""


class Once:
    """Ids that have come by. Raises `OSError` where there is no room for them."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._files = [self._stack.enter_context(tempfile.TemporaryFile()) for _ in range(BUCKETS)]  # noqa: SIM115  # closed with the stack
        self._held = [array("Q") for _ in range(BUCKETS)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, ident: str) -> None:
        """Notes an id."""
        digest = int.from_bytes(blake2b(ident.encode(), digest_size=8).digest(), "big")
        held = self._held[digest % BUCKETS]
        held.append(digest)
        if len(held) == HELD:
            held.tofile(self._files[digest % BUCKETS])
            del held[:]

    def repeats(self) -> int:
        """How many ids came by that had come by before."""
        found = 0
        for file, held in zip(self._files, self._held, strict=True):
            held.tofile(file)
            del held[:]
            file.seek(0)
            content = file.read()
            digests = pa.Array.from_buffers(pa.uint64(), len(content) // 8, [None, pa.py_buffer(content)])
            found += len(digests) - int(pc.count_distinct(digests).as_py())
        return found
