"""Why a number was shown, how an oversell came about, and what a store has earned to hold back: on a running system."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta

SKU = "TEE-BLACK-M"


def instant(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


def quantity(up, **moment: str) -> int:
    """What the web shop may sell, or might as of a moment: explained alike by the API and the command."""
    query = "".join(f"&{name}={value.replace('+', '%2B')}" for name, value in moment.items())
    told = up.get(f"/v1/explain/{SKU}?channel=web{query}")
    options = [part for name, value in moment.items() for part in (f"--{name.replace('_', '-')}", value)]
    assert up.run("explain", SKU, "--channel", "web", *options) == told
    assert sum(line["amount"] for line in told["lines"]) == told["quantity"]
    return told["quantity"]


def test_given_a_rule_was_changed_then_the_number_from_before_is_explained_by_the_rule_of_then(up):
    up.until(
        lambda: [one["outcome"] for one in up.get(f"/v1/explain/{SKU}?channel=web")["receipt"]] == ["pushed"]
    )
    before, number = instant(), quantity(up)
    changed = up.run("rules", "set", "web", f"safety_stock_by_sku.{SKU}=3")
    up.until(lambda: up.get(f"/v1/explain/{SKU}?channel=web")["rules"]["version"] == changed["version"])
    after = up.get(f"/v1/explain/{SKU}?channel=web")
    steps = [line for line in after["lines"] if line.get("rule") == "safety_stock"]
    assert {line["decided"]["by"] for line in steps} == {changed["by"]}
    assert after["quantity"] < number == quantity(up, known_at=before)
    then = up.get(f"/v1/explain/{SKU}?channel=web&known_at={before.replace('+', '%2B')}")
    assert then["rules"]["by"] == "onhand.toml"
    assert then["receipt"][0]["level"] == then["pushed"]


def test_given_a_till_sells_more_than_there_is_then_its_story_is_told_and_a_store_earns_a_buffer(
    up, tmp_path
):
    there = up.available(SKU, "SOHO")
    up.post(
        "why-1",
        {"fact": "ordered", "sku": SKU, "quantity": there, "at": instant(seconds=9), "location": "SOHO"},
    )
    up.until(lambda: up.available(SKU, "SOHO") == 0)
    up.post(
        "why-2", {"fact": "ordered", "sku": SKU, "quantity": 2, "at": instant(minutes=9), "location": "SOHO"}
    )
    up.until(lambda: up.get(f"/v1/oversells?sku={SKU}")["items"])
    (oversell,) = up.run("oversells", "--sku", SKU)["items"]
    (story,) = up.run("oversells", oversell["movement"])["items"]
    assert (story["cause"], story["units"], story["short"], story["available"]) == ("late_fact", 2, 2, -2)
    assert [event["what"] for event in story["events"] if event["what"] != "told"] == ["took", "oversold"]
    assert {one["by"] for one in story["prevented_by"]} == {"buffer", "faster_news"}
    assert "were not there" in up.printed("oversells", oversell["movement"])
    assert up.get(f"/v1/oversells/{oversell['movement']}")["items"][0]["short"] == 2
    up.printed("oversells", "9-9-9", code=1)

    file = tmp_path / "earned.toml"
    found = up.run("buffers", "--sku", SKU, "--rules-out", str(file))
    assert [(one["location"], one["effect"]["prevented"]) for one in found["items"]] == [("SOHO", 1)]
    units = found["items"][0]["units"]
    assert units >= 2
    assert tomllib.loads(file.read_text())["channels"]["web"]["rules"] == {
        "safety_stock_by_sku": {SKU: units}
    }
    assert len(up.run("rules", "apply", str(file))["items"]) == 1
    assert up.run("rules", "show")["channels"]["web"]["safety_stock_by_sku"] == {SKU: units}
    assert up.run("rules", "apply", str(file))["items"] == []
