"""The dashboard on a whole installation: what a platform sends is seen in a real browser, and what a person mends reaches the log."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from playwright.async_api import async_playwright

from deploy.browser import ARGUMENTS, found

ORDER = json.loads((Path(__file__).resolve().parents[2] / "deploy" / "example" / "order.json").read_text())
WITHIN = 30_000


def order(number: int, sku: str, units: int) -> dict:
    line = {**ORDER["line_items"][0], "id": number, "sku": sku, "quantity": units, "current_quantity": units, "fulfillable_quantity": units}  # fmt: skip
    return {**ORDER, "id": number, "name": f"#{number}", "line_items": [line]}


async def test_given_a_browser_is_open_then_an_order_a_mended_letter_and_the_end_of_the_server_are_seen_in_it(
    up,
):
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found(), args=list(ARGUMENTS))
        page = await browser.new_page()
        page.set_default_timeout(WITHIN)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda one: faults.append(one.text) if one.type == "error" else None)
        await page.goto(up.url)
        await page.get_by_label("API key").fill(up.key)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{up.url}/")
        row = page.locator("#grid tbody tr").filter(
            has=page.get_by_role("link", name="TEE-BLACK-M", exact=True)
        )
        await page.wait_for_selector("[data-live='on']")
        await page.evaluate("window.unloaded = true")

        # an order comes in by the platform's own webhook, and the open page has it
        assert await asyncio.to_thread(up.webhook, order(7001, "TEE-BLACK-M", 2)) == 200
        await row.filter(has_text="2 promised").wait_for()
        assert await page.evaluate("window.unloaded")

        # why the web shop shows its number, down to that order
        await row.get_by_role("link", name="may be sold on web").click()
        await page.get_by_role("link", name="order/web/7001").first.wait_for()
        await page.get_by_text("in step").wait_for()

        # an order of what nobody knows waits, is mended here, and counts
        assert await asyncio.to_thread(up.webhook, order(7002, "TEE-BLAKC-M", 1)) == 200
        await page.goto(f"{up.url}/letters")
        await page.get_by_text("TEE-BLAKC-M").first.wait_for()
        await page.locator("#letters tbody a").first.click()
        text = page.get_by_label("Payload")
        await text.fill((await text.input_value()).replace("BLAKC", "BLACK"))
        await page.get_by_role("button", name="Retry").click()
        await page.get_by_text("is in the log now").wait_for()
        await page.get_by_text("Nothing was refused that still waits").wait_for()
        await asyncio.to_thread(up.until, lambda: up.available("TEE-BLACK-M", "SOHO") == 9)
        assert up.get("/v1/dead-letters")["items"] == []
        assert faults == []

        # a browser that watches does not keep the server from ending
        await page.goto(up.url)
        await page.wait_for_selector("[data-live='on']")
        began = time.monotonic()
        assert await asyncio.to_thread(up.stop) == 0
        assert time.monotonic() - began < 14  # a part that does not end by itself is killed after 15 s
        await page.wait_for_selector(".live.away")
        await asyncio.to_thread(up.start)
        await page.wait_for_url("**/sign-in?next=%2F")  # its sessions ended with it
        await browser.close()
