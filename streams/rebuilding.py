"""Makes projections anew from the log, beside everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from projections.derived import PROJECTIONS, Rebuilt, beside
from projections.pool import Pool, leadership
from projections.recorder import Batch, Recorder, Unrecordable
from schemas.topics import Topic
from streams.reader import Reader
from streams.recorder import RECORDED, batch_of
from streams.stages import Naming
from streams.topics import WrongTopics


@dataclass(slots=True)
class Filling:
    """Records topics from their beginning to where they end, by one recorder. What cannot be recorded is passed over: a dead letter said
    so when it came.
    """

    reader: Reader
    naming: Naming
    partitions: int
    recorder: Recorder
    progress: Callable[[int], None] = lambda _records: None

    async def fill(self, topics: Sequence[Topic]) -> None:
        """Records what is not recorded yet. Raises `WrongTopics` where part of it is gone, `DatabaseError`, `KafkaError`."""
        for topic in topics:
            name, known = self.naming(topic), await self.recorder.offsets(topic.name)
            ends = await self.reader.ends(name, range(self.partitions))
            begins = await self.reader.begins(name, range(self.partitions))
            for partition, end in ends.items():
                if known.get(partition, 0) < begins[partition] and topic.config["cleanup.policy"] == "delete":
                    raise WrongTopics(
                        f"{name}[{partition}] begins at {begins[partition]}: what was before is gone, and nothing can be made"
                        " anew without it"
                    )
                start = max(known.get(partition, 0), begins[partition])
                async for records in self.reader.read(name, partition, start, end):
                    await self._take(batch_of(topic, partition, records))
                    self.progress(len(records))
                if known.get(partition, 0) < end:  # compaction may have left nothing at the end
                    await self.recorder.record([Batch(topic, partition, (), end)])

    async def _take(self, batch: Batch) -> None:
        try:
            await self.recorder.record([batch])
        except Unrecordable:
            for one in batch.singly():
                try:
                    await self.recorder.record([one])
                except Unrecordable:
                    await self.recorder.record([replace(one, records=())])


async def rebuild(
    names: Sequence[str],
    dsn: str,
    live: Pool,
    reader: Reader,
    naming: Naming,
    partitions: int,
    progress: Callable[[int], None] = lambda _records: None,
) -> dict[str, Rebuilt]:
    """Makes projections equal to what the log makes of them. Nothing else has to stop for it.

    Everything is recorded once more, beside; and at last, while the recorder waits, what came meanwhile. Raises `DatabaseError`, `KafkaError`.
    """
    topics = [topic for topic in RECORDED if topic.name in names]
    async with leadership(dsn, f"{naming.prefix}rebuild"), beside(dsn, live) as fresh:
        filling = Filling(reader, naming, partitions, Recorder(fresh.pool), progress)
        await filling.fill(topics)
        async with fresh.alone() as connection:
            await filling.fill(topics)
            return await fresh.put_right(connection, [name for name in PROJECTIONS if name in names])
