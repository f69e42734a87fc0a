"""What a platform's answer means for the next step."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web

from connectors import polite
from connectors.errors import Malformed, SlowDown, Unreachable
from connectors.polite import Http


@pytest.fixture
async def server():
    """A server that answers as it is told: `.answers` maps a path to a response; `.asked` counts requests."""
    found = SimpleNamespace(answers={}, asked=[])

    async def answer(request: web.Request) -> web.Response:
        found.asked.append((request.method, request.path_qs, await request.read()))
        made = found.answers[request.path]
        return made() if callable(made) else made

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = "http://{}:{}".format(*runner.addresses[0][:2])
    found.http = Http(found.url + "/", {"Authorization": "Bearer token"}, timeout=0.5)
    yield found
    await found.http.close()
    await runner.cleanup()


async def test_given_an_answer_then_its_status_and_decoded_body_come_back(server):
    server.answers["/items"] = web.json_response({"n": 1}, status=201)
    reply = await server.http.call("POST", "/items", body={"a": 1}, query={"page": "2"})
    assert (reply.status, reply.body) == (201, {"n": 1})
    assert server.asked == [("POST", "/items?page=2", b'{"a":1}')]


async def test_given_a_query_in_one_piece_a_form_and_headers_then_they_are_sent_as_they_are(server):
    seen = []
    server.answers["/token"] = lambda: web.Response(status=204)

    async def note(_session, _context, sent):
        seen.append((sent.url.raw_query_string, sent.headers.get("Authorization")))

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    server.http._session = aiohttp.ClientSession(trace_configs=[trace])
    query = "a%5B0%5D=b%20c%2B"
    form, header = {"grant": "a b"}, {"Authorization": "OAuth x"}
    await server.http.call("POST", "/token", query=query, form=form, headers=header)
    assert seen == [(query, "OAuth x")]
    assert server.asked[0][2] == b"grant=a+b"


async def test_given_an_empty_answer_then_there_is_no_body(server):
    server.answers["/items"] = web.Response(status=204)
    assert (await server.http.call("DELETE", "/items")).body is None


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7.0),
        (429, {"Retry-After": "0.5"}, 0.5),
        (503, {"Retry-After": "3"}, 3.0),
        (
            429,
            {"Retry-After": "Fri, 20 Nov 2026 12:00:30 GMT", "Date": "Fri, 20 Nov 2026 12:00:10 GMT"},
            20.0,
        ),
        (
            429,
            {"Retry-After": "Fri, 20 Nov 2026 11:00:00 GMT", "Date": "Fri, 20 Nov 2026 12:00:00 GMT"},
            0.0,
        ),
        (429, {"Retry-After": "soon"}, 1.0),
        (429, {}, 1.0),
    ],
)
async def test_given_a_request_to_wait_then_the_platform_says_how_long(server, status, headers, seconds):
    server.answers["/items"] = web.Response(status=status, headers=headers)
    with pytest.raises(SlowDown) as wait:
        await server.http.call("GET", "/items")
    assert wait.value.retry_after == seconds


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_given_a_fault_of_the_platform_then_the_outcome_is_unknown(server, status):
    server.answers["/items"] = web.Response(status=status)
    with pytest.raises(Unreachable, match=f"GET /items: HTTP {status}"):
        await server.http.call("GET", "/items")


async def test_given_an_answer_that_is_not_json_then_it_is_unknown_and_not_quoted(server):
    server.answers["/items"] = web.Response(text="<html>canary</html>")
    with pytest.raises(Unreachable, match="not JSON") as refusal:
        await server.http.call("GET", "/items")
    assert "canary" not in str(refusal.value)


async def test_given_a_redirect_then_it_is_an_answer_and_not_followed(server):
    server.answers["/items"] = web.Response(status=302, headers={"Location": "/elsewhere"})
    assert (await server.http.call("GET", "/items")).status == 302
    assert len(server.asked) == 1


async def test_given_an_answer_without_end_then_reading_stops(server, monkeypatch):
    monkeypatch.setattr(polite, "BODY_MAX", 1_000)
    server.answers["/items"] = web.Response(body=b"[" + b"1," * 1_000 + b"1]")
    with pytest.raises(Malformed, match="larger than 1000 bytes"):
        await server.http.call("GET", "/items")


async def test_given_nobody_who_answers_then_the_outcome_is_unknown(server):
    http = Http("http://127.0.0.1:9", {})
    with pytest.raises(Unreachable, match="GET /items"):
        await http.call("GET", "/items")
    await http.close()


async def test_given_an_answer_that_takes_too_long_then_the_outcome_is_unknown(server):
    waiting = asyncio.Event()

    async def never(_request: web.Request) -> web.Response:
        await waiting.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/items", never)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    http = Http("http://{}:{}".format(*runner.addresses[0][:2]), {}, timeout=0.2)
    with pytest.raises(Unreachable, match="TimeoutError"):
        await http.call("GET", "/items")
    waiting.set()
    await http.close()
    await runner.cleanup()
