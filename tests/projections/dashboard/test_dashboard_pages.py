from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from projections.dashboard.browsers import own_path
from projections.dashboard.pages import SCREENS
from projections.problems import Problem
from schemas.claims import DeadLetter, Observation
from schemas.oversells import Oversell, OversellCause
from schemas.postings import Kind
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules, Rules
from schemas.topics import DEAD_LETTERS, OBSERVATIONS, OVERSELLS, RECEIPTS

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
EVIL = '<script>alert("x")</script>'
CHANNELS = {"web": ChannelRules(safety_stock=2), "tills": ChannelRules(publish="locations")}
RULES = Rules(version="rules-1", channels=CHANNELS)
SIGNED_OUT = {"/sign-in", "/static/{digest}/{name}"}


def words(page: str) -> str:
    """What a page says, without its marks."""
    bare = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(bare)).replace("\N{MINUS SIGN}", "-")


def all_routes(router: Any) -> list[tuple[str, set[str]]]:
    """The path and methods of every route, however deep it was included."""
    found = []
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        found += [(route.path, route.methods)] if inner is None else all_routes(inner)
    return found


# -- who gets in


async def test_given_nobody_signed_in_then_every_page_asks_for_it_and_none_shows_anything(site, stranger):
    asked = 0
    for path, methods in all_routes(site.api):
        if path in SIGNED_OUT or path.startswith(("/openapi", "/docs", "/redoc")):
            continue
        for method in methods:
            status, headers, text = await stranger.ask(method, path, data={} if method == "POST" else None)
            assert status in (303, 401), (method, path)
            assert headers.get("Location", "/sign-in").startswith("/sign-in")
            assert text == ""
            asked += 1
    assert asked >= 14


async def test_given_a_page_that_was_wanted_then_one_comes_to_it_after_signing_in(stranger, stocked):
    _, headers, _ = await stranger.get("/sku?sku=TEE")
    assert headers["Location"] == "/sign-in?next=%2Fsku%3Fsku%3DTEE"
    status, headers, _ = await stranger.sign_in(to="/sku?sku=TEE")
    assert (status, headers["Location"]) == (303, "/sku?sku=TEE")
    assert "HttpOnly" in headers["Set-Cookie"]
    assert "SameSite=strict" in headers["Set-Cookie"]
    assert "TEE" in await stranger.page("/sku?sku=TEE")


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "", None,
     "/\t/evil.example", "/a\r\nSet-Cookie: x=1", "\\/evil.example", "/a\\b"],
)  # fmt: skip
def test_given_a_way_on_that_leads_elsewhere_then_it_leads_to_the_start(wanted):
    assert own_path(wanted) == "/"


async def test_given_a_wrong_key_then_nobody_is_signed_in_and_after_ten_tries_one_waits(site, stranger):
    for _ in range(10):
        status, headers, _ = await stranger.sign_in("guessed")
        assert status == 401
        assert "onhand_session" not in headers.get("Set-Cookie", "")
    status, headers, _ = await stranger.sign_in("admin-key")
    assert status == 429
    assert 0 < int(headers["Retry-After"]) <= 301
    site.at += timedelta(minutes=6)
    assert (await stranger.sign_in("admin-key"))[0] == 303


async def test_given_a_key_that_may_not_read_then_it_opens_nothing(stranger):
    assert (await stranger.sign_in("posting-key"))[0] == 401


async def test_given_a_sign_in_form_of_another_browser_then_it_is_refused(stranger):
    await stranger.get("/sign-in")
    form = {"csrf": "of another", "key": "admin-key", "next": "/"}
    assert (await stranger.ask("POST", "/sign-in", data=form))[0] == 403


async def test_given_a_revoked_key_then_its_session_ends_at_the_next_page(site, ada):
    await ada.page("/")
    del site.keys["admin-key"]
    assert (await ada.get("/"))[0] == 303


async def test_given_keys_that_cannot_be_looked_up_then_it_is_said_and_the_session_lasts(site, ada, stranger):
    site.away = Problem(503, "Not available", "keys cannot be looked up", retry_after=2)
    for status, headers, text in (await ada.get("/channels"), await stranger.sign_in()):
        assert (status, headers["Retry-After"]) == (503, "2")
        assert "keys cannot be looked up" in text
    site.away = None
    await ada.page("/channels")
    assert (await stranger.sign_in())[0] == 303


