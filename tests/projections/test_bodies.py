"""How much is read of whom."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref

import pytest

from projections import bodies
from projections.access import Caller, Role
from projections.bodies import SMALL
from projections.frame import Frame
from projections.problems import Problem, response

MOST = 1_048_576


def keys(offered: str) -> Caller | None:
    if offered == "away":
        raise Problem(503, "Not available", "keys cannot be looked up")
    return Caller.of("a", Role.VIEWER) if offered == "good" else None


async def reading(scope, receive, send):
    """Reads all of the body, as much as it may; under /session it finds out first that the sender has one."""
    if scope["path"] == "/session":
        scope["state"]["body_larger"]()
    try:
        while (await receive()).get("more_body"):
            pass
    except Problem as problem:
        await response(problem)(scope, receive, send)
        return
    await response(Problem(200, "Read", ""))(scope, receive, send)


FRAME = Frame(reading, MOST, keys, ["X-Signature"])


async def asked(
    path: str, size: int, headers: dict[str, str] | None = None, frame: Frame = FRAME, wait=None
) -> int:
    """The status that is answered to a body of so many bytes that come in pieces, with no length said."""
    left, said = size, []

    async def receive():
        nonlocal left
        if wait is not None and left < size:
            await wait.wait()
        piece = min(left, 65_536)
        left -= piece
        return {"type": "http.request", "body": b"x" * piece, "more_body": left > 0}

    async def send(message):
        said.append(message)

    named = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    await frame(
        {"type": "http", "method": "POST", "path": path, "headers": named, "state": {}}, receive, send
    )
    if said[0]["status"] == 413:
        assert json.loads(said[1]["body"])["title"] == "Body too large"
    return said[0]["status"]


SIGNED, KEY = {"X-Signature": "of whomever"}, {"Authorization": "Bearer good"}


@pytest.mark.parametrize(
    ("path", "headers", "most"),
    [
        ("/v1/movements", {}, SMALL),
        ("/v1/movements", KEY, MOST),
        ("/v1/movements", {"Authorization": "bearer good"}, MOST),
        ("/v1/movements", {"Authorization": "Bearer wrong"}, SMALL),
        ("/v1/movements", {"Authorization": "Bearer away"}, SMALL),
        ("/v1/movements", {"Authorization": "Basic good"}, SMALL),
        ("/v1/movements", {"Authorization": "Bearer \udcff"}, SMALL),
        ("/v1/movements", SIGNED, SMALL),
        ("/webhooks/tills", {}, SMALL),
        ("/webhooks/tills", KEY, SMALL),
        ("/webhooks/tills", SIGNED, MOST),
        ("/sign-in", {"Cookie": "onhand=x"}, SMALL),
        ("/session", {}, MOST),
    ],
)
async def test_given_a_sender_then_so_much_is_read_of_him_and_no_more(path, headers, most):
    headers = {
        name: value.encode("utf-8", "surrogateescape").decode("latin-1") for name, value in headers.items()
    }
    assert await asked(path, most, headers) == 200
    assert await asked(path, most + 1, headers) == 413


async def test_given_many_who_are_not_known_then_what_is_held_for_them_at_once_is_bounded(monkeypatch):
    monkeypatch.setattr(bodies, "HELD_MAX", 3 * 65_536)
    frame, wait = Frame(reading, MOST, keys, ["X-Signature"]), asyncio.Event()
    slow = [asyncio.create_task(asked("/webhooks/tills", 2 * 65_536, SIGNED, frame, wait)) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert await asked("/webhooks/tills", 1, SIGNED, frame) == 503
    assert await asked("/v1/movements", MOST, KEY, frame) == 200, "who has a key is not counted"
    wait.set()
    assert sorted(await asyncio.gather(*slow)) == [200, 200, 503]
    assert await asked("/webhooks/tills", 2 * 65_536, SIGNED, frame) == 200, "what was over is held no longer"
    assert frame._held.now == 0


class Request:
    """What a server has of a request: its scope, and a way to receive it that is bound to both."""

    def __init__(self):
        self.scope = {"type": "http", "method": "POST", "path": "/v1/movements", "headers": [], "state": {}}

    async def receive(self):
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(self, message):
        pass


async def test_given_a_request_that_was_answered_then_it_is_gone_before_the_collector_comes():
    request = Request()
    seen = weakref.ref(request)
    gc.disable()
    try:
        await FRAME(request.scope, request.receive, request.send)
        del request
        assert seen() is None
    finally:
        gc.enable()
