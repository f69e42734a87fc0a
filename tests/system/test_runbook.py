"""The runbook's commands, one after the other on a running installation."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = re.split(
    r"^## ", (ROOT / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8"), flags=re.MULTILINE
)[1:]
LOOKS = [
    (section.partition("\n")[0], number, block)
    for section in SECTIONS
    for number, block in enumerate(re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
]


@pytest.fixture(scope="module")
def edited():
    """With somebody's customers, so that there is a vault."""
    return lambda text: text.replace(
        'shop = "example.myshopify.com"', 'shop = "example.myshopify.com"\ncustomers = true'
    )


@pytest.mark.parametrize(
    ("about", "number", "block"), LOOKS, ids=[f"{about} {number}" for about, number, _ in LOOKS]
)
def test_given_a_section_then_its_commands_do_what_they_are_for(up, about, number, block):
    if "vault rotate" in block:
        up.restart()
    done = subprocess.run(
        ["bash", "-ec", block],
        cwd=up.config.parent,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "ONHAND_CONFIG": str(up.config),
            "ONHAND_URL": up.url,
            "ONHAND_KEY": up.key,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status":4' not in done.stdout
    if "vault keys" in block:
        assert re.search(r"^[0-9a-f]{8}: \d+ customers used$", done.stdout, re.MULTILINE), done.stdout
