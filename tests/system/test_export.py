"""An auditor takes the files away and needs nobody to believe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
SKU = "TEE-BLACK-M"


@pytest.fixture
def exported(up, tmp_path):
    """Exports what the running hub has; returns the report."""

    def made(name: str = "export", *more: str) -> dict:
        return up.run("export", "--out", str(tmp_path / name), *more)

    return made


@pytest.fixture
def elsewhere(tmp_path):
    """Checks files on a machine that has nothing else: no configuration, no engines, no secrets."""

    def checked(folder: Path, *more: str) -> tuple[int, dict, str]:
        home = tmp_path / "another machine"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(folder, home / "export")
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", "verify", "--export", "export", "--json", *more],
            cwd=home,
            env={"PATH": "/nowhere", "HOME": str(home), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr

    return checked


def stock(folder: Path, sku: str) -> dict[tuple[str, str], int]:
    rows = pq.read_table(folder / "closing-stock.parquet").to_pylist()
    return {(row["location"], row["state"]): row["units"] for row in rows if row["sku"] == sku}


def test_given_a_running_hub_then_its_export_is_checked_elsewhere_and_says_what_the_hub_says(
    up, exported, elsewhere, tmp_path
):
    order = json.loads((ROOT / "deploy" / "example" / "order.json").read_text())
    assert up.webhook(order) == 200
    up.until(lambda: up.available(SKU, "SOHO") == 10)
    report = exported()
    folder = tmp_path / "export"
    here = up.get(f"/v1/stock/{SKU}")["locations"]
    assert stock(folder, SKU)["SOHO", "available"] == here["SOHO"]["available"] == 10
    assert stock(folder, SKU)["SOHO", "committed"] == here["SOHO"]["committed"] == 2
    rules = pq.read_table(folder / "rules.parquet").to_pylist()
    assert rules[-1]["version"] == up.run("rules", "show")["version"]
    (tmp_path / "key.pem").write_bytes((folder / "public-key.pem").read_bytes())
    code, found, _ = elsewhere(folder, "--public-key", str(tmp_path / "key.pem"))
    assert (code, found["ok"], found["signature"]) == (0, True, "pinned")
    assert found["movements"] == report["movements"] > 0
    assert found["public_key"] == report["public_key"]
    assert up.run("verify", "--export", str(folder))["signature"] == "consistent"
    assert up.run("verify")["ok"]


def test_given_one_flipped_byte_then_it_is_found_and_named_elsewhere(exported, elsewhere, tmp_path):
    exported()
    path = tmp_path / "export" / "receipts.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    code, found, _ = elsewhere(tmp_path / "export")
    assert (code, found["ok"]) == (1, False)
    assert {one["file"] for one in found["problems"]} == {"receipts.parquet"}


def test_given_a_bound_then_two_exports_of_a_hub_that_goes_on_are_the_same_bytes(up, exported, tmp_path):
    bound = datetime.now(UTC) - timedelta(seconds=1)
    until = bound.isoformat()
    exported("one", "--until", until)
    before = up.available(SKU, "HARLEM")
    sold = {
        "fact": "sold",
        "sku": SKU,
        "quantity": 1,
        "location": "HARLEM",
        "at": datetime.now(UTC).isoformat(),
    }
    assert up.post("sold-1", sold) == 202
    up.until(lambda: up.available(SKU, "HARLEM") == before - 1)
    exported("two", "--until", until)
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    exported("three")
    assert (tmp_path / "three" / "closing-stock.parquet").read_bytes() != files["closing-stock.parquet"]


def test_given_what_cannot_be_exported_then_the_command_says_so(up, tmp_path):
    (tmp_path / "mine").write_text("mine")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    up.printed("export", "--out", str(tmp_path), code=2)
    up.printed("export", "--out", str(tmp_path / "new"), "--until", tomorrow, code=2)
    up.printed("export", "--out", str(tmp_path / "new"), "--since", tomorrow, code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_given_the_installations_key_then_it_is_made_once_and_nobody_else_reads_it(up, exported):
    first, second = exported("one"), exported("two")
    key = up.config.parent / ".onhand" / "export-key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert first["public_key"] == second["public_key"]
    assert key.read_text().strip() not in os.environ.values()
