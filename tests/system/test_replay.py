"""`onhand replay` on a whole installation: history is what everybody says it is, and other rules change nothing but the report."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from streams.settings import load
from streams.system import addresses

EXAMPLE = Path(__file__).parents[2] / "deploy" / "example"
SKU = "TEE-BLACK-M"
ORDERED = 2
RULES = "[channels.web.rules]\nthreshold = 1000\n"


@pytest.fixture(scope="module")
def sold(up, tmp_path_factory):
    """The example with its opening stock, and one order of the web shop. What was before the order."""
    up.until(lambda: number(up) == 15)
    rules = tmp_path_factory.mktemp("sold") / "rules.toml"
    rules.write_text(RULES)
    told_after = up.run("replay", "--rules", str(rules))["push_ms"].get("web", 0.0) / 1_000
    # or the order's instant would be one at which the tills' stock was not there yet, or one at which the shop had not been told
    time.sleep(1 + told_after)
    before = datetime.now(UTC)
    order = json.loads((EXAMPLE / "order.json").read_text())
    now = {name: before.isoformat() for name in ("created_at", "processed_at", "updated_at") if name in order}
    assert up.webhook({**order, **now}) == 200
    up.until(lambda: number(up) == 13)
    return before


def number(up) -> int:
    """What the web shop may sell."""
    items = up.get(f"/v1/availability?channel=web&sku={SKU}")["items"]
    return items[0]["quantity"] if items else 0


def refused(*arguments: str, config: Path) -> str:
    """What a command says that ends with 2."""
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "replay", *arguments, "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        cwd=EXAMPLE.parents[1],
    )
    assert done.returncode == 2, done.stderr
    return " ".join(done.stderr.split())


def test_given_a_log_then_it_comes_to_what_postgresql_says(up, sold):
    found = up.run("replay")
    assert (found["found"], found["stock"], found["numbers"]) == (0, [], [])
    assert found["skus"] > 1
    assert found["movements"] > found["skus"]
    assert "everything is as PostgreSQL has it" in up.printed("replay")


def test_given_an_instant_then_it_says_what_has_changed_since(up, sold):
    found = up.run("replay", "--until", sold.isoformat())
    assert {
        (row["sku"], row["location"], row["state"], row["replayed"], row["now"]) for row in found["stock"]
    } == {
        (SKU, "SOHO", "available", 12, 10),
        (SKU, "SOHO", "committed", 0, ORDERED),
    }
    assert {(row["channel"], row["sku"], row["replayed"], row["now"]) for row in found["numbers"]} >= {
        ("web", SKU, 15, 13)
    }


def test_given_somebody_changes_a_row_then_the_difference_is_found_and_named(up, sold):
    with psycopg.connect(addresses(load(up.config)).dsn, autocommit=True) as connection:
        change = "UPDATE channel_quantities SET value = jsonb_set(value, '{quantity}', %s) WHERE channel = 'web' AND sku = %s"
        connection.execute(change, ["99", SKU])
        found = up.run("replay", code=1)
        connection.execute(change, ["13", SKU])
    assert found["numbers"] == [{"channel": "web", "sku": SKU, "replayed": 13, "now": 99}]
    assert found["found"] == 1


def test_given_other_rules_then_the_order_would_have_been_turned_away_and_nothing_is_changed(
    up, sold, tmp_path
):
    rules, chart = tmp_path / "rules.toml", tmp_path / "chart.svg"
    rules.write_text(RULES)
    found = up.run("replay", "--rules", str(rules), "--chart", str(chart))
    web = found["channels"]["web"]
    assert web["before"]["sold"] == web["after"]["turned_away"] == web["after"]["stranded"] == ORDERED
    assert (web["before"]["parcels"], web["after"]["parcels"]) == (1, 0)
    assert found["supposed"]["channels"] == {"web": {"threshold": 1000}}
    assert len(found["assumptions"]) > 5
    assert ET.parse(chart).getroot().tag.endswith("svg")
    assert number(up) == 13
    assert "what if" in up.printed("replay", "--rules", str(rules))


def test_given_what_cannot_be_then_it_is_refused_with_a_reason(up, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text("[channels.wob.rules]\nthreshold = 1\n")
    said = refused("--rules", str(rules), config=up.config)
    assert f"{rules}:1: channels.wob: there is no such channel; channels are: tills, web" in said
    said = refused("--routing", "nearest", "--since", "2026-03-02", "--until", "2026-03-01", config=up.config)
    assert "--since 2026-03-02T00:00:00+00:00 is later than --until 2026-03-01T00:00:00+00:00" in said
    assert "name them with --rules or --routing" in refused("--since", "2026-03-02", config=up.config)
    assert "name them with --rules or --routing" in refused("--chart", "x.svg", config=up.config)
    assert "fewest_parcels" in refused("--routing", "fastest", config=up.config)