async def test_given_a_session_that_was_idle_or_is_old_then_it_is_over(site, ada):
    for _ in range(11):
        site.at += timedelta(hours=1)
        await ada.page("/channels")
    site.at += timedelta(hours=1)
    assert (await ada.get("/channels"))[0] == 303
    await ada.sign_in()
    site.at += timedelta(hours=2)
    assert (await ada.get("/channels"))[0] == 303


async def test_given_somebody_signs_out_then_the_cookie_opens_nothing_any_more(ada):
    kept = {cookie.key: cookie.value for cookie in ada.session.cookie_jar}
    status, headers, _ = await ada.ask("POST", "/sign-out", data={"csrf": await ada.csrf()})
    assert (status, headers["Location"]) == (303, "/sign-in")
    assert (await ada.get("/", cookies=kept))[0] == 303


# -- who may do what


async def test_given_a_viewer_then_no_button_is_shown_and_a_retry_is_refused(site, stocked, stranger):
    await stranger.sign_in("viewer-key")
    text = await stranger.page("/letter?id=0-0")
    assert "An operator can retry it" in text
    assert "Retry</button>" not in text
    status, _, _ = await stranger.ask(
        "POST", "/letter?id=0-0", data={"csrf": await stranger.csrf(), "payload": "{}"}
    )
    assert (status, site.desk.asked) == (403, [])


@pytest.mark.parametrize("csrf", ["", "of another session"])
async def test_given_a_form_of_another_site_then_nothing_is_done(site, stocked, ada, csrf):
    status, _, text = await ada.ask("POST", "/letter?id=0-0", data={"csrf": csrf, "payload": "{}"})
    assert (status, site.desk.asked) == (403, [])
    assert "Not from here" in text
    status, _, _ = await ada.ask("POST", "/letter?id=0-0", json={"csrf": csrf})
    assert status == 415


async def test_given_a_letter_that_is_mended_then_what_was_typed_is_retried_in_its_name(site, stocked, ada):
    text = await ada.page("/letter?id=0-0")
    assert "&#34;note&#34;: &#34;&lt;script&gt;alert(" in text
    csrf = await ada.csrf()
    typed = '{"id": 1001, "line_items": []}'
    status, headers, _ = await ada.ask("POST", "/letter?id=0-0", data={"csrf": csrf, "payload": typed})
    assert (status, headers["Location"]) == (303, "/letters?done=0-0")
    assert site.desk.asked == [("0-0", {"id": 1001, "line_items": []}, "ada")]
    assert "0-0 is in the log now" in words(await ada.page("/letters?done=0-0"))


async def test_given_a_letter_that_stays_refused_then_the_reason_and_what_was_typed_are_shown(
    site, stocked, ada
):
    site.desk.then = f"still unknown {EVIL}"
    typed = '{"id": 1001, "mended": "so"}'
    status, _, text = await ada.ask(
        "POST", "/letter?id=0-0", data={"csrf": await ada.csrf(), "payload": typed}
    )
    assert status == 422
    assert "still unknown" in words(text)
    assert "&#34;mended&#34;: &#34;so&#34;" in text


@pytest.mark.parametrize("typed", ["{", "[]", "3", '"x"', "NaN"])
async def test_given_a_payload_that_is_none_then_it_is_said_and_nothing_is_retried(site, stocked, ada, typed):
    status, _, text = await ada.ask(
        "POST", "/letter?id=0-0", data={"csrf": await ada.csrf(), "payload": typed}
    )
    assert (status, site.desk.asked) == (422, [])
    assert "JSON" in words(text) or "object" in words(text)


# -- what the pages say


async def test_given_stock_then_the_grid_has_it_by_location_with_what_channels_may_sell(stocked, ada):
    text = words(await ada.page("/"))
    assert "SKU All HARLEM SOHO Others Unrouted web tills" in text
    assert re.search(r"TEE 15 5 10 2 promised · · 11 15", text), text
    assert re.search(r"MUG -3 · not tracked -3", text), text


