"""A folder that two parties exchange files in. Whatever can list, read, write and rename may be one; an SFTP server can."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

from connectors.errors import Unreachable

Given = ParamSpec("Given")
Found = TypeVar("Found")


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
        """A whole file at once, in place of one that is there: it appears in its folder only when it is complete."""

    async def create(self, path: str) -> bool:
        """An empty file. False where there is one: of all who ask, one is told True."""

    async def rename(self, path: str, to: str) -> bool:
        """Moves a file, atomically. False where it is not there: somebody else was first."""


class LocalFolder:
    """A folder of this machine, or one that is mounted here. Its files are written in `writing` and then moved."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def list(self, path: str) -> Sequence[Entry]:
        """The files in a folder by name."""
        return await _reached(self._list, path)

    async def read(self, path: str) -> bytes | None:
        """A file's content."""
        return await _reached(self._read, path)

    async def write(self, path: str, content: bytes) -> None:
        """A whole file at once, on the disk before it has its name."""
        await _reached(self._write, path, content)

    async def create(self, path: str) -> bool:
        """An empty file."""
        return await _reached(self._create, path)

    async def rename(self, path: str, to: str) -> bool:
        """Moves a file."""
        return await _reached(self._rename, path, to)

    def _list(self, path: str) -> Sequence[Entry]:
        now, found = time.time(), []
        if not self._root.is_dir():
            raise Unreachable(f"there is no folder {self._root}")
        with contextlib.suppress(FileNotFoundError), os.scandir(self._root / path) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        said = entry.stat(follow_symlinks=False)
                        found.append(Entry(entry.name, said.st_size, now - said.st_mtime))
        return sorted(found)

    def _read(self, path: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            return (self._root / path).read_bytes()
        return None

    def _write(self, path: str, content: bytes) -> None:
        file, half = self._root / path, self._root / "writing" / uuid.uuid4().hex
        for folder in (file.parent, half.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with half.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        half.replace(file)

    def _create(self, path: str) -> bool:
        file = self._root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            file.touch(exist_ok=False)
            return True
        return False

    def _rename(self, path: str, to: str) -> bool:
        target = self._root / to
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            (self._root / path).replace(target)
            return True
        return False


async def _reached(call: Callable[Given, Found], *args: Given.args, **kwargs: Given.kwargs) -> Found:
    """The answer of a call, in a thread of its own: a mounted folder may take its time."""
    try:
        return await asyncio.to_thread(call, *args, **kwargs)
    except OSError as error:
        raise Unreachable(f"{args[0]}: {type(error).__name__}") from error
