from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import ConsoleMessage, Page, Request, Response, async_playwright
from playwright.async_api import TimeoutError as TooLate

from deploy.browser import ARGUMENTS, found
from projections.access import Caller, Role
from projections.dashboard import Dashboard, dashboard_routes
from projections.frame import Frame
from projections.problems import Problem
from schemas.claims import DeadLetter
from schemas.postings import Kind
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules, Rules
from schemas.topics import DEAD_LETTERS, RECEIPTS

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
EVIL = '<script>alert("x")</script>'
RULES = Rules(
    version="rules-1",
    channels={"web": ChannelRules(safety_stock=2), "tills": ChannelRules(publish="locations")},
)


@dataclass
class Desk:
    """What retries letters: it keeps what it is asked, and answers `then`."""

    asked: list[tuple[str, Any, str]] = field(default_factory=list)
    then: str | None = None

    async def retry(self, ident: str, payload: Any, by: str) -> str | None:
        self.asked.append((ident, payload, by))
        return self.then


@dataclass
class Site:
    """The dashboard behind a real socket; `keys` are the API keys and `at` what its clock shows."""

    port: int
    api: FastAPI
    desk: Desk
    keys: dict[str, Caller]
    at: datetime = NOW
    stopping: bool = False
    away: Problem | None = None
    events: list[Rules] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Browser:
    """Somebody with a cookie jar, who checks of every page what holds for all."""

    site: Site
    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, dict[str, str], str]:
        url = self.site.url + path
        async with self.session.request(method, url, allow_redirects=False, **more) as answer:
            text, headers = await answer.text(), dict(answer.headers)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert EVIL not in text  # what others write is never markup
        return answer.status, headers, text

    async def get(self, path: str, **more: Any) -> tuple[int, dict[str, str], str]:
        return await self.ask("GET", path, **more)

    async def page(self, path: str) -> str:
        status, headers, text = await self.get(path)
        assert (status, headers["Cache-Control"]) == (200, "no-store"), text
        return text

    async def csrf(self, path: str = "/") -> str:
        return (await self.get(path))[2].partition('name="csrf" value="')[2].partition('"')[0]

    async def sign_in(self, key: str = "admin-key", to: str = "/") -> tuple[int, dict[str, str], str]:
        form = {"csrf": await self.csrf("/sign-in"), "key": key, "next": to}
        return await self.ask("POST", "/sign-in", data=form)


@pytest.fixture
def oidc():
    """How one signs in beside an API key; a file of tests that has a provider says so."""
    return


@pytest.fixture
async def site(pool, oidc):
    keys = {
        "admin-key": Caller.of("ada", Role.ADMIN),
        "viewer-key": Caller.of("vic", Role.VIEWER),
        "posting-key": Caller("post", frozenset()),
    }
    desk, api = Desk(), FastAPI()
    api.add_middleware(Frame, body_max=1_048_576)
    held = socket.create_server(("127.0.0.1", 0))
    one = Site(held.getsockname()[1], api, desk, keys)

    def accept(offered: str) -> Caller | None:
        if one.away is not None:
            raise one.away
        return keys.get(offered)

    given = Dashboard(letters=desk, oidc=oidc, stopping=lambda: one.stopping)
    api.include_router(
        dashboard_routes(
            pool,
            rules=lambda: RULES,
            events=lambda: one.events,
            skews=dict,
            clock=lambda: one.at,
            keys=accept,
            given=given,
        )
    )
    server = uvicorn.Server(uvicorn.Config(api, log_level="critical", access_log=False))
    task = asyncio.create_task(server.serve(sockets=[held]))
    while not server.started:  # uvicorn has no event to wait for
        await asyncio.sleep(0.01)
    yield one
    one.stopping = server.should_exit = True
    await task


@asynccontextmanager
async def browsing(site: Site):
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Browser(site, session)


@pytest.fixture
async def stranger(site):
    async with browsing(site) as browser:
        yield browser


@pytest.fixture
async def ada(site):
    async with browsing(site) as browser:
        assert (await browser.sign_in())[0] == 303
        yield browser