async def test_given_words_then_only_skus_with_them_are_shown_whatever_signs_they_have(stocked, ada):
    assert "TEE" in words(await ada.page("/?q=te"))
    assert "MUG" not in words(await ada.page("/?q=te"))
    assert "No SKU like that" in await ada.page("/?q=%25")
    assert "No SKU like that" in await ada.page("/?q=T_E")
    below = words(await ada.page("/?below=true"))
    assert "MUG" in below
    assert "TEE" not in below


async def test_given_more_skus_than_a_page_has_then_the_next_page_goes_on(shop, ada):
    for number in range(45):
        shop.post(Kind.STOCK_INITIALISED, 1, "SOHO", sku=f"S{number:02}")
    await shop.record_all(**CHANNELS)
    first = await ada.page("/")
    assert "S39" in first
    assert "S40" not in first
    second = await ada.page(unescape(re.search(r'href="([^"]+)" rel="next"', first)[1]))
    assert "S40" in second
    assert "S39" not in second


async def test_given_chosen_columns_then_these_are_shown(stocked, ada):
    text = words(await ada.page("/?loc=SOHO&ch=tills"))
    assert "SKU All SOHO Others Unrouted tills" in text


async def test_given_a_sku_then_its_page_has_states_movements_steps_and_what_was_told(stocked, ada):
    text = await ada.page("/sku?sku=TEE")
    said = words(text)
    assert "SOHO 12 10 2" in said
    assert "order placed SOHO available -2 SOHO committed +2" in said
    assert "network 11 11 pushed receipt 0-0 adjustment/9" in said
    steps = re.findall(r'data-n="(-?\d+)"', text)
    assert steps[-2:] == ["5", "10"]
    assert 'href="/deal?transaction=web%2Forder%2F7#m-' in text


async def test_given_a_number_then_its_lines_sum_to_it_and_lead_to_their_deals(stocked, ada):
    text = await ada.page("/why?sku=TEE&channel=web")
    said = words(text)
    assert "TEE on web 11" in said
    assert "Sum 11" in said
    assert "safety stock at SOHO -2 rule safety_stock" in said
    deal = unescape(re.search(r'href="(/deal[^"#]+)#', text)[1])
    assert "order placed" in words(await ada.page(deal)) or "stock initialised" in words(await ada.page(deal))


async def test_given_a_moment_then_the_number_of_then_is_told_with_its_rules_and_words(site, stocked, ada):
    known = words(await ada.page("/why?sku=TEE&channel=web&at=2026-11-20T14:00:00"))
    assert "TEE on web, at 2026-11-20 14:00:00 11" in known
    assert "heard of 2 h later" in known
    assert (
        "Pushes of this number and their answers, newest first When Place Told Shows Answer Reference Nothing yet."
        in known
    )
    believed = words(
        await ada.page("/why?sku=TEE&channel=web&at=2026-11-20T14:00:00&known_at=2026-11-20T14:00:00")
    )
    assert "as known at 2026-11-20 14:00:00 13" in believed
    assert "web/order/7" not in believed
    site.events.append(replace(RULES, version="older", by="ada", at=NOW.replace(hour=13)))
    assert "Rules older, by ada, 2026-11-20 13:00:00" in words(
        await ada.page("/why?sku=TEE&channel=web&at=2026-11-20T14:00:00")
    )
    nothing = words(await ada.page("/why?sku=TEE&channel=web&at=2026-11-20T12:30:00"))
    assert "no rules of this channel were in force by then" in nothing


async def test_given_a_line_then_it_leads_to_its_deal_its_movement_its_claim_and_its_last_word(stocked, ada):
    text = await ada.page("/why?sku=TEE&channel=web")
    (movement,) = [one for one in stocked.journal if one.document == "order/7"]
    deal = "/deal?transaction=web%2Forder%2F7"
    assert f'href="{deal}"' in text
    assert (
        f'href="{deal}#m-{movement.id}">movement {movement.id}</a>, document web/order/7, claim 0-{movement.cause.offset}'
        in text
    )
    assert "last word network 11 11 pushed receipt 0-0, of stock 2 adjustment/9" in words(text)
    there = await ada.page(deal)
    assert f'id="m-{movement.id}"' in there
    assert f"web/order/7 0-{movement.cause.offset}" in words(there)


