"""A folder that is there whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotEmpty(Exception):
    """An export is written into a folder that does not exist yet, or is empty."""


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """A folder beside the wanted one, which takes its name in the end: nobody ever sees half of its content under it. A process that
    is killed leaves it behind under its own name. Raises `NotEmpty`, `OSError`.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NotEmpty(f"{folder} is not empty: name a folder that does not exist yet")
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f"{folder.name}.unfinished-{secrets.token_hex(4)}")
    draft.mkdir()
    try:
        yield draft
        draft.replace(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
