"""Everything that the API's document allows, and what it does not, asked of a running installation: `make fuzz-api` asks more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = int(os.environ.get("ONHAND_EXAMPLES", "3"))
"""Requests of each operation that are made up, besides those that follow from its limits."""

SEED = os.environ.get("ONHAND_SEED", "1")
CONFIGURATION = Path(__file__).parent / "fuzzing.toml"
SOLD = {"sku": "MUG-WHITE", "at": "2026-11-20T15:00:00Z", "location": "HARLEM"}
JSON = {"Content_Type": "application/json"}


def held(up) -> str:
    """The id of a reservation of a unit that there is."""
    wanted = {"channel": "web", "lines": [{"sku": "TEE-BLACK-M", "quantity": 1}], "ttl_seconds": 86_400}
    headers = {"Authorization": f"Bearer {up.key}", **JSON}
    status, _, told = up.ask("POST", f"{up.url}/v1/reservations", json.dumps(wanted).encode(), **headers)
    assert status == 201
    return told["id"]


@pytest.fixture(scope="module")
def shop(up):
    """The example with an order, more sold than there was, a document that was refused, and three reservations."""
    order = json.loads((up.config.parent / "order.json").read_text())
    assert up.webhook(order) == 200
    strange = {**order, "id": 1009, "admin_graphql_api_id": "gid://shopify/Order/1009"}
    strange["line_items"] = [{**line, "sku": "NOBODYS", "variant_id": 9} for line in order["line_items"]]
    assert up.webhook(strange) == 200
    assert up.post("sold", {**SOLD, "fact": "sold", "quantity": 500}) == 202
    up.held = [held(up) for _ in range(3)]
    up.until(lambda: up.get("/v1/oversells")["items"] and up.get("/v1/dead-letters")["items"])
    return up


def test_given_a_key_that_an_operator_makes_then_it_is_good_at_once_for_what_it_is_for_and_ends_when_it_is_revoked(
    up,
):
    key = up.run("keys", "create", "front", "--scope", "read")["key"]

    def asked(method: str, path: str) -> int:
        headers = {"Authorization": f"Bearer {key}", **JSON}
        return up.ask(method, f"{up.url}{path}", b"{}" if method == "PATCH" else None, **headers)[0]

    up.until(lambda: asked("GET", "/v1/channels") == 200, 2.0)
    assert asked("PATCH", "/v1/rules/web") == 403
    assert up.run("keys", "revoke", "front")["revoked"]
    up.until(lambda: asked("GET", "/v1/channels") == 401, 5.0)


def test_given_everything_the_document_allows_then_nothing_fails_and_every_promise_is_kept(shop, tmp_path):
    report, configuration = tmp_path / "report.json", tmp_path / "fuzzing.toml"
    text = CONFIGURATION.read_text(encoding="utf-8")
    for number, ident in enumerate(shop.held):
        text = text.replace(f"RESERVATION-{number}", ident)
    configuration.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
            *("run", f"{shop.url}/openapi.json", "-H", f"Authorization: Bearer {shop.key}"),
            *("--max-examples", str(EXAMPLES), "--seed", SEED, "--generation-database", "none"),
            *("--continue-on-failure", "--no-color", "--report", "json", "--report-json-path", str(report)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=3_600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = shop.ask("GET", f"{shop.url}/openapi.json")[2]
    operations = sum(len(item) for item in document["paths"].values())
    assert f"Tested: {operations}" in done.stdout, "an operation was left out"
    log = (shop.config.parent / ".onhand" / "logs" / "serve.log").read_text()
    assert "request failed" not in log
    assert shop.ask("GET", f"{shop.url}/readyz")[0] == 200
    assert shop.run("verify")["ok"], "what was posted on the way is in the books as anything else"