async def test_given_two_clocks_then_what_was_not_known_is_listed_and_makes_the_difference(stocked, ada):
    text = words(await ada.page("/as-of?sku=TEE&at=2026-11-20T14:00:00&known=2026-11-20T14:00:00"))
    assert "1 late fact lies between the two. SOHO available -2 SOHO committed +2" in text
    assert "True then Location On hand available committed HARLEM 5 5 0 SOHO 12 10 2" in text
    assert (
        "Believed, by what was known Location On hand available committed HARLEM 5 5 0 SOHO 12 12 0" in text
    )
    assert "Later by" in text
    nothing = words(await ada.page("/as-of?sku=TEE&at=2026-11-20T18:00:00&known=2026-11-20T18:00:00"))
    assert "what was believed was true" in nothing


async def test_given_an_oversell_then_its_story_says_who_took_what_and_what_would_have_prevented_it(
    stocked, ada
):
    sold = next(one for one in stocked.journal if one.document == "sale/1")
    over = Oversell(
        movement=sold.id, sku="MUG", place="SOHO", available=-3, cause=OversellCause.LATENCY, kind=sold.kind,
        transaction=sold.transaction, channel="web", occurred_at=sold.occurred_at, recorded_at=sold.recorded_at,
    )  # fmt: skip
    told = Receipt(channel="web", sku="MUG", place="network", quantity=4, level=4, own=0, outcome=Outcome.PUSHED, pushed_at=NOW.replace(hour=13), offset=3)  # fmt: skip
    await stocked.record(RECEIPTS, [told])
    await stocked.record(OVERSELLS, [over])
    text = await ada.page(f"/oversell?movement={sold.id}")
    said = words(text)
    assert "MUG at SOHO -3 latency" in said
    assert "took 4; 3 of them were not there" in said
    assert re.search(
        r"13:00:00 told pushed web network 4 14:00:00 14:00:00 0 s pos sale completed web SOHO -4", said
    ), said
    assert re.search(
        r"Each of these would have prevented it buffer \d+ more held back from web at SOHO", said
    ), said
    assert text.count('class="culprit"') == 1


async def test_given_a_level_that_differs_then_drift_says_by_how_much_and_what_is_outdated_waits_behind(
    stocked, ada
):
    hour = NOW.replace(hour=16)
    cells = (("HARLEM", 9, NOW), ("SOHO", 12, NOW.replace(hour=12, minute=30)))
    await stocked.record(
        RECEIPTS,
        [
            Receipt(channel="tills", sku="TEE", place=place, quantity=5, level=5, own=0, outcome=Outcome.PUSHED, pushed_at=hour, offset=9)
            for place, _, _ in cells
        ],
    )  # fmt: skip
    await stocked.record(
        OBSERVATIONS,
        [
            Observation(topic="levels", channel="tills", sku="TEE", location=place, level=level, observed_at=at, version=1)
            for place, level, at in cells
        ],
    )  # fmt: skip
    said = words(await ada.page("/drift"))
    assert "TEE tills HARLEM 9 5 +4 18:00:00 drifted" in said
    assert "TEE tills SOHO" not in said
    assert "TEE tills SOHO 12 5 +7 12:30:00 outdated" in words(await ada.page("/drift?everything=true"))
    assert "drifted" not in words(await ada.page("/drift?channel=web"))


async def test_given_a_location_then_its_shelves_are_shown_as_they_were(stocked, ada):
    text = words(await ada.page("/as-of?location=SOHO&at=2026-11-20T13:30:00"))
    assert "MUG 1 0 0 0 0 0" in text
    assert "MUG -3" in words(await ada.page("/as-of?location=SOHO&at=2026-11-20T15:00:00"))


