"""The sender, in a process of its own: `latency_sender.py SHOP SKUS`.

Each line of its standard input, `PORT RATE SECONDS FILE`, makes it make so many signed order webhooks, say `made`, wait for another line, and
send them open loop; then it writes what became of each into the file and says `sent`. What becomes of one: its order's number, when it was due,
when its turn came and when it was answered (by `time.perf_counter`), and the status.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from pathlib import Path

from http_load import open_loop
from shop_orders import Orders

CONNECTIONS = 256


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(shop: str, skus: int) -> None:
    orders = Orders(shop, skus)
    gc.disable()  # a collection would keep every moment waiting that comes meanwhile
    say("ready")
    while asked := sys.stdin.readline().split():
        port, rate, seconds, file = int(asked[0]), float(asked[1]), float(asked[2]), Path(asked[3])
        made = [orders.next() for _ in range(int(rate * seconds))]
        gc.collect()
        say("made")
        sys.stdin.readline()
        played = asyncio.run(open_loop(port, [request for _, request in made], rate, CONNECTIONS))
        numbers = [number for number, _ in made]
        became = zip(numbers, played.due, played.asked, played.ended, played.status, strict=True)
        file.write_text(json.dumps(list(became)), encoding="utf-8")
        say("sent")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
