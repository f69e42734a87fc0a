"""An operator changes what a channel may sell, while everything runs; and by the file."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SKU = "TEE-BLACK-M"
ONHAND = sys.executable, "-m", "streams.cli"


@pytest.fixture(scope="module")
def engines_said():
    """Embedded engines: what `onhand up` starts again goes on from what its own engines hold."""
    return ""


def shown(up) -> int:
    """What the web shop may sell."""
    return up.get(f"/v1/availability?channel=web&sku={SKU}")["items"][0]["quantity"]


def patched(up, rules) -> int:
    body, key = json.dumps(rules).encode(), f"Bearer {up.key}"
    return up.ask(
        "PATCH", f"{up.url}/v1/rules/web", body, Authorization=key, Content_Type="application/json"
    )[0]


def explained(up) -> int | None:
    """The number that the API and the command explain; None while one of them has not heard of other rules."""
    found = up.get(f"/v1/explain/{SKU}?channel=web")
    assert found["quantity"] == sum(line["amount"] for line in found["lines"])
    return (
        found["quantity"] if up.run("explain", SKU, "--channel", "web")["lines"] == found["lines"] else None
    )


def verified(up) -> bool:
    """Whether everything agrees, the shop's own number with it."""
    return (
        subprocess.run(
            [*ONHAND, "verify", "--config", str(up.config)], capture_output=True, check=False
        ).returncode
        == 0
    )


def test_given_a_rule_is_changed_then_the_number_follows_stays_after_a_restart_and_explains_itself(up):
    before = shown(up)
    assert up.run("rules", "set", "web", f"safety_stock_by_sku.{SKU}=3")["by"]
    up.until(lambda: shown(up) < before)
    less = shown(up)
    up.until(lambda: explained(up) == less)
    assert patched(up, {"cap": 1}) == 200
    up.until(lambda: shown(up) == 1)
    up.restart()
    assert shown(up) == 1
    assert patched(up, {"cap": None}) == 200
    up.until(lambda: shown(up) == less)
    assert [one["by"] for one in up.get("/v1/rules/history")["items"]][:2] == ["the API", "the API"]
    assert up.run("rules", "history")["items"][-1]["by"] == "onhand.toml"
    assert up.run("rules", "show")["channels"]["web"]["safety_stock_by_sku"] == {SKU: 3}
    up.until(lambda: verified(up), 20)


def test_given_the_file_says_something_new_then_that_holds_and_a_wrong_change_is_refused(up):
    up.edit(lambda text: text.replace("[channels.web.rules]", "[channels.web.rules]\ncap = 2"))
    up.restart()
    up.until(lambda: shown(up) == 2)
    assert up.run("rules", "show")["channels"]["web"]["safety_stock_by_sku"] == {}
    assert "change it in the configuration file" in _refused(up, "publish=locations")
    assert "unknown location 'MOON'" in _refused(up, 'locations=["MOON"]')
    assert shown(up) == 2
    up.until(lambda: verified(up), 20)


def _refused(up, value: str) -> str:
    done = subprocess.run(
        [*ONHAND, "rules", "set", "web", value, "--config", str(up.config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    return done.stderr


def test_given_more_may_be_sold_than_there_is_and_a_store_ships_nothing_then_all_of_it_agrees(up):
    up.run("rules", "set", "web", "cap=null")
    up.until(lambda: shown(up) == 15)
    before = shown(up)
    harlem = up.get(f"/v1/stock/{SKU}")["locations"]["HARLEM"]["available"] - 1
    assert up.run("rules", "set", "location:HARLEM", "ships=false")["locations"]["HARLEM"]["ships"] is False
    up.until(lambda: shown(up) == before - harlem)
    up.run("rules", "set", "web", "backorder=4")
    up.until(lambda: shown(up) == before - harlem + 4)
    more = before - harlem + 4
    up.until(lambda: explained(up) == more)
    assert (reserved(up, "too-many", more + 1), reserved(up, "all", more)) == (409, 201)
    up.until(lambda: shown(up) == 0)
    up.until(lambda: explained(up) == 0)
    assert up.run("rules", "history")["items"][1]["changed"] == {
        "web": ["closed"],
        "location:HARLEM": ["ships"],
    }
    up.until(lambda: verified(up), 20)


def test_given_a_channel_is_left_no_place_then_its_platform_is_told_that_there_is_nothing_to_sell(up):
    up.run("rules", "set", "web", "backorder=30")
    up.until(lambda: up.get(f"/v1/explain/{SKU}?channel=web")["pushed"] == shown(up) > 0)
    place = up.run("rules", "show")["channels"]["web"]["locations"]
    up.run("rules", "set", "web", "locations=[]")
    up.until(lambda: shown(up) == 0)
    up.until(lambda: explained(up) == 0)
    up.until(lambda: up.get(f"/v1/explain/{SKU}?channel=web")["pushed"] == 0)
    up.until(lambda: verified(up), 20)
    up.run("rules", "set", "web", f"locations={json.dumps(place)}")
    up.until(lambda: up.get(f"/v1/explain/{SKU}?channel=web")["pushed"] == shown(up) > 0)
    up.until(lambda: verified(up), 20)


def reserved(up, key, units) -> int:
    body = json.dumps({"channel": "web", "lines": [{"sku": SKU, "quantity": units}]}).encode()
    headers = {
        "Authorization": f"Bearer {up.key}",
        "Content_Type": "application/json",
        "Idempotency_Key": key,
    }
    return up.ask("POST", f"{up.url}/v1/reservations", body, **headers)[0]