@pytest.mark.parametrize("path", [path for path, _ in SCREENS])
async def test_given_an_empty_shop_then_every_screen_says_so_and_is_whole(ada, path):
    text = await ada.page(path)
    assert text.count("<h1") == 1
    assert text.count('<main id="main"') == 1
    assert 'aria-current="page"' in text
    assert re.findall(r"<[^>]+ (?:style|on[a-z]+)=", text) == []
    assert re.findall(r"<script(?![^>]* src=)", text) == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sku?sku=NONE", 404), ("/sku", 400), ("/deal?transaction=none", 404), ("/why?sku=TEE&channel=none", 404),
        ("/letter?id=7-7", 404), ("/letter?id=x", 404), ("/letter?id=999999999-999999999999999999", 404),
        ("/oversell?movement=none", 404), ("/as-of?sku=TEE&at=yesterday", 400), ("/as-of?sku=NONE", 404),
        ("/sku?sku=TEE&cursor=x", 400), ("/letters?cursor=bm8=", 400), ("/?q=%00", 400), ("/sku?sku=%00", 400),
        ("/?below=perhaps", 400), ("/as-of?location=%00", 400),
    ],
)  # fmt: skip
async def test_given_an_address_that_means_nothing_then_a_page_says_so(stocked, ada, path, status):
    found, headers, text = await ada.get(path)
    assert found == status, text
    assert headers["Content-Type"].startswith("text/html")
    assert '<main id="main"' in text


async def test_given_a_question_that_takes_too_long_then_the_page_says_so_and_others_are_still_answered(
    stocked, ada, pool
):
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE stock IN ACCESS EXCLUSIVE MODE")
        slow = asyncio.create_task(ada.get("/"))
        await asyncio.sleep(0.5)
        assert (await asyncio.wait_for(ada.get("/letters"), 2))[0] == 200
        status, headers, text = await asyncio.wait_for(slow, 10)
    assert (status, headers["Retry-After"]) == (503, "5")
    assert "took too long" in text


# -- what browsers load


async def test_given_any_page_then_all_it_loads_is_from_here_and_kept_for_ever(stranger):
    text = (await stranger.get("/sign-in"))[2]
    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert len(loaded) >= 6
    assert re.findall(r'(?:src|href|action)="(?!/|#)[^"]*"', text) == []
    for path in loaded:
        status, headers, _ = await stranger.get(path)
        assert (status, headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert (await stranger.get(loaded[-1].replace("/static/", "/static/0")))[0] == 404
    assert (await stranger.get(loaded[-1].rpartition("/")[0] + "/pages.py"))[0] == 404


def test_given_files_of_others_then_they_are_those_that_are_named():
    folder = Path(__file__).parents[3] / "projections" / "dashboard" / "static"
    named = re.findall(
        r"^\| `([^`]+)` .* `([0-9a-f]{64})` \|$", (folder / "VENDORED.md").read_text(), re.MULTILINE
    )
    assert {name for name, _ in named} == {file.name for file in folder.glob("*-*.min.*")}
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name, _ in named} == dict(
        named
    )


# -- live


async def lines(browser: Any, path: str, upto: str, within: float = 10.0) -> list[str]:
    """What a stream says until a line has `upto`."""
    said: list[str] = []
    async with asyncio.timeout(within), browser.session.get(browser.site.url + path) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        async for line in answer.content:
            said.append(line.decode())
            if upto in said[-1]:
                return said
    raise AssertionError(said)


async def test_given_a_grid_that_is_watched_then_the_row_that_changes_is_sent_and_no_other(stocked, ada):
    stream = asyncio.create_task(
        lines(ada, "/live/rows?sku=TEE&sku=MUG&loc=SOHO&loc=HARLEM&ch=web", ">4</span>")
    )
    await asyncio.sleep(1.5)
    stocked.post(Kind.POS_SALE_COMPLETED, 6, "SOHO", document="sale/2")
    await stocked.record_all(**CHANNELS)
    said = "".join(await stream)
    assert said.count("hx-swap-oob") == 3  # both at first, then one


async def test_given_a_page_that_missed_something_then_its_stream_says_so_at_once(stocked, ada):
    page = await ada.page("/letters")
    path = unescape(re.search(r'sse-connect="([^"]+)"', page)[1])
    with pytest.raises(TimeoutError):
        await lines(ada, path, "event: news", within=1.5)
    await stocked.record(DEAD_LETTERS, [DeadLetter(
        channel="web", topic="orders/updated", stage="mapping", reason="r", ref="2", received_at=NOW, payload={})])  # fmt: skip
    await lines(ada, path, "event: news", within=1.5)


async def test_given_the_server_ends_then_its_streams_end_by_themselves(site, stocked, ada):
    async with asyncio.timeout(5), ada.session.get(f"{site.url}/live/news?of=stock") as answer:
        site.stopping = True
        await answer.content.read()
