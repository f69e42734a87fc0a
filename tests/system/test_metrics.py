"""What an installation says of itself: what it counts agrees with what it did, and it is not ready as soon as it cannot work."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.alerts import RULES
from deploy.processes import children, free_port

SOON = 5.0
"""Seconds within which a process says that it cannot work."""

PORT = free_port()


@pytest.fixture(scope="module")
def edited():
    return lambda text: text.replace("# metrics_port = 8766", f"metrics_port = {PORT}")


def asked(url: str, key: str | None = None) -> tuple[int, str]:
    """Status and text; 0: nobody answers in time."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=1) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def scraped(url: str, key: str | None = None) -> dict[tuple[str, ...], float]:
    """What Prometheus would read: by name and the values of the labels in the order of their names."""
    status, text = asked(f"{url}/metrics", key)
    assert status == 200, text
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def summed(found, name: str, *labels: str) -> float:
    return sum(value for key, value in found.items() if key[0] == name and set(labels) <= set(key[1:]))


def readiness(url: str) -> tuple[int, dict]:
    status, text = asked(f"{url}/readyz")
    return status, json.loads(text)["checks"] if text else {}


def seconds_until(what, within: float = SOON) -> float:
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < within, "nobody said so in time"
        time.sleep(0.05)
    return time.monotonic() - began


def worker_of(up) -> int:
    """The process of the worker that `onhand up` runs."""
    for pid in children(up.process.pid):
        with suppress(OSError):
            if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
    raise AssertionError("there is no worker")


def ordered(number: int, units: int, sku: str = "TEE-BLACK-M") -> dict:
    document = json.loads((Path(__file__).parents[2] / "deploy/example/order.json").read_text())
    document |= {"id": number, "name": f"#{number}"}
    document["line_items"][0] |= {"id": number * 10, "sku": sku, "quantity": units}
    document["line_items"][0] |= {"current_quantity": units, "fulfillable_quantity": units}
    return document


def test_given_a_sale_then_the_metrics_move_with_it_and_agree_with_what_verify_counts(up):
    worker = f"http://127.0.0.1:{PORT}"
    up.until(lambda: up.run("verify")["ok"], 20)
    before, served = scraped(worker), scraped(up.url, up.key)
    assert up.webhook(ordered(7001, 2)) == 200
    assert up.webhook(ordered(7001, 2)) == 200, "told twice"
    assert up.webhook(ordered(7002, 1, "NOBODY-KNOWS-IT")) == 200
    assert up.webhook(ordered(7003, 1), secret="wrong") == 401
    up.until(lambda: up.run("verify")["ok"], 20)
    after, serves = scraped(worker), scraped(up.url, up.key)

    def more(name: str, *labels: str) -> float:
        return summed(after, name, *labels) - summed(before, name, *labels)

    def came(*labels: str) -> float:
        its = "onhand_intake_total", "web", "webhook", *labels
        return summed(serves, *its) - summed(served, *its)

    assert (came("claim"), came("dead-letter")) == (2, 1)
    assert came("signature-not-accepted") == 1
    assert (
        more("onhand_stage_outcomes_total", "settle", "used"),
        more("onhand_stage_taken_total", "settle"),
    ) == (1, 2)
    for stage in ("settle", "ledger", "bundles"):
        assert summed(after, "onhand_stage_taken_total", stage) == summed(
            after, "onhand_stage_outcomes_total", stage
        )
    assert more("onhand_written_total", "movements") == more("onhand_stage_taken_total", "ledger") > 0
    assert more("onhand_pushes_total", "pushed", "tills") > 0
    assert more("onhand_push_seconds_count", "tills") > 0
    verdict = up.run("verify")
    assert verdict["checks"]["claims"] == summed(after, "onhand_stage_taken_total", "settle")
    assert verdict["checks"]["movements"] == summed(after, "onhand_stage_taken_total", "ledger")
    up.until(lambda: scraped(up.url, up.key).get(("onhand_verify_ok",)) == 1, 20)
    serves = scraped(up.url, up.key)
    assert time.time() - serves["onhand_verified_timestamp_seconds",] < 60
    assert summed(serves, "onhand_verify_differences") == 0
    assert summed(serves, "onhand_log_end", "claims") == verdict["checks"]["claims"]
    assert up.until(
        lambda: summed(scraped(up.url, up.key), "onhand_dead_letters_waiting", "mapping") == 1, 20
    )
    assert summed(serves, "onhand_request_seconds_count", "/webhooks/{channel}", "POST", "4xx") == 1
    up.until(lambda: not summed(scraped(up.url, up.key), "onhand_lag_records"))


