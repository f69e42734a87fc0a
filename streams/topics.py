"""Creates the topics of the topic table, all with the same partition count, and refuses to run on others."""

from __future__ import annotations

import asyncio
import time

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorForGroupError,
    TopicAlreadyExistsError,
    for_code,
)

from schemas.topics import TOPICS
from streams.cluster import Kafka, access, saying_why
from streams.stages import Naming


class WrongTopics(Exception):
    """The topics of this cluster are not what this installation needs."""


async def create_topics(bootstrap: Kafka, naming: Naming, partitions: int, replication: int = 1) -> None:
    """Creates what is missing, waits until every partition has a leader, and checks the partition counts.

    Raises `WrongTopics` when a topic has another number of partitions: every key would change its partition.
    """
    admin = AIOKafkaAdminClient(**access(bootstrap))
    try:
        async with saying_why(bootstrap):
            await admin.start()
        wanted = [
            NewTopic(naming(topic), partitions, replication, topic_configs=dict(topic.config))
            for topic in TOPICS
        ]
        answer = await admin.create_topics(wanted)
        for name, code, *_ in answer.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise WrongTopics(f"topic {name} could not be created: {for_code(code).__name__}")
        await _await_leaders(admin, {naming(topic) for topic in TOPICS}, partitions)
        await _await_coordinator(admin)
    finally:
        await admin.close()


async def _await_leaders(
    admin: AIOKafkaAdminClient, names: set[str], partitions: int, within: float = 20.0
) -> None:
    deadline = time.monotonic() + within
    while True:
        found = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics(sorted(names))}
        led = {name: [p for p in found.get(name, []) if p["leader"] >= 0] for name in names}
        if all(len(led[name]) == len(found.get(name, [])) > 0 for name in names):
            break
        if time.monotonic() > deadline:
            raise WrongTopics("the topics have no leaders: is the broker healthy?")
        await asyncio.sleep(0.1)
    for name in sorted(names):
        if len(found[name]) != partitions:
            raise WrongTopics(
                f"topic {name} has {len(found[name])} partitions, this installation is configured for {partitions}"
            )


async def _await_coordinator(admin: AIOKafkaAdminClient, within: float = 20.0) -> None:
    """Waits for the topic that keeps consumer groups: a new broker creates it at the first question."""
    deadline = time.monotonic() + within
    while True:
        try:
            await admin.find_coordinator("onhand")
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            if time.monotonic() > deadline:
                raise WrongTopics("the broker keeps no consumer groups: is it healthy?") from None
            await asyncio.sleep(0.1)
        else:
            return


async def reachable(bootstrap: Kafka) -> bool:
    """Whether a broker answers."""
    admin = AIOKafkaAdminClient(**access(bootstrap), request_timeout_ms=3_000)
    try:
        await admin.start()
    except KafkaError:
        return False
    finally:
        await admin.close()
    return True
