"""Reads a topic with aiokafka's consumer and does nothing with it: `replay_raw.py BOOTSTRAP TOPIC PARTITIONS`."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from aiokafka import AIOKafkaConsumer, TopicPartition


async def main(bootstrap: str, topic: str, partitions: int) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    tps = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer.assign(tps)
    await consumer.seek_to_beginning(*tps)
    left, read = sum((await consumer.end_offsets(tps)).values()), 0
    began, cpu = time.perf_counter(), time.process_time()
    while read < left:
        for records in (await consumer.getmany(timeout_ms=2_000)).values():
            read += len(records)
    found = {"records": read, "seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    sys.stdout.write(json.dumps(found) + "\n")
    await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
