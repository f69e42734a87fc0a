from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy import kafka
from deploy.engines import Engines, remove


@pytest.fixture(scope="session")
def data_dirs() -> Iterator[Callable[[str], Path]]:
    """Makes data directories that PostgreSQL's user may pass through, and removes all they come to hold."""
    base = Path(tempfile.mkdtemp(prefix="onhand-deploy-"))
    base.chmod(0o755)
    made: list[Path] = []

    def make(name: str) -> Path:
        made.append(base / name)
        return made[-1]

    yield make
    for data in made:
        remove(data)
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def engines_apart(data_dirs) -> Iterator[Engines]:
    """Engines of these tests' own, because they kill and stop them. Kafka's classes are kept already."""
    kafka.archive()
    with Engines(data_dirs("shared")) as engines:
        yield engines
