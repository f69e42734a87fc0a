"""The README's ten minutes, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from deploy.engines import remove
from deploy.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("8765", "8801", "8802")


@pytest.mark.engines
@pytest.mark.system
def test_given_the_readme_line_by_line_then_a_web_order_reaches_the_till_and_explains_itself(tmp_path):
    free = {port: str(free_port()) for port in PORTS}

    def elsewhere(text: str) -> str:
        return re.sub("|".join(PORTS), lambda port: free[port[0]], text)

    (block,) = re.findall(r"^```bash\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    example = tmp_path / "onhand-example"
    moved = f"sed -i {' '.join(f'-e s/{a}/{b}/' for a, b in free.items())} onhand.toml\n"
    lines = elsewhere(block).splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("mkdir"))
    script = "".join(
        [
            "set -eo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n",
            *lines[: at + 1],
            moved,
            *lines[at + 1 :],
        ]
    )
    try:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=ROOT,
            env={**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(Path.home() / ".cache")},
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )
    finally:
        remove(example / ".onhand" / "engines")
    assert done.returncode == 0, done.stdout + done.stderr
    before, _, after = done.stdout.partition('{"accepted":true}')
    assert re.search(r"SOHO +│ +12 │ +0 │ +12", before), done.stdout
    assert re.search(r"SOHO +│ +10 │ +2 │ +12", after), done.stdout
    assert re.findall(r'"current_inventory_level": ([\d.]+)', after) == ["10.0", "30.0", "5.0"]
    assert '"SOHO":{"available":10,"committed":2' in after
    assert "TEE-BLACK-M on web: 13   (its platform shows 13)" in after
    assert "every number is right" in after
    assert re.search(r'ce_type:\S+.*"kind":"OrderPlaced"', after), done.stdout
