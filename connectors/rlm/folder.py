"""A folder that two parties exchange files in. Whatever can list, read, write and rename may be one; an SFTP server can."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from connectors.errors import Unreachable


class Entry(NamedTuple):
    """A file: its name, its size in bytes, and for how many seconds nothing was written to it."""

    name: str
    size: int
    idle: float


class Folder(Protocol):
    """Paths are relative, with `/`. Every call raises `Unreachable`."""

    async def list(self, path: str) -> Sequence[Entry]:
        """The files in a folder by name; none where there is no such folder."""

    async def read(self, path: str) -> bytes | None:
        """A file's content; None where there is no such file (any more)."""

    async def write(self, path: str, content: bytes) -> None:
        """A whole file at once, in place of one that is there: it appears under its name only when it is complete."""

    async def rename(self, path: str, to: str) -> bool:
        """Moves a file, atomically. False where it is not there: somebody else was first."""


class LocalFolder:
    """A folder of this machine, a mounted one too."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def list(self, path: str) -> Sequence[Entry]:
        """The files in a folder by name."""
        with _reaching(path):
            if not self._root.is_dir():
                raise Unreachable(f"there is no folder {self._root}")
            now = time.time()
            folder = self._root / path
            if not folder.is_dir():
                return []
            found = []
            with os.scandir(folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        if entry.is_file(follow_symlinks=False):
                            said = entry.stat(follow_symlinks=False)
                            found.append(Entry(entry.name, said.st_size, now - said.st_mtime))
            return sorted(found)

    async def read(self, path: str) -> bytes | None:
        """A file's content."""
        with _reaching(path):
            try:
                return (self._root / path).read_bytes()
            except FileNotFoundError:
                return None

    async def write(self, path: str, content: bytes) -> None:
        """A whole file at once, on the disk before it has its name."""
        with _reaching(path):
            file = self._root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            half = file.with_name(f"{file.name}.{os.getpid()}.tmp")
            with half.open("wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            half.replace(file)

    async def rename(self, path: str, to: str) -> bool:
        """Moves a file."""
        with _reaching(path):
            target = self._root / to
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                (self._root / path).replace(target)
            except FileNotFoundError:
                return False
            return True


@contextlib.contextmanager
def _reaching(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unreachable(f"{path}: {type(error).__name__}") from error
