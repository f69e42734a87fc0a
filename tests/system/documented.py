"""What a page of documentation tells its reader to type, as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from deploy.processes import free_port

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: Path) -> list[str]:
    """The page's blocks of commands."""
    return re.findall(r"^```bash\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def elsewhere(text: str, ports: tuple[str, ...]) -> tuple[str, str]:
    """The text with free ports in place of these; and what `sed` is told to do so to a file."""
    free = {port: str(free_port()) for port in ports}
    moved = re.sub("|".join(ports), lambda port: free[port[0]], text)
    return moved, " ".join(f"-e s/{a}/{b}/" for a, b in free.items())


def typed(script: str, home: Path, within: float = 150.0, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs commands from the project's folder, with a home of their own. What fails ends it; what it started ends with it."""
    head = "set -eo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n"
    return subprocess.run(
        ["bash", "-c", head + script],
        cwd=ROOT,
        env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(Path.home() / ".cache"), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=within,
    )
