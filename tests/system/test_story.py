"""A shop and two stores for a day, as a user sees them: `onhand up` with the example's files, curl, and the commands."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import psycopg
import pytest

from deploy.engines import running
from deploy.kafka import jars, java
from schemas.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "example"
SECRET = "sandbox"


@pytest.fixture(scope="module")
def engines_said():
    """Embedded engines: Kafka is stopped for a while, and what is in PostgreSQL is changed."""
    return ""


def order(number: int, sku: str, quantity: int, *, at: str = "2026-11-20T10:00:00-05:00", version: int = 0):
    """An order as Shopify sends it, invented. A later version has `version` units cancelled."""
    document = json.loads((EXAMPLE / "order.json").read_text())
    left = quantity - version
    document |= {"id": number, "name": f"#{number}", "created_at": at, "processed_at": at}
    document["updated_at"] = f"2026-11-20T1{version}:00:00-05:00"
    document["line_items"][0] |= {"id": number * 10, "sku": sku, "quantity": quantity}
    document["line_items"][0] |= {"current_quantity": left, "fulfillable_quantity": left}
    return document


def test_given_a_web_order_then_the_store_s_till_shows_one_less_within_two_seconds(up):
    before = up.till_level("TEE-BLACK-M", "SOHO")
    began = time.monotonic()
    assert up.webhook(order(1001, "TEE-BLACK-M", 2)) == 200
    up.until(lambda: up.till_level("TEE-BLACK-M", "SOHO") == before - 2)
    assert time.monotonic() - began < 2
    up.until(lambda: up.available("TEE-BLACK-M", "SOHO") == before - 2)
    explained = up.run("explain", "TEE-BLACK-M", "--channel", "web")
    assert sum(line["amount"] for line in explained["lines"]) == explained["quantity"]
    assert (
        explained["quantity"]
        == up.get("/v1/availability?channel=web&sku=TEE-BLACK-M")["items"][0]["quantity"]
    )
    assert any("order/web/1001" in line["ref"] for line in explained["lines"])
    assert up.run("stock", "TEE-BLACK-M") == up.get("/v1/stock/TEE-BLACK-M")
    verdict = up.run("verify")
    assert verdict["ok"]
    assert verdict["differences"] == []


def test_given_a_bundle_is_sold_then_its_components_are_fewer_and_a_sold_component_makes_fewer_bundles(up):
    def offered() -> int:
        return up.get("/v1/availability?channel=web&sku=GIFT-SET")["items"][0]["quantity"]

    assert up.run("verify")["ok"], "all that came before is through"
    tees, mugs, sets = up.available("TEE-BLACK-M", "SOHO"), up.available("MUG-WHITE", "SOHO"), offered()
    assert up.webhook(order(1101, "GIFT-SET", 2)) == 200
    up.until(lambda: up.till_level("TEE-BLACK-M", "SOHO") == tees - 2)
    up.until(lambda: up.till_level("MUG-WHITE", "SOHO") == mugs - 2)
    up.until(lambda: offered() == sets - 2)
    assert up.webhook(order(1102, "TEE-BLACK-M", 1)) == 200
    up.until(lambda: offered() == sets - 3)
    assert up.webhook(order(1102, "TEE-BLACK-M", 1, version=1)) == 200
    explained = up.run("explain", "GIFT-SET", "--channel", "web")
    assert sum(line["amount"] for line in explained["lines"]) == explained["quantity"]
    assert up.post("set-count", told("counted", "GIFT-SET", 1, 12)) == 400
    assert up.run("verify")["differences"] == []


def test_given_the_same_webhook_ten_times_then_it_counts_once(up):
    before = up.available("MUG-WHITE", "SOHO")
    assert {up.webhook(order(1002, "MUG-WHITE", 3)) for _ in range(10)} == {200}
    up.until(lambda: up.available("MUG-WHITE", "SOHO") == before - 3)
    assert up.run("verify")["ok"]
    assert up.available("MUG-WHITE", "SOHO") == before - 3


def test_given_a_day_of_webhooks_in_any_order_then_the_stock_is_the_same(up):
    day = [order(2000 + n, "MUG-WHITE", 2, version=version) for n in range(6) for version in (0, 1)]
    before = up.available("MUG-WHITE", "SOHO")
    for document in day:
        assert up.webhook(document) == 200
    up.until(lambda: up.available("MUG-WHITE", "SOHO") == before - 6)
    again = [document | {"id": document["id"] + 1_000} for document in day] * 2
    random.Random(5).shuffle(again)
    for document in again:
        assert up.webhook(document) == 200
    up.until(lambda: up.available("MUG-WHITE", "SOHO") == before - 12)
    assert up.run("verify")["ok"]


def test_given_a_shop_that_sells_all_the_time_then_verify_need_not_wait_for_the_evening(up):
    closing = threading.Event()

    def sell() -> Iterator[int]:
        for number in count(7_000):
            yield up.webhook(order(number, random.choice(["TEE-BLACK-M", "MUG-WHITE"]), 1))
            if closing.wait(0.02):
                return

    with ThreadPoolExecutor() as shop:
        selling = shop.submit(lambda: Counter(sell()))
        try:
            first, second = up.run("verify", "--wait", "20"), up.run("verify", "--wait", "20")
        finally:
            closing.set()
    assert first["ok"]
    assert second["ok"]
    assert second["checks"]["claims"] > first["checks"]["claims"]
    assert selling.result().keys() == {200}


def test_given_bad_input_then_the_answer_is_clear_and_nothing_is_kept(up):
    known = up.get("/v1/dead-letters")["items"]
    assert up.webhook(order(1, "MUG-WHITE", 1), secret="forged") == 401
    assert up.webhook(None, body=b'{"id": 1, "line_items": [') == 400
    assert up.webhook(None, body=b" " * 1_100_000) == 413
    status, headers, problem = up.ask("GET", f"{up.url}/v1/stock/NOTHING", Authorization=f"Bearer {up.key}")
    assert (status, headers["content-type"], problem["status"]) == (404, "application/problem+json", 404)
    assert up.ask("GET", f"{up.url}/v1/stock/MUG-WHITE")[0] == 401
    assert up.get("/v1/dead-letters")["items"] == known


def test_given_what_nobody_knows_then_it_waits_as_a_dead_letter_and_counts_after_the_mapping(up):
    assert up.webhook(order(5001, "MUG-WEISS", 4, at="2026-11-19T08:00:00Z")) == 200
    elsewhere = order(5002, "MUG-WHITE", 1) | {"location_id": 77, "source_name": "pos"}
    assert up.webhook(elsewhere) == 200
    assert up.webhook({"id": 9}, topic="carts/update") == 200
    letters = up.until(lambda: len(found := up.run("dead-letters", "list")["items"]) == 3 and found)
    reasons = {letter["topic"]: letter["reason"] for letter in letters if letter["topic"] != "orders/updated"}
    assert "unknown topic" in reasons["carts/update"]
    waiting = {letter["reason"]: letter["id"] for letter in letters}
    assert {"unknown SKU MUG-WEISS", "unknown location location:77"} <= waiting.keys()
    before = up.available("MUG-WHITE", "SOHO")
    up.edit(
        lambda text: text.replace(
            '"location:1" = "SOHO"', '"location:1" = "SOHO"\n"location:77" = "SOHO"'
        ).replace(
            "[channels.web.rules]", '[channels.web.skus]\n"MUG-WEISS" = "MUG-WHITE"\n\n[channels.web.rules]'
        )
    )
    report = up.run("dead-letters", "retry", code=1)
    assert report["applied"] == 2
    assert [row["id"] for row in report["still_refused"]] == [waiting[reasons["carts/update"]]]
    up.until(lambda: up.available("MUG-WHITE", "SOHO") == before - 5)
    journal = up.get("/v1/movements?sku=MUG-WHITE&since=2026-11-19T07:00:00Z&until=2026-11-19T09:00:00Z")[
        "items"
    ]
    assert [(row["transaction"], row["quantity"]) for row in journal] == [("order/web/5001", 4)]
    assert len(up.run("dead-letters", "list")["items"]) == 1


def test_given_the_custom_api_then_a_claim_with_one_key_counts_once(up):
    before = up.available("MUG-WHITE", "SOHO")
    line = {
        "fact": "sold",
        "sku": "MUG-WHITE",
        "quantity": 1,
        "location": "SOHO",
        "at": "2026-11-20T12:00:00Z",
    }
    body = json.dumps({"lines": [line]}).encode()
    headers = {
        "Authorization": f"Bearer {up.key}",
        "Content_Type": "application/json",
        "Idempotency_Key": "a-1",
    }
    answers = {up.ask("POST", f"{up.url}/v1/movements", body, **headers)[0] for _ in range(3)}
    assert answers == {202}
    up.until(lambda: up.available("MUG-WHITE", "SOHO") == before - 1)
    status, _, problem = up.ask("POST", f"{up.url}/v1/movements", b'{"lines": [{"sku": 5}]}', **headers)
    assert (status, problem["status"]) == (400, 400)


def told(fact: str, sku: str, quantity: int, hour: int) -> dict[str, object]:
    at = f"2026-11-20T{hour}:00:00Z"
    return {"fact": fact, "sku": sku, "quantity": quantity, "location": "SOHO", "at": at}


def test_given_an_offline_till_s_sale_after_a_count_then_the_shelf_holds_what_was_counted_on_both_clocks(up):
    sku = "COUNTED-MUG"
    for key, fact, units, hour in (("opened", "opened", 10, 10), ("counted", "counted", 8, 13)):
        assert up.post(f"{sku}-{key}", told(fact, sku, units, hour)) == 202
        up.until(lambda units=units: up.available(sku, "SOHO") == units)
    seen = up.get(f"/v1/movements?sku={sku}")["items"]
    before = max(row["recorded_at"] for row in seen)
    assert up.post(f"{sku}-sold", told("sold", sku, 2, 11)) == 202
    up.until(lambda: len(up.get(f"/v1/movements?sku={sku}")["items"]) == len(seen) + 2)
    assert up.available(sku, "SOHO") == 8

    def then(*clocks: str) -> int:
        return up.run("stock", sku, *clocks)["locations"]["SOHO"]["available"]

    noon = "2026-11-20T12:00:00"
    assert then("--at", noon) == 8, "what was true at noon: ten, less the two that had been sold"
    assert then("--at", noon, "--known-at", before) == 10, "what we believed at the count"
    assert then("--at", "2026-11-20T14:00:00") == 8
    late = up.run("late", sku, "--at", before, "--location", "SOHO")
    assert [late[name]["SOHO"]["available"] for name in ("believed", "true")] == [8, 8]
    assert sorted(item["changed"][0]["quantity"] for item in late["items"]) == [-2, 2], (
        "the sale, and the count restated"
    )
    answer = up.get(f"/v1/late-facts?sku={sku}&location=SOHO&at={before.replace('+', '%2B')}")
    assert [item["id"] for item in answer["items"]] == [item["id"] for item in late["items"]]
    assert up.printed("late", sku, "--at", noon, "--known-at", "2026-11-20T11:00:00", code=2) == ""

    assert up.post(f"{sku}-as-it-was-counted", told("sold", sku, 3, 13)) == 202
    up.until(lambda: len(up.get(f"/v1/movements?sku={sku}")["items"]) == len(seen) + 4)
    explained = up.run("explain", sku, "--channel", "web")
    assert explained == up.get(f"/v1/explain/{sku}?channel=web")
    assert [line["amount"] for line in explained["lines"] if "ambiguous" in line] == [-3]
    assert "ambiguous: 0 s" in up.printed("explain", sku, "--channel", "web")


def test_given_a_sale_turns_out_to_be_an_order_then_its_units_left_once(up):
    sku = "LINKED-MUG"
    assert up.post(f"{sku}-opened", told("opened", sku, 5, 10)) == 202
    assert up.post(f"{sku}-ordered", told("ordered", sku, 2, 11), transaction="order/linked") == 202
    assert up.post(f"{sku}-sold", told("sold", sku, 2, 12), transaction="sale/linked") == 202
    up.until(lambda: up.available(sku, "SOHO") == 1)
    (waiting,) = up.run("commitments", "--sku", sku, "--location", "SOHO")["items"]
    assert (waiting["transaction"], waiting["units"]) == ("order/linked", 2)
    (listed,) = up.get(f"/v1/commitments?sku={sku}")["items"]
    assert {**listed, "since": 0} == {**waiting, "since": 0}
    assert re.search(r"\b2\b.*LINKED-MUG.*SOHO", up.printed("commitments", "--location", "SOHO"))
    assert up.run("commitments", "--sku", sku, "--older-than", "36500")["items"] == []
    assert up.post(f"{sku}-linked", transaction="sale/linked", joins="order/linked") == 202
    left = {"available": 3, "committed": 0, "on_hand": 3}
    up.until(lambda: left.items() <= up.get(f"/v1/stock/{sku}")["locations"]["SOHO"].items())
    up.until(lambda: up.run("commitments", "--sku", sku)["items"] == [])
    assert up.post("nowhere", told("sold", sku, 2, 11) | {"location": "NOWHERE"}) == 400
    assert up.post("nobody", told("converted", sku, 2, 11)) == 400
    assert up.post("nothing") == 400


def test_given_the_till_sells_what_the_books_do_not_have_then_the_oversell_is_told_with_its_cause(up):
    assert up.post("last-one", told("sold", "LAST-ONE", 1, 12)) == 202
    (found,) = up.until(lambda: up.get("/v1/oversells?sku=LAST-ONE")["items"])
    assert (found["place"], found["available"], found["cause"]) == ("SOHO", -1, "wrong_count")


def test_given_kafka_s_own_consumer_then_it_reads_every_topic_as_json_with_cloudevents_headers(up):
    engines = running(up.config.parent / ".onhand" / "engines")
    assert engines is not None
    level = {
        "inventory_item_id": 40000000000001,
        "location_id": 1,
        "available": 9,
        "updated_at": "2026-11-20T12:00:00Z",
    }
    assert up.webhook(level, topic="inventory_levels/update") == 200
    up.until(lambda: up.run("dead-letters", "list")["items"])
    names = {"ce_id", "ce_type", "ce_source", "ce_time", "ce_specversion"}
    seen = set()
    for line in console(engines.bootstrap, [topic.name for topic in TOPICS]):
        headers, _, value = line.partition("\t")
        found = dict(header.split(":", 1) for header in headers.split(","))
        assert names <= found.keys(), headers
        assert isinstance(json.loads(value), dict)
        seen.add(found["ce_type"])
    assert seen == {topic.event for topic in TOPICS}


def console(bootstrap: str, topics: list[str]) -> list[str]:
    """What Kafka's own console consumer prints of these topics, headers first."""
    command = [java(), "-cp", f"{jars()}/*", "org.apache.kafka.tools.consumer.ConsoleConsumer"]
    options = ["--bootstrap-server", bootstrap, "--include", "|".join(topics), "--from-beginning"]
    shown = ["--timeout-ms", "5000", "--formatter-property", "print.headers=true"]
    done = subprocess.run(
        [*command, *options, *shown], capture_output=True, text=True, check=False, timeout=90
    )
    return done.stdout.splitlines()


