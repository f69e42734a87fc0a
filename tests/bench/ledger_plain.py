"""The rival: a plain aiokafka loop with the same work and no guarantee. Decode, fold into a dictionary, one output for
each changed key of a batch, acknowledgements awaited once at the end.

`ledger_plain.py BOOTSTRAP SOURCE TARGET PARTITIONS` prints how long it took from the first batch to the last acknowledgement.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition


async def main(bootstrap: str, source: str, target: str, partitions: int) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=4 * 1024 * 1024
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks=1, max_batch_size=512 * 1024, linger_ms=20)
    await consumer.start()
    await producer.start()
    tps = [TopicPartition(source, p) for p in range(partitions)]
    consumer.assign(tps)
    ends = await consumer.end_offsets(tps)
    for tp in tps:
        consumer.seek(tp, 0)
    stock: dict[bytes, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    began = 0.0
    sent: list[asyncio.Future[object]] = []
    while any([await consumer.position(tp) < end for tp, end in ends.items()]):
        batches = await consumer.getmany(timeout_ms=1_000, max_records=2_000)
        began = began or time.perf_counter()
        for records in batches.values():
            changed = set()
            for record in records:
                for leg in orjson.loads(record.value)["legs"]:
                    if not leg["location"].startswith("@"):
                        stock[record.key][f"{leg['location']}/{leg['state']}"] += leg["quantity"]
                changed.add(record.key)
            for key in changed:
                value = orjson.dumps({"sku": key.decode(), "balances": stock[key]})
                sent.append(await producer.send(target, value, key))
    await producer.flush()
    ended = time.perf_counter()
    await asyncio.gather(*sent)
    sys.stdout.write(json.dumps({"seconds": ended - began, "cpu": time.process_time()}) + "\n")
    await producer.stop()
    await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
