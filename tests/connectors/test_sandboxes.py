from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import SecretStr

from connectors.contract import Row
from connectors.sandboxes import rows_of, sandbox_of


def test_given_a_file_of_stock_then_its_rows_are_read(tmp_path):
    file = tmp_path / "stock.csv"
    file.write_text("sku,location,quantity,tracked\nTEE,WH,5,\nMUG,WH,-1,yes\nGIFT,WH,0,no\n")
    assert rows_of(file) == [Row("TEE", "WH", 5), Row("MUG", "WH", -1), Row("GIFT", "WH", 0, tracked=False)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("sku,location\nTEE,WH\n", 2),
        ("sku,location,quantity\nTEE,WH,many\n", 2),
        ("sku,location,quantity\nTEE\n", 2),
        ('"' + "x" * 200_000, 0),
    ],
)
def test_given_a_wrong_row_then_its_line_is_named(tmp_path, text, line):
    file = tmp_path / "stock.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=rf"stock\.csv:{line}: needs sku,location,quantity"):
        rows_of(file)


def test_given_stock_then_the_sandbox_shows_it_before_it_runs(connector, platform):
    secrets = {name.rstrip("?"): SecretStr("secret") for name in connector.secrets}
    sandbox = sandbox_of(platform.settings, secrets, [Row("TEE", "WH", 5), Row("MUG", "WH", 2)])
    assert (platform.level(sandbox, "TEE"), platform.level(sandbox, "MUG")) == (5, 2)


def test_given_a_start_without_a_sandbox_then_no_platforms_double_is_loaded():
    """A process of its own: this one has them all."""
    code = "import sys, connectors.registry; print([m for m in sys.modules if m.startswith('connectors.') and '.sandbox' in m])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
