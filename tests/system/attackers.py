"""Senders who mean no good, in a process of their own that gives way to others: `attackers.py PORT` until its standard input ends.

Some say nothing, some say it very slowly, some send more than anybody needs, deeper than anybody needs, or what no server understands.
Prints how often each did it, and what it was answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

SILENT, SLOW_HEADS, SLOW_BODIES, EACH = 280, 80, 60, 4
PAUSE, DRIP = 0.1, 0.5
SIGNED = b"X-Shopify-Topic: orders/create\r\nX-Shopify-Hmac-Sha256: " + b"A" * 43 + b"=\r\n"
POST = b"POST /webhooks/web HTTP/1.1\r\nHost: x\r\n"
ASK = b"POST /v1/movements HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nAuthorization: Bearer nobody\r\n"
MEGABYTE = b"x" * 1_000_000
DEEP = b'{"a":' * 10_000 + b"1" + b"}" * 10_000

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HUGE = (
    POST + SIGNED + b"Content-Length: 1000000\r\n\r\n" + MEGABYTE,
    POST + b"Content-Length: 5000000\r\n\r\n" + MEGABYTE * 5,
    ASK + b"Content-Length: 5000000\r\n\r\n" + MEGABYTE * 5,
    POST + SIGNED + b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 80,
)
DEEPER = tuple(
    head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(DEEP) + DEEP
    for head in (POST + SIGNED, POST, ASK, ASK.replace(b"movements", b"reservations"))
)
MALFORMED = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 400,
    b"GET / HTTP/9.9\r\n\r\n",
    POST + b"no colon\r\n\r\n",
    POST + b"X-Long: " + b"y" * 200_000 + b"\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /v1/stock/%00?at=NaN HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
)

done: Counter[str] = Counter()


async def opened(port: int) -> Wire:
    return await asyncio.open_connection("127.0.0.1", port)


async def silent(port: int) -> None:
    reader, writer = await opened(port)
    await reader.read()
    writer.close()


async def slow(port: int, at_once: bytes, dripping: bytes) -> None:
    """Sends some at once, and the rest a byte at a time; never all of it."""
    reader, writer = await opened(port)
    writer.write(at_once)
    try:
        for byte in dripping:
            writer.write(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRIP):
                    await reader.read(1)
                    return  # it was answered, or ended
    finally:
        writer.close()


async def said(port: int, request: bytes) -> None:
    reader, writer = await opened(port)
    writer.write(request)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            line = await reader.readline()
            done[f"answered {line[9:12].decode(errors='replace')}"] += 1
    writer.close()


async def again(name: str, pause: float, attack: Callable[[], Awaitable[None]]) -> None:
    while True:
        with contextlib.suppress(OSError, ValueError):
            await attack()
        done[name] += 1
        await asyncio.sleep(pause)


def one_after_the_other(port: int, requests: tuple[bytes, ...]) -> Callable[[], Awaitable[None]]:
    turn = 0

    def attack() -> Awaitable[None]:
        nonlocal turn
        turn += 1
        return said(port, requests[turn % len(requests)])

    return attack


async def main(port: int) -> None:
    forever = [again("silent", PAUSE, lambda: silent(port)) for _ in range(SILENT)]
    head, body = b"X-Slow: " + b"z" * 1_000, b"x" * 1_000
    long = POST + SIGNED + b"Content-Length: 1000000\r\n\r\n"
    forever += [again("slow head", PAUSE, lambda: slow(port, POST, head)) for _ in range(SLOW_HEADS)]
    forever += [again("slow body", PAUSE, lambda: slow(port, long, body)) for _ in range(SLOW_BODIES)]
    for name, requests in (("huge", HUGE), ("deep", DEEPER), ("malformed", MALFORMED)):
        forever += [again(name, PAUSE, one_after_the_other(port, requests)) for _ in range(EACH)]
    tasks = [asyncio.create_task(one) for one in forever]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    sys.stdout.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    # on machines of their own they would take no processor from anybody here
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(main(int(sys.argv[1])))
