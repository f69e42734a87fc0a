"""All that an installation keeps, as bytes, and which words are in it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient


def words_in(content: bytes, words: Iterable[str]) -> list[str]:
    """Which words are in it, in clear or as PostgreSQL writes bytes."""
    lower = content.lower()
    return [word for word in words if word.lower().encode() in lower or word.encode().hex().encode() in lower]


async def everything_in_kafka(bootstrap: str) -> dict[str, bytes]:
    """The bytes of all records of all topics there are, the tables' and Kafka's own among them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, exclude_internal_topics=False
    )
    await admin.start()
    await consumer.start()
    found: dict[str, bytes] = {}
    try:
        for topic in await admin.list_topics():
            partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
            found[topic] = b""
            if not partitions:
                described = (await admin.describe_topics([topic]))[0]["partitions"]
                partitions = [TopicPartition(topic, part["partition"]) for part in described]
            begins, ends = (
                await consumer.beginning_offsets(partitions),
                await consumer.end_offsets(partitions),
            )
            for part in partitions:
                consumer.assign([part])
                consumer.seek(part, begins[part])
                while await consumer.position(part) < ends[part]:
                    for records in (await consumer.getmany(part, timeout_ms=2_000)).values():
                        for one in records:
                            told = [one.key, one.value, *(value for _, value in one.headers)]
                            found[topic] += b"\n".join(filter(None, told)) + b"\n"
    finally:
        await consumer.stop()
        await admin.close()
    return found


def everything_in_postgres(dsn: str) -> dict[str, bytes]:
    """Every row of every table, with all its columns."""
    with psycopg.connect(dsn) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {
            name: b"\n".join(
                row[0].encode() for row in connection.execute(f"SELECT t::text FROM {name} t".encode())
            )
            for (name,) in tables
        }


def everything_on_disk(folder: Path) -> dict[Path, bytes]:
    """Every file of an installation and its engines: logs, segments, PostgreSQL's tables and its journal."""
    folders = [folder, *(Path(file.read_text().strip()) for file in folder.rglob("postgres.path"))]
    return {
        file: file.read_bytes()
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink()
    }