def test_given_somebody_tampers_then_verify_says_what(up):
    engines = running(up.config.parent / ".onhand" / "engines")
    assert engines is not None
    change = "UPDATE stock SET stock = jsonb_set(stock, '{locations,SOHO,available}', %s) WHERE sku = 'TEE-BLACK-M'"
    with psycopg.connect(engines.dsn, autocommit=True) as connection:
        kept = connection.execute(
            "SELECT stock #> '{locations,SOHO,available}' FROM stock WHERE sku = 'TEE-BLACK-M'"
        ).fetchone()
        connection.execute(change, ["999"])
        found = up.run("verify", "--wait", "1", code=1)
        connection.execute(change, [str(kept[0])])
    assert ("postgres", "TEE-BLACK-M") in {(row["check"], row["key"]) for row in found["differences"]}
    assert up.run("verify")["ok"]


@pytest.mark.parametrize(
    ("tamper", "mend", "said"),
    [
        ("SET reason = 'theft'", "SET reason = NULL", "the movement as it was sealed"),
        ("SET seal = '\\x00'", "SET seal = %s", "the log, or the seals, as they were up to here"),
        ("SET id = 'x-0'", "SET id = %s", "no such movement in the log"),
    ],
)
def test_given_somebody_edits_the_past_then_verify_says_which_movement(up, tamper, mend, said):
    engines = running(up.config.parent / ".onhand" / "engines")
    with psycopg.connect(engines.dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # who owns the tables can
        ident, partition, offset, seal = connection.execute(
            "SELECT id, partition, log_offset, seal FROM movements WHERE sku = 'TEE-BLACK-M' ORDER BY log_offset LIMIT 1"
        ).fetchone()
        where = " WHERE partition = %s AND log_offset = %s"
        connection.execute(f"UPDATE movements {tamper}{where}", [partition, offset])
        found = up.run("verify", "--wait", "1", code=1)
        mended = {"SET seal = %s": [seal], "SET id = %s": [ident]}.get(mend, [])
        connection.execute(f"UPDATE movements {mend}{where}", [*mended, partition, offset])
    (row,) = [row for row in found["differences"] if row["check"] == "chain" and row["actual"]]
    assert row["key"].startswith("TEE-BLACK-M ")
    assert row["expected"] == said
    assert up.run("verify")["ok"]


def test_given_a_wrong_configuration_then_the_line_the_field_and_the_remedy_are_named(up, tmp_path):
    wrong = tmp_path / "onhand.toml"
    wrong.write_text(up.config.read_text().replace('platform = "shopify"', 'platform = "shopify"\nshp = "x"'))
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "check", "--config", str(wrong)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    line = 1 + wrong.read_text()[: wrong.read_text().index("shp")].count("\n")
    assert done.returncode == 2
    fault = "channels.web.shp: Extra inputs are not permitted: there is no such setting; check the spelling"
    assert done.stderr.strip() == f"{wrong}:{line}: {fault}"


def test_given_kafka_is_down_then_webhooks_are_not_acknowledged_and_count_once_when_it_is_back(up):
    engines = running(up.config.parent / ".onhand" / "engines")
    assert engines is not None
    before = up.available("MUG-WHITE", "SOHO")
    os.kill(engines.pids["kafka"], signal.SIGSTOP)
    try:
        status, headers, _ = up.ask(
            *up.signed(order(4001, "MUG-WHITE", 1), topic="orders/updated", secret=SECRET, body=None),
            **up.headers,
        )
        assert (status, int(headers["Retry-After"]) > 0) == (503, True)
    finally:
        os.kill(engines.pids["kafka"], signal.SIGCONT)
    up.until(lambda: up.webhook(order(4001, "MUG-WHITE", 1)) == 200, 30)
    up.until(lambda: up.available("MUG-WHITE", "SOHO") == before - 1, 40)
    assert up.run("verify", "--wait", "60")["ok"]
