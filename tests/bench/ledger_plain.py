"""The rival that promises nothing: a plain confluent-kafka loop. Decode, fold into a dictionary, write the changelog and one
output for each changed key of a batch, acknowledgements awaited once at the end.

`ledger_plain.py BOOTSTRAP SOURCE COUNT PARTITIONS CHANGELOG TARGET`.
"""

from __future__ import annotations

import sys
from collections import defaultdict

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from ledger_clock import Clock

BATCH = 2_000


def failed(error: KafkaError, _record: Message) -> None:
    raise KafkaException(error)


READING = {
    "group.id": "plain",  # no group is joined and nothing committed: the library wants a name
    "enable.auto.commit": False,
    "fetch.wait.max.ms": 20,
    "max.partition.fetch.bytes": 4 << 20,
}
WRITING = {
    # Without, it came to other units now and then: the broker of a topic just created refuses the first batches, because it does not
    # lead a partition yet, and these are tried again behind later ones, an older state behind a newer.
    "enable.idempotence": True,
    "delivery.report.only.error": True,
    "on_delivery": failed,
    "compression.type": "lz4",
    "linger.ms": 20,
    "batch.size": 1 << 20,
    "queue.buffering.max.messages": 2_000_000,
    "queue.buffering.max.kbytes": 1 << 20,
}


def main(bootstrap: str, source: str, left: int, partitions: int, changelog: str, target: str) -> None:
    consumer = Consumer({"bootstrap.servers": bootstrap, **READING})
    producer = Producer({"bootstrap.servers": bootstrap, **WRITING})
    consumer.assign([TopicPartition(source, partition, 0) for partition in range(partitions)])
    stock: dict[bytes, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    clock = Clock()
    while left:
        records = consumer.consume(BATCH, timeout=1.0)
        if not records:
            continue
        clock.take()
        left -= len(records)
        changed: dict[bytes, int] = {}
        for record in records:
            balances = stock[key := record.key()]
            for leg in orjson.loads(record.value())["legs"]:
                if leg["location"][0] != "@":
                    balances[f"{leg['location']}/{leg['state']}"] += leg["quantity"]
            changed[key] = record.partition()
        for key, partition in changed.items():
            value = orjson.dumps({"sku": key.decode(), "balances": stock[key]})
            producer.produce(changelog, value, key, partition)
            producer.produce(target, value, key, partition)
        producer.poll(0)
    assert producer.flush(60) == 0
    clock.acknowledged()
    clock.tell()
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:7])
