"""A slow network between a client and a server: forwards TCP, every piece of it late by a delay and some jitter.

`python proxy.py PORT TARGET DELAY JITTER SEED` listens on 127.0.0.1:PORT and forwards to 127.0.0.1:TARGET. Each direction is
late by DELAY plus or minus up to JITTER seconds, drawn anew for every piece that arrives; bytes are never reordered. It
prints `ready` when it listens, and ends when its standard input does: its parent is gone.
"""

from __future__ import annotations

import asyncio
import random
import sys

PIECE = 64 * 1024
QUEUED = 256
"""Pieces of one direction that may be on their way; then the sender waits, as it would for a full network."""


class Proxy:
    """Forwards every connection it is given to `target`, a port on loopback. Times in seconds."""

    def __init__(self, target: int, delay: float, jitter: float, seed: int) -> None:
        self.target, self.delay, self.jitter, self.chance = target, delay, jitter, random.Random(seed)
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Listens on a port of loopback."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, backlog=256)

    async def stop(self) -> None:
        """Listens no more, and breaks every connection."""
        if self._server is not None:
            self._server.close()
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # the server is down: so is what stands before it
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as both:
                for source, sink in ((reader, back), (there, writer)):
                    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUED)
                    both.create_task(self._take(source, under_way))
                    both.create_task(self._deliver(under_way, sink))
        except* OSError:
            pass  # one side is gone: so is the other
        finally:
            back.close()
            writer.close()

    async def _take(
        self, source: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        """Takes what arrives, with the instant at which it is due; nothing is due before what came before it."""
        clock, due = asyncio.get_running_loop().time, 0.0
        while True:
            piece = await source.read(PIECE)
            due = max(due, clock() + self.delay + self.chance.uniform(-self.jitter, self.jitter))
            await under_way.put((due, piece))
            if not piece:
                return

    async def _deliver(
        self, under_way: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        """Hands on what is due; at the end of what was said, the end."""
        clock = asyncio.get_running_loop().time
        while True:
            due, piece = await under_way.get()
            await asyncio.sleep(due - clock())
            if not piece:
                sink.write_eof()
                return
            sink.write(piece)
            await sink.drain()


async def main(port: int, target: int, delay: float, jitter: float, seed: int) -> None:
    proxy = Proxy(target, delay, jitter, seed)
    await proxy.start(port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await proxy.stop()


if __name__ == "__main__":
    asyncio.run(
        main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
    )
