"""The rival in Quix Streams: a stateful application, its state in its own RocksDB and changelog.

It knows no batches: every movement makes an output; its changelog has each changed key once a checkpoint.

`ledger_quix.py BOOTSTRAP SOURCE COUNT TARGET GROUP FOLDER`.
"""

from __future__ import annotations

import sys
from typing import Any

from ledger_clock import Clock
from quixstreams import Application, State
from quixstreams.internal_producer import InternalProducer

CHECKPOINT_SECONDS = 1.0
"""As often as Onhand's worker commits."""
READING = {
    "fetch.wait.max.ms": 20,
    "max.partition.fetch.bytes": 4 << 20,
    "session.timeout.ms": 120_000,  # on a machine with other work a member that lost its place would count twice
}
WRITING = {
    "compression.type": "lz4",
    "linger.ms": 20,
    "batch.size": 1 << 20,
    "queue.buffering.max.messages": 2_000_000,
    "queue.buffering.max.kbytes": 1 << 20,
}


class Timed(Clock):
    """Every checkpoint waits until all is acknowledged: the last that had anything to wait for is the end."""

    waiting = False

    def __init__(self) -> None:
        super().__init__()
        flush = InternalProducer.flush

        def flushed(producer: InternalProducer, timeout: float | None = None) -> int:
            left: int = flush(producer, timeout)
            if self.waiting:
                self.acknowledged()
            self.waiting = False
            return left

        InternalProducer.flush = flushed


def main(bootstrap: str, source: str, count: int, target: str, group: str, folder: str) -> None:
    clock = Timed()
    app = Application(
        bootstrap,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_interval=CHECKPOINT_SECONDS,
        state_dir=folder,
        consumer_extra_config=READING,
        producer_extra_config=WRITING,
        loglevel="WARNING",
    )

    def fold(movement: dict[str, Any], state: State) -> dict[str, Any]:
        clock.take()
        clock.waiting = True
        balances: dict[str, int] = state.get("balances", {})
        for leg in movement["legs"]:
            if leg["location"][0] != "@":
                cell = f"{leg['location']}/{leg['state']}"
                balances[cell] = balances.get(cell, 0) + leg["quantity"]
        state.set("balances", balances)
        return {"sku": movement["sku"], "balances": balances}

    movements = app.topic(source, key_deserializer="str", value_deserializer="json")
    stock = app.topic(target, key_serializer="str", value_serializer="json")
    app.dataframe(movements).apply(fold, stateful=True).to_topic(stock)
    app.run(count=count, collect=False)
    clock.tell()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:7])
