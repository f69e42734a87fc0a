"""How fast the ledger worker is beside its rivals, all in turn on the same Kafka: `make bench`, and `make bench-smoke`, which only
shows that it runs (`ONHAND_MOVEMENTS=5000`, `ONHAND_ROUNDS=1`).

Each does the same work in a process of its own: decode a movement, fold it to units by SKU, location and state, write the
changelog and an output for each changed key of a batch. Each has one core, the broker has the others. What each comes to is compared to
the unit with the sum of the legs that were written: a rival that computes less is no rival.

`ONHAND_BENCH_JSON` says where the figures are written, with a chart beside them. `ONHAND_SETS=uniform` and
`ONHAND_RIVALS=onhand,streams` are for whoever has less time: the plain loop always runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from ledger_report import SetFindings, best, show, write
from ledger_rivals import RIVALS, YARDSTICK, Heat, Newest, Rival
from ledger_sets import PARTITIONS, SETS, MovementSet, fill

from deploy.engines import Engines, remove
from schemas.topics import CHANNEL_QUANTITIES
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import create_topics

ROUNDS, SEVERAL_MINUTES = int(os.environ.get("ONHAND_ROUNDS", "2")), 1_800.0
CORES = sorted(os.sched_getaffinity(0))
PINNED = len(CORES) > 1
Named = TypeVar("Named", Rival, MovementSet)


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """A Kafka that keeps off the core of whoever is measured."""
    data = Path(tempfile.mkdtemp(prefix="onhand-bench-"))
    try:
        with Engines(data / "engines", postgres=False) as engines:
            if PINNED:
                pin(engines.info.pids["kafka"], CORES[1:])
            yield engines.bootstrap
    finally:
        remove(data / "engines")
        shutil.rmtree(data, ignore_errors=True)


def pin(pid: int, cores: Sequence[int]) -> None:
    """Keeps a process on some cores; threads that it starts later inherit that."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def measured(command: Sequence[str]) -> dict[str, float]:
    """Runs a competitor on a core of its own and returns what it printed last."""
    done = subprocess.run(
        ["taskset", "-c", str(CORES[0]), *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=SEVERAL_MINUTES,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
async def reader(kafka: str) -> AsyncIterator[Reader]:
    opened = Reader(kafka)
    await opened.start()
    yield opened
    await opened.stop()


async def test_ledger_beside_its_rivals(kafka: str, prefix: str, tmp_path: Path, reader: Reader) -> None:
    found = []
    for one in asked("SETS", SETS):
        found.append(await compared(kafka, f"{prefix}{one.name}.", tmp_path, reader, one))
        if path := os.environ.get("ONHAND_BENCH_JSON"):
            write(found, Path(path))


def asked(what: str, known: Sequence[Named]) -> list[Named]:
    """Those that the environment names, or all; of competitors the yardstick in any case."""
    all_names = [one.name for one in known]
    names = os.environ.get(f"ONHAND_{what}", ",".join(all_names)).split(",")
    assert set(names) <= set(all_names), f"ONHAND_{what} may name {', '.join(all_names)}"
    return [one for one in known if one.name in {*names, YARDSTICK}]


async def compared(
    kafka: str, prefix: str, path: Path, reader: Reader, movements: MovementSet
) -> SetFindings:
    """All competitors in turn over one set, and again; what they wrote is deleted after each."""
    rivals = asked("RIVALS", RIVALS)
    count = int(os.environ.get("ONHAND_MOVEMENTS", movements.usual))
    source = await fill(kafka, f"{prefix}all.", movements.make(count))
    sources = {
        fewer: await fill(kafka, f"{prefix}{fewer}.", movements.make(fewer))
        for fewer in {rival.at_most for rival in rivals}
        if fewer < count
    }
    timed: dict[str, list[dict[str, float]]] = {rival.name: [] for rival in rivals}
    for number in range(ROUNDS):
        for rival in rivals:
            naming = Naming(f"{prefix}{number}.{rival.name}.")
            folder = path / naming.prefix
            folder.mkdir()
            heat = Heat(kafka, sources.get(rival.at_most, source), naming, str(folder))
            await create_topics(kafka, naming, PARTITIONS)
            timed[rival.name].append(measured(rival.command(heat)) | await checked(reader, heat, rival))
            await forget(kafka, naming)
            shutil.rmtree(folder)
    findings = [best(rival, sources.get(rival.at_most, source).count, timed[rival.name]) for rival in rivals]
    await forget(kafka, Naming(prefix))
    result = SetFindings(movements.name, movements.title, source.count, len(source.expected), findings)
    show(result, PINNED)
    return result


async def checked(reader: Reader, heat: Heat, rival: Rival) -> dict[str, float]:
    """Whether it came to what it had to; how many outputs and changelog records it wrote."""
    outputs, written = await newest(reader, heat.naming(CHANNEL_QUANTITIES))
    changes, recorded = await newest(reader, rival.restores_from(heat))
    rival.compare(heat.source.expected, outputs, changes)
    return {"outputs": written, "changes": recorded}


async def newest(reader: Reader, topic: str) -> tuple[Newest, int]:
    """The newest value of every key, and how many records there are."""
    found, count = Newest(), 0
    async for records in reader.whole(topic, PARTITIONS):
        count += len(records)
        found.update((record.key, record.value) for record in records)
    return found, count


async def forget(kafka: str, naming: Naming) -> None:
    """Deletes the topics of a competitor, or of all: a run would fill a disk."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        ours = [topic for topic in await admin.list_topics() if naming.prefix in topic]
        await admin.delete_topics(ours)
    finally:
        await admin.close()
