"""What the benchmarks share: a competitor runs in a process of its own and prints what it measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # where a script of this folder finds its modules


def measured(script: str, *arguments: str, within: float = 300) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=within,
        cwd=HERE.parents[1],
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def run() -> Callable[..., dict[str, float]]:
    """Runs a script of this folder with arguments, and returns what it printed."""
    return measured
