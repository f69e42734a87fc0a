"""Each screen in a real browser, while what it shows changes."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.claims import DeadLetter, Observation
from schemas.oversells import Oversell, OversellCause
from schemas.postings import Kind
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules
from schemas.topics import DEAD_LETTERS, OBSERVATIONS, OVERSELLS, RECEIPTS

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
CHANNELS = {"web": ChannelRules(safety_stock=2), "tills": ChannelRules(publish="locations")}


def cell(sku: str, column: int) -> str:
    return f"#grid tbody tr:has(th:has-text('{sku}')) > :nth-child({column})"


async def test_given_the_grid_is_open_then_a_sale_changes_its_row_and_a_search_finds(stocked, screen):
    await screen.says(cell("TEE", 4), "10")
    await screen.says(cell("TEE", 7), "11")
    await screen.live()
    await screen.unloaded()
    await screen.page.focus(f"{cell('TEE', 1)} a")
    stocked.post(Kind.POS_SALE_COMPLETED, 6, "SOHO", document="sale/2")
    await stocked.record_all(**CHANNELS)
    await screen.says(cell("TEE", 4), "4")
    await screen.says(cell("TEE", 7), "5")
    await screen.says("#today", "7")
    await screen.page.wait_for_selector(f"{cell('TEE', 4)}.moved")
    assert await screen.page.evaluate("document.activeElement.textContent") == "TEE"
    await screen.page.get_by_label("Search SKUs").fill("MU")
    await screen.page.wait_for_selector("#grid tbody tr:only-child")
    await screen.says("#grid tbody tr th", "MUG")
    await screen.still()
    await screen.checked()


async def test_given_a_sku_is_open_then_its_stock_chart_movements_and_receipts_follow(stocked, screen):
    await screen.open("/sku?sku=TEE")
    await screen.page.wait_for_selector(".uplot canvas")
    await screen.says("#sku", "+12")
    await screen.live()
    await screen.unloaded()
    await screen.page.get_by_text("The same as a table").click()
    stocked.post(Kind.GOODS_RECEIVED, 30, "HARLEM", document="receipt/1")
    await stocked.record_all(**CHANNELS)
    told = Receipt(channel="web", sku="TEE", place="network", quantity=41, level=41, own=0, outcome=Outcome.PUSHED, pushed_at=NOW, offset=9)  # fmt: skip
    await stocked.record(RECEIPTS, [told])
    await screen.says("#sku td.total", "35")
    await screen.says("#sku table.steps td", "35")
    await screen.says("#sku", "receipt 0-1")
    await screen.page.wait_for_selector(".uplot canvas")
    assert await screen.page.evaluate("document.querySelector('#steps').open")
    await screen.still()
    await screen.checked()


async def test_given_a_number_is_explained_then_its_lines_and_their_sum_follow(stocked, screen):
    await screen.open("/why?sku=TEE&channel=web")
    await screen.says("#quantity", "11")
    await screen.live()
    await screen.unloaded()
    stocked.post(Kind.STOCK_ADJUSTED, 3, "HARLEM", document="adjust/1")
    await stocked.record_all(**CHANNELS)
    await screen.says("#quantity", "14")
    await screen.says("tfoot td", "14")
    amounts = await screen.page.locator("table.ledger tbody td.n").all_text_contents()
    assert sum(int(text.replace("\N{MINUS SIGN}", "-")) for text in amounts) == 14
    await screen.still()
    await screen.page.get_by_role("link", name="web/adjust/1").click()
    await screen.page.wait_for_url("**/deal?**")
    await screen.checked()


async def test_given_channels_are_open_then_one_that_fails_says_so_and_why(stocked, screen):
    await screen.open("/channels")
    await screen.says(".card", "no sink yet")
    await screen.live()
    await screen.unloaded()
    await stocked.queries.save_health("web", 3, NOW, "429: asked to wait 30 s", NOW)
    await screen.says(".card.is-bad", "429: asked to wait 30 s")
    await screen.says(".card.is-bad [data-waiting]", "3")
    await screen.still()
    await screen.checked()


async def test_given_dead_letters_are_open_then_a_new_one_appears_and_is_mended_by_keyboard(
    site, stocked, screen
):
    await screen.open("/letters")
    await screen.says("#letters tbody tr", "0-0")
    await screen.live()
    await screen.unloaded()
    letter = DeadLetter(channel="tills", topic="sale.update", stage="mapping", reason="no line has a quantity", ref="77", received_at=NOW, payload={"id": "77", "quantity": "two"})  # fmt: skip
    await stocked.record(DEAD_LETTERS, [letter])
    await screen.says("#letters tbody tr", "no line has a quantity")
    await screen.still()
    await screen.page.get_by_role("link", name="0-1").press("Enter")
    await screen.page.wait_for_url("**/letter?**")
    await screen.checked()
    text = screen.page.get_by_label("Payload")
    await text.fill((await text.input_value()).replace('"two"', "2"))
    await screen.page.get_by_role("button", name="Retry").press("Enter")
    await screen.says("[role=status].notice", "0-1 is in the log now")
    assert site.desk.asked == [("0-1", {"id": "77", "quantity": 2}, "ada")]


async def test_given_drift_is_open_then_a_level_that_differs_appears(stocked, screen):
    await screen.open("/drift")
    await screen.says("#drift", "Everything that platforms showed agrees")
    await screen.live()
    await screen.unloaded()
    seen = Observation(
        topic="inventory.update",
        channel="tills",
        sku="TEE",
        location="HARLEM",
        level=9,
        observed_at=NOW,
        version=1,
    )
    told = Receipt(channel="tills", sku="TEE", place="HARLEM", quantity=5, level=5, own=0, outcome=Outcome.PUSHED, pushed_at=NOW.replace(hour=17), offset=9)  # fmt: skip
    await stocked.record(RECEIPTS, [told])
    await stocked.record(OBSERVATIONS, [seen])
    await screen.says("#drift tbody tr", "drifted")
    await screen.says("#drift tbody tr", "+4")
    await screen.still()
    await screen.checked()


async def test_given_the_slider_is_moved_by_keyboard_then_the_stock_of_then_is_shown(stocked, screen):
    await screen.open("/as-of?sku=TEE")
    await screen.says("#as-of tr:has(th:has-text('SOHO')) td.total + td", "10")
    await screen.unloaded()
    slider = screen.page.get_by_label("Move through time")
    await slider.focus()
    await slider.press("Home")
    await screen.says("#as-of", "Nothing had moved by then")
    assert "2026-11-20 1" in await slider.get_attribute("aria-valuetext")
    await slider.press("ArrowRight")
    await screen.says("#as-of tr:has(th:has-text('SOHO')) td.total + td", "12")
    await screen.page.get_by_label("true at").fill("2026-11-20T14:00:00")
    await screen.page.get_by_label("known at").fill("2026-11-20T14:00:00")
    await screen.says("#as-of", "1 late fact lies between the two")
    assert "known=2026-11-20T14" in screen.page.url
    stocked.post(Kind.POS_SALE_COMPLETED, 1, "SOHO", document="sale/9", at=NOW.replace(hour=13), known=NOW)
    await stocked.record_all(**CHANNELS)
    await screen.page.get_by_role("button", name="Show").click()
    await screen.says("#as-of", "2 late facts lie between the two")
    await screen.still()
    await screen.checked()


async def test_given_oversells_are_open_then_a_new_one_appears_and_tells_its_story(stocked, screen):
    await screen.open("/oversells")
    await screen.says("#oversells", "Nothing was sold that was not there")
    await screen.live()
    await screen.unloaded()
    sold = next(one for one in stocked.journal if one.document == "sale/1")
    over = Oversell(movement=sold.id, sku="MUG", place="SOHO", available=-3, cause=OversellCause.LATE_FACT, kind=sold.kind, transaction=sold.transaction, channel="tills", occurred_at=sold.occurred_at, recorded_at=sold.recorded_at)  # fmt: skip
    await stocked.record(OVERSELLS, [over])
    await screen.says("#oversells tbody tr", "late fact")
    await screen.still()
    await screen.page.get_by_role("link", name="Story of MUG at SOHO").click()
    await screen.says("tr.culprit", "\N{MINUS SIGN}4")
    await screen.checked()


async def test_given_a_session_that_ends_while_a_page_is_open_then_it_goes_to_the_form_in_one_load(screen):
    await screen.open("/channels")
    await screen.live()
    await screen.page.context.clear_cookies()
    loads = []
    screen.page.on("request", lambda one: loads.append(one.url) if one.is_navigation_request() else None)
    await screen.page.evaluate(
        "for (let n = 0; n < 5; n += 1) document.dispatchEvent(new Event('htmx:sseError'))"
    )
    await screen.page.wait_for_url("**/sign-in?next=%2Fchannels")
    assert loads == [f"{screen.url}/channels", f"{screen.url}/sign-in?next=%2Fchannels"]
    assert all("401" in fault for fault in screen.faults), screen.faults
    screen.faults.clear()


async def test_given_no_script_runs_then_the_screens_are_whole_all_the_same(site, stocked, chromium):
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{site.url}/why?sku=TEE&channel=web")
    await page.get_by_label("API key").fill("admin-key")
    await page.get_by_role("button", name="Sign in").click()
    assert await page.locator("#quantity").text_content() == "11"
    await page.get_by_role("link", name="Availability").click()
    await page.get_by_label("Search SKUs").fill("tee")
    await page.get_by_role("button", name="Search").click()
    assert await page.locator("#grid tbody tr").count() == 1
    await page.goto(f"{site.url}/as-of?sku=TEE")
    assert not await page.get_by_label("Move through time").is_visible()
    await page.get_by_label("true at").fill("2026-11-20T12:00:00")
    await page.get_by_role("button", name="Show").click()
    assert "12" in await page.locator("#as-of td.total").first.text_content()
    await context.close()


async def test_given_a_phone_then_no_page_is_wider_than_it(site, stocked, screen):
    await screen.page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/", "/sku?sku=TEE", "/why?sku=TEE&channel=web", "/channels", "/letters", "/as-of?sku=TEE"):
        await screen.open(path)
        wide = await screen.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, path
