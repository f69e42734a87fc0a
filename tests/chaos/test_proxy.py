"""The slow network of `make chaos`: late, in order, whole."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.processes import free_port

PROXY = Path(__file__).with_name("proxy.py")
DELAY, JITTER = 0.1, 0.05


@pytest.fixture
async def server():
    """A server that says everything back. Its port."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(4_096):
            writer.write(piece)
        await closed(writer)

    serving = await asyncio.start_server(echo, "127.0.0.1", 0)
    yield serving.sockets[0].getsockname()[1]
    serving.close()
    await serving.wait_closed()


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@pytest.fixture
def proxied():
    """Puts the proxy before a port of loopback. The port it listens on."""
    started = []

    def before(target: int) -> int:
        port = free_port()
        proxy = subprocess.Popen(
            [sys.executable, str(PROXY), *map(str, (port, target, DELAY, JITTER, 7))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(proxy)
        assert proxy.stdout.readline() == b"ready\n"
        return port

    yield before
    for proxy in started:
        proxy.communicate(timeout=5)
        assert proxy.returncode == 0


async def test_given_pieces_sent_one_after_another_then_all_come_back_late_and_in_order(server, proxied):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxied(server))
    sent, times = b"", []
    for number in range(40):
        piece = b"%06d" % number * (1 + number * 37)
        times.append((len(sent) + len(piece), time.monotonic()))
        sent += piece
        writer.write(piece)
        await asyncio.sleep(0.005)
    back = b""
    while len(back) < len(sent):
        back += await asyncio.wait_for(reader.read(65_536), 5)
        whole = [at for length, at in times if length <= len(back)]
        assert not whole or time.monotonic() - whole[-1] >= 2 * (DELAY - JITTER)
    assert back == sent
    await closed(writer)


async def test_given_one_side_closes_then_what_it_said_arrives_and_the_other_sees_the_end(server, proxied):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxied(server))
    writer.write(b"last words")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 5) == b"last words"
    await closed(writer)


async def test_given_no_server_then_the_connection_breaks(proxied):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxied(free_port()))
    said = b""
    with contextlib.suppress(ConnectionError):
        said = await asyncio.wait_for(reader.read(), 5)
    assert said == b""
    await closed(writer)
