"""The least that a server can do: every request has the same answer, and nothing of it is looked at but its length. What a generator reaches
here is its own limit. Says its port; ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys

from http_load import LENGTH

ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Canned(asyncio.Protocol):
    def __init__(self) -> None:
        self._held = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, end, body = self._held.partition(b"\r\n\r\n")
        length = LENGTH.search(head) if end else None
        if length is not None and len(body) >= int(length[1]):
            self._held = body[int(length[1]) :]
            assert self._transport is not None
            self._transport.write(ANSWER)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
