"""The pages beside the API, in one application: each answers in its own way."""

from __future__ import annotations

import re

import aiohttp
import counter
import pytest

HTML = "text/html; charset=utf-8"
PAGES_ONLY = (
    "Content-Security-Policy",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
)


class Visitor:
    """Somebody with a cookie jar at an application."""

    def __init__(self, api, session):
        self.url, self.session = f"http://127.0.0.1:{api.port}", session

    async def ask(self, method, path, **more):
        async with self.session.request(method, self.url + path, allow_redirects=False, **more) as answer:
            return answer.status, answer.headers, await answer.text()

    async def sign_in(self, key=counter.KEY):
        page = (await self.ask("GET", "/sign-in"))[2]
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)[1]
        return await self.ask("POST", "/sign-in", data={"csrf": csrf, "key": key, "next": "/"})


@pytest.fixture
async def visitor(api):
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Visitor(api, session)


async def test_given_pages_beside_the_api_then_a_problem_is_a_page_there_and_json_here(api, visitor):
    assert (await visitor.sign_in())[0] == 303
    for path, status in (
        ("/sku?sku=NONE", 404),
        ("/sku", 400),
        ("/oversell?movement=none", 404),
        ("/letters?cursor=x", 400),
    ):
        found, headers, text = await visitor.ask("GET", path)
        assert (found, headers["Content-Type"]) == (status, HTML), path
        assert '<main id="main"' in text
        assert all(name in headers for name in PAGES_ONLY)
    for path, status in (
        ("/v1/stock/NONE", 404),
        ("/v1/oversells/none", 404),
        ("/v1/receipts?cursor=x", 400),
    ):
        answer = await api.get(path)  # who checks of each that it is a problem, as the document has it
        assert answer.status == status
        assert not any(name in answer.headers for name in PAGES_ONLY)
    assert (await api.ask("GET", "/v1/channels", key=None)).status == 401


async def test_given_the_document_of_the_api_then_no_page_is_in_it(api):
    assert [
        path for path in api.document["paths"] if not re.match(r"/(v1|webhooks|livez|readyz|metrics)", path)
    ] == []


async def test_given_a_method_that_a_page_has_not_then_it_says_which_it_has(api, visitor):
    status, headers, _ = await visitor.ask("POST", "/sku")
    assert (status, headers["Allow"]) == (405, "GET")
    status, headers, _ = await visitor.ask("PATCH", "/v1/channels")
    assert (status, headers["Allow"]) == (405, "GET")


async def test_given_a_form_beyond_the_bound_of_bodies_then_a_page_says_so(visitor):
    status, headers, _ = await visitor.sign_in("k" * (counter.BODY_MAX + 1))
    assert (status, headers["Content-Type"]) == (413, HTML)
