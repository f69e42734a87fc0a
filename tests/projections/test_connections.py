"""How long, how much and how many a connection may be, before anybody has asked anything; on real sockets."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace

import pytest
import uvicorn

from projections import connections
from projections.connections import HEAD_MAX, Bounded

ASK = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


async def app(scope, receive, send):
    """Answers at once, after a second (`/late`), with far too much (`/much`), or without reading the body."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/late":
        await asyncio.sleep(1.0)
    if scope["path"] == "/whole":
        while (await receive()).get("more_body"):
            pass
    body = b"x" * (64 * 1024 * 1024 if scope["path"] == "/much" else 2)
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
    )
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def server(monkeypatch):
    """A server that is patient for a quarter of a second, with room for four."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.25)
    monkeypatch.setattr(connections, "READ_SECONDS", 0.25)
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 4)
    held = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=Bounded,
        ws="none",
        log_level="critical",
        lifespan="off",
        h11_max_incomplete_event_size=HEAD_MAX,
    )
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[held]))
    while not running.started:  # uvicorn has no event to wait for
        await asyncio.sleep(0.01)
    yield SimpleNamespace(port=held.getsockname()[1], state=running.server_state)
    running.should_exit = True
    await task


class Sender:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, server):
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    def says(self, *parts: bytes) -> None:
        self.writer.writelines(parts)

    async def hears(self, within: float = 3.0) -> int:
        """The status of the next answer; 0 where the connection ends instead."""
        async with asyncio.timeout(within):
            line = await self.reader.readline()
            if line:
                await self.reader.readuntil(b"\r\n\r\n")
                await self.reader.readexactly(2)
            return int(line.split()[1]) if line else 0

    async def is_ended(self, within: float = 3.0) -> bool:
        try:
            async with asyncio.timeout(within):
                return await self.reader.read() == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    @property
    def is_cut_off(self) -> bool:
        """Whether the server has closed the connection; where bytes of ours were on their way, the system resets it."""
        return self.reader.at_eof() or isinstance(self.reader.exception(), ConnectionResetError)

    async def ends(self) -> None:
        self.writer.close()


@pytest.fixture
async def sender(server):
    made = []

    async def one():
        made.append(await Sender.of(server))
        return made[-1]

    yield one
    for each in made:
        each.writer.close()


async def test_given_somebody_who_says_nothing_then_the_connection_ends(sender):
    assert await (await sender()).is_ended()


async def test_given_a_head_that_comes_byte_by_byte_then_the_connection_ends_all_the_same(sender):
    slow = await sender()
    began = asyncio.get_running_loop().time()
    for byte in ASK % b"late":
        slow.says(bytes([byte]))
        await asyncio.sleep(0.05)
        if slow.is_cut_off:
            break
    assert slow.is_cut_off
    assert asyncio.get_running_loop().time() - began < 1.0


async def test_given_a_good_first_request_then_a_slow_second_one_ends_the_connection_and_silence_does_not(
    sender,
):
    one = await sender()
    one.says(ASK % b"")
    assert await one.hears() == 200
    await asyncio.sleep(0.5)
    one.says(ASK % b"")
    assert await one.hears() == 200, "between two requests uvicorn's own time holds"
    one.says(b"GET / HT")
    assert await one.is_ended()


async def test_given_an_answer_that_takes_long_then_nobody_loses_patience_with_the_sender(sender):
    one = await sender()
    one.says(ASK % b"late")
    assert await one.hears() == 200


async def test_given_a_head_that_is_too_large_then_it_is_refused(sender):
    one = await sender()
    one.says(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * (HEAD_MAX + 1) + b"\r\n\r\n")
    said = await asyncio.wait_for(one.reader.read(), 3)
    assert said.split()[1] == b"400"
    assert b"content-type: application/problem+json" in said
    assert b"x-request-id: " in said


async def test_given_a_crowd_then_the_one_that_was_awaited_longest_makes_room_and_who_is_answered_stays(
    sender,
):
    busy = await sender()
    busy.says(ASK % b"late")
    body = await sender()
    body.says(b"POST /whole HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1")
    await asyncio.sleep(0.05)
    silent = [await sender() for _ in range(2)]
    await asyncio.sleep(0.05)
    fresh = await sender()
    fresh.says(ASK % b"")
    assert await fresh.hears() == 200
    assert await body.is_ended(0.1), "it has asked only half"
    another = await sender()
    another.says(ASK % b"")
    assert await another.hears() == 200
    assert await silent[0].is_ended(0.1)
    assert await busy.hears() == 200


async def test_given_a_crowd_of_requests_under_way_then_a_further_one_is_not_let_in_and_none_is_lost(sender):
    busy = [await sender() for _ in range(4)]
    for one in busy:
        one.says(ASK % b"late")
    await asyncio.sleep(0.05)
    assert await (await sender()).is_ended(0.5)
    assert [await one.hears() for one in busy] == [200] * 4


async def test_given_a_sender_who_goes_on_after_the_answer_then_the_connection_ends(sender, server):
    one = await sender()
    one.says(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
    assert await one.hears() == 200
    for _ in range(50):
        one.says(b"x")
        await asyncio.sleep(0.02)
        if one.reader.at_eof():
            break
    assert await one.is_ended(0.1)


async def test_given_a_receiver_who_does_not_read_then_the_connection_ends(sender, server):
    one = await sender()
    one.says(ASK % b"much")
    await asyncio.sleep(0.1)
    assert len(server.state.connections) == 1
    async with asyncio.timeout(3):
        while server.state.connections:
            await asyncio.sleep(0.05)