def test_given_all_that_happened_then_no_label_names_a_sku_a_deal_or_a_secret(up):
    found = [scraped(up.url, up.key), scraped(f"http://127.0.0.1:{PORT}")]
    labels = {label for one in found for _, *labels in one for label in labels}
    assert {"web", "tills", "settle", "/webhooks/{channel}"} <= labels
    for word in ("TEE", "MUG", "GIFT", "7001", "NOBODY", up.key, "onhand_", str(up.config.parent)):
        assert [label for label in labels if word in label] == []


def test_given_a_running_installation_then_no_alert_asks_for_what_nobody_shows(up):
    shown = {key[0] for key in (*scraped(up.url, up.key), *scraped(f"http://127.0.0.1:{PORT}"))}
    later = {"onhand_drift_cells"}  # after the first comparison, which is an hour away
    for rule in RULES:
        asked_for = set(re.findall(r"\bonhand_\w+", rule.expr))
        assert asked_for <= shown | later, rule.name


def test_given_a_worker_that_is_stopped_or_killed_then_both_ends_say_so_in_time_and_it_comes_back(up):
    worker = f"http://127.0.0.1:{PORT}"

    def heard() -> bool:
        status, checks = readiness(up.url)
        assert status == 200, "a server without a worker takes documents in all the same"
        return checks["workers"]["ok"]

    up.until(heard)
    assert readiness(worker)[0] == 200
    pid = worker_of(up)
    os.kill(pid, signal.SIGSTOP)
    try:
        seconds_until(lambda: not heard())
        assert readiness(worker)[0] == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    up.until(heard)
    os.kill(worker_of(up), signal.SIGKILL)
    assert seconds_until(lambda: readiness(worker)[0] != 200) < 1
    up.until(lambda: readiness(worker)[0] == 200, 30)
    up.until(heard, 30)
    assert set(readiness(worker)[1]) >= {"assigned", "recovered", "stages", "numbers", "state_folder"}


@pytest.mark.parametrize(("engine", "check"), [("postgres", "postgres"), ("kafka", "log_writable")])
async def test_given_an_engine_is_away_then_nobody_is_ready_in_time_and_all_are_when_it_is_back(
    engines_apart, engine, check
):
    port = free_port()
    engines_apart.configure(
        f'data = "."\n[serve]\nport = {free_port()}\n[worker]\nmetrics_port = {port}\n[locations.WH]\n'
    )
    server = await asyncio.to_thread(engines_apart.server)
    await asyncio.to_thread(engines_apart.until_ready, engines_apart.worker())
    worker = f"http://127.0.0.1:{port}"
    for url in (server, worker):
        await asyncio.to_thread(seconds_until, lambda url=url: readiness(url)[0] == 200, 20)
    await asyncio.to_thread(engines_apart.engines.kill, engine)
    began = time.monotonic()
    for url in (server, worker):
        left = SOON - (time.monotonic() - began)
        await asyncio.to_thread(seconds_until, lambda url=url: readiness(url)[0] != 200, left)
    status, checks = await asyncio.to_thread(readiness, server)
    assert (status, checks[check]["ok"]) == (503, False)
    assert asked(f"{server}/livez")[0] == 200
    await asyncio.to_thread(engines_apart.engines.restart, engine)
    for url in (server, worker):
        await asyncio.to_thread(seconds_until, lambda url=url: readiness(url)[0] == 200, 60)
