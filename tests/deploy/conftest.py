from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from deploy import kafka
from deploy.engines import Engines, remove

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path += [str(HERE), str(HERE.parent / "system")]  # where tests find `named`, `containers`, `documented`


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


@pytest.fixture(scope="session")
def image() -> Iterator[Any]:
    """The image, built without an engine from the Dockerfile's steps."""
    mounting = ["unshare", "--mount", "--", "true"]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip(
            "to run a Dockerfile's steps in a root of their own takes root, and a kernel that lets it mount"
        )
    work = Path(tempfile.mkdtemp(prefix="onhand-image-"))
    work.chmod(0o755)
    try:
        text = (ROOT / "deploy" / "Dockerfile").read_text()
        yield import_module("containers").build(text, ROOT, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