@pytest.fixture
async def stocked(shop, after):
    """A shop with a tee in two places, an oversold mug, a letter, and what its platform was told."""
    shop.post(Kind.STOCK_INITIALISED, 12, "SOHO", document="open/1")
    shop.post(Kind.STOCK_INITIALISED, 5, "HARLEM", document="open/1")
    shop.post(Kind.ORDER_PLACED, 2, "SOHO", document="order/7", at=after(hours=1), known=after(hours=3))
    shop.post(Kind.STOCK_INITIALISED, 1, "SOHO", sku="MUG", document="open/2")
    shop.post(Kind.POS_SALE_COMPLETED, 4, "SOHO", sku="MUG", document="sale/1", at=after(hours=2))
    shop.post(Kind.STOCK_INITIALISED, 3, "SOHO", sku=EVIL, document=f"open/{EVIL}")
    await shop.record_all(**RULES.channels)
    letter = DeadLetter(
        channel="web", topic="orders/updated", stage="mapping", reason=f"unknown item {EVIL}", ref="1001",
        received_at=NOW, payload={"id": 1001, "note": EVIL, "line_items": []},
    )  # fmt: skip
    await shop.record(DEAD_LETTERS, [letter])
    told = Receipt(
        channel="web", sku="TEE", place="network", quantity=11, level=11, own=0, outcome=Outcome.PUSHED,
        pushed_at=NOW, offset=2, ref="adjustment/9",
    )  # fmt: skip
    await shop.record(RECEIPTS, [told])
    return shop


# -- a real browser


class Screen:
    """A page in Chromium, which is held to what holds for all: no error, nothing the policy forbids, nothing from elsewhere."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.faults: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._asked)
        page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:")):
            self.faults.append(f"left the machine: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")

    async def open(self, path: str) -> None:
        await self.page.goto(self.url + path)
        await self.checked()

    async def checked(self) -> None:
        """What a screen reader and a keyboard need."""
        amiss = await self.page.evaluate(WHOLE)
        assert amiss == [], amiss

    async def live(self) -> None:
        """Waits until the page hears of news."""
        await self.page.wait_for_selector("[data-live='on']", timeout=WITHIN)

    async def says(self, selector: str, text: str) -> None:
        """Waits until an element says something."""
        asked = self.page.locator(selector).filter(has_text=text).first
        try:
            await asked.wait_for(state="attached", timeout=WITHIN)
        except TooLate:
            raise AssertionError(await self.page.locator(selector).all_text_contents()) from None

    async def unloaded(self) -> None:
        """Leaves a mark that a load of the page would take away."""
        await self.page.evaluate("window.unloaded = true")

    async def still(self) -> None:
        assert await self.page.evaluate("window.unloaded === true"), "the page was loaded again"


WITHIN = 20_000
"""Milliseconds in which news must have come; other work may run beside."""

WHOLE = """() => {
    const amiss = [];
    const all = (selector) => Array.from(document.querySelectorAll(selector)).filter((one) => !one.closest('[role=img]'));
    const named = (one) => (one.getAttribute('aria-label') || one.textContent || '').trim()
        || (one.getAttribute('aria-labelledby') || '').split(' ').every((id) => id && document.getElementById(id));
    if (!document.documentElement.lang) amiss.push('no language');
    if (all('main').length !== 1 || all('h1').length !== 1) amiss.push('one main and one h1 are due');
    if (!document.querySelector('a.skip[href="#main"]')) amiss.push('no way to skip the navigation');
    all('input:not([type=hidden]), select, textarea').forEach((one) => {
        if (!one.labels.length && !one.getAttribute('aria-label')) amiss.push('no label: ' + one.outerHTML);
    });
    all('button, a[href], summary').forEach((one) => { if (!named(one)) amiss.push('no name: ' + one.outerHTML); });
    all('table').forEach((one) => { if (!one.caption) amiss.push('no caption: ' + one.outerHTML.slice(0, 80)); });
    all('th').forEach((one) => { if (!one.scope) amiss.push('no scope: ' + one.outerHTML); });
    all('[role=region], nav, section').forEach((one) => { if (!one.getAttribute('aria-label') && !one.getAttribute('aria-labelledby')) amiss.push('no name: ' + one.outerHTML.slice(0, 80)); });
    all('img').forEach((one) => { if (one.getAttribute('alt') === null) amiss.push('no alt: ' + one.src); });
    const ids = all('[id]').map((one) => one.id);
    ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => amiss.push('twice: #' + id));
    all('[style]').forEach((one) => { amiss.push('inline style: ' + one.outerHTML.slice(0, 80)); });
    return amiss;
}"""


@pytest.fixture
async def chromium():
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found(), args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest.fixture
async def screen(site, chromium):
    """A page of somebody who has signed in with the administrator's key by the form; at its end nothing may have gone wrong."""
    page = await chromium.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
    one = Screen(page, site.url)
    await one.open("/sign-in")
    await page.get_by_label("API key").fill("admin-key")
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{site.url}/")
    yield one
    await page.close()
    assert one.faults == []
