"""The platforms, in a process of their own: the shop that sends orders, and the one that is told numbers.

`latency_platforms.py SKUS NAME PORT NAME PORT` says `ready`; each line of its standard input is a file that it writes what the second shop
was told since into, as JSON: by SKU a list of (level, when, by `time.perf_counter`), oldest first. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from pathlib import Path

from shop_orders import shop_of


async def main(skus: int, sells: str, port: int, told: str, told_port: int) -> None:
    arrived: dict[str, list[tuple[int, float]]] = defaultdict(list)

    def arrives(item: str, _place: str, level: int, _at: float) -> None:
        arrived[item].append((level, time.perf_counter()))

    shops = shop_of(sells, skus), shop_of(told, skus, on_level=arrives)
    await shops[0].start(port)
    await shops[1].start(told_port)
    arrived.clear()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while file := (await asyncio.to_thread(sys.stdin.readline)).strip():
        found = dict(arrived)
        arrived.clear()
        Path(file).write_text(json.dumps(found), encoding="utf-8")
        sys.stdout.write("written\n")
        sys.stdout.flush()
    for shop in shops:
        await shop.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])))
