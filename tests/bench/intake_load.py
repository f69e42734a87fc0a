"""The generator of `bench_intake.py`, in a process of its own: `intake_load.py PORT SKUS COUNT full CONNECTIONS SECONDS`, or `... open RATE SECONDS`.

Makes COUNT signed order webhooks of two lines and sends them in turn: as fast as they are answered, or at fixed moments. Prints what came of it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import sys
import time
from itertools import cycle, islice

from http_load import open_loop, saturated
from shop_orders import Orders

CONNECTIONS = 64


def percentiles(took: list[float]) -> dict[str, float]:
    """Milliseconds."""
    took = sorted(took)
    return {
        f"p{percent:g}": took[max(0, math.ceil(len(took) * percent / 100) - 1)] * 1_000
        for percent in (50, 99, 99.9)
    }


def main(port: int, skus: int, count: int, how: str, number: float, seconds: float) -> None:
    orders = Orders("web", skus)
    requests = [orders.next()[1] for _ in range(count)]
    gc.collect()
    gc.disable()
    before = time.process_time()
    if how == "full":
        full = asyncio.run(saturated(port, requests, int(number), seconds))
        took, found = full.took, {"answers": full.answers, "refused": full.refused, "seconds": full.seconds}
    else:
        made = list(islice(cycle(requests), int(number * seconds)))
        played = asyncio.run(open_loop(port, made, number, CONNECTIONS))
        took = [
            end - due if status // 100 == 2 else math.inf
            for due, end, status in zip(played.due, played.ended, played.status, strict=True)
        ]
        refused = sum(math.isinf(one) for one in took)
        found = {"answers": len(took), "refused": refused, "seconds": seconds}
    found |= {"cpu": time.process_time() - before, **percentiles(took)}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), sys.argv[4], *map(float, sys.argv[5:7]))
