"""The README's ten minutes, as they stand there."""

from __future__ import annotations

import re

import pytest
from documented import ROOT, blocks, elsewhere, typed

from deploy.engines import remove

PORTS = ("8765", "8801", "8802")


@pytest.mark.engines
@pytest.mark.system
def test_given_the_readme_line_by_line_then_a_web_order_reaches_the_till_and_explains_itself(tmp_path):
    (block,) = blocks(ROOT / "README.md")
    text, moves = elsewhere(block, PORTS)
    lines = text.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("mkdir"))
    script = "".join([*lines[: at + 1], f"sed -i {moves} onhand.toml\n", *lines[at + 1 :]])
    try:
        done = typed(script, tmp_path)
    finally:
        remove(tmp_path / "onhand-example" / ".onhand" / "engines")
    assert done.returncode == 0, done.stdout + done.stderr
    before, _, after = done.stdout.partition('{"accepted":true}')
    assert re.search(r"SOHO +│ +12 │ +0 │ +12", before), done.stdout
    assert re.search(r"SOHO +│ +10 │ +2 │ +12", after), done.stdout
    assert re.findall(r'"current_inventory_level": ([\d.]+)', after) == ["10.0", "30.0", "5.0"]
    assert '"SOHO":{"available":10,"committed":2' in after
    assert "TEE-BLACK-M on web: 13   (its platform shows 13)" in after
    assert "every number is right" in after
    assert re.search(r'ce_type:\S+.*"kind":"OrderPlaced"', after), done.stdout
