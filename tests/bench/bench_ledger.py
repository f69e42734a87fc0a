"""How fast the ledger worker is beside its rivals, all in turn on the same Kafka: `make bench`, and `make bench-smoke`, which only
shows that it runs.

Each does the same work in a process of its own: decode a movement, fold it to units by SKU, location and state, write the
changelog and an output for each changed key of a batch. Each has one core, the broker has the others. Start-up is not measured, and the
broker's work is counted apart. What each comes to is compared, in its outputs and in its changelog, to the unit with the sum of the legs
that were written: a rival that computes less is no rival. Whoever differs, or fails, is named, and the run ends with that.

`ONHAND_BENCH_JSON` says where the figures are written, with a chart beside them. `ONHAND_SETS=uniform`,
`ONHAND_RIVALS=onhand,streams` (the plain loop always runs) and `ONHAND_MOVEMENTS=200000` are for whoever has less time,
`ONHAND_ROUNDS=3`, of which the best counts, for whoever has more.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from ledger_clock import BROKER
from ledger_report import SetFindings, best, show, write
from ledger_rivals import RIVALS, YARDSTICK, Heat, Rival
from ledger_sets import PARTITIONS, SETS, MovementSet, fill
from ledger_units import Newest

from deploy.engines import Engines, remove
from schemas.topics import CHANNEL_QUANTITIES
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import create_topics

ROUNDS, SEVERAL_MINUTES = int(os.environ.get("ONHAND_ROUNDS", "1")), 1_800.0
CORES = sorted(os.sched_getaffinity(0))
PINNED = len(CORES) > 1
Named = TypeVar("Named", Rival, MovementSet)


@dataclass(frozen=True, slots=True)
class Broker:
    """A Kafka that keeps off the core of whoever is measured."""

    address: str
    pid: int


class Failed(Exception):
    """A competitor did not finish. The message is the end of what it said."""


@pytest.fixture(scope="module")
def kafka() -> Iterator[Broker]:
    data = Path(tempfile.mkdtemp(prefix="onhand-bench-"))
    try:
        with Engines(data / "engines", postgres=False) as engines:
            pid = engines.info.pids["kafka"]
            if PINNED:
                pin(pid, CORES[1:])
            yield Broker(engines.bootstrap, pid)
    finally:
        remove(data / "engines")
        shutil.rmtree(data, ignore_errors=True)


def pin(pid: int, cores: Sequence[int]) -> None:
    """Keeps a process on some cores; threads that it starts later inherit that."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def measured(command: Sequence[str], broker: Broker) -> dict[str, float]:
    """Runs a competitor on a core of its own and returns what it printed last. Raises `Failed`."""
    try:
        done = subprocess.run(
            ["taskset", "-c", str(CORES[0]), *command],
            capture_output=True,
            text=True,
            check=True,
            timeout=SEVERAL_MINUTES,
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, BROKER: str(broker.pid)},
        )
    except subprocess.CalledProcessError as error:
        raise Failed(f"ended with {error.returncode}: {error.stderr[-2_000:]}") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"did not end within {error.timeout:,.0f} s") from error
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


async def test_ledger_beside_its_rivals(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    found = []
    for one in asked("SETS", SETS):
        found.append(await compared(kafka, f"{prefix}{one.name}.", tmp_path, one))
        show(found[-1], PINNED)
        if path := os.environ.get("ONHAND_BENCH_JSON"):
            write(found, Path(path))
    assert [f"{one.title}: {fault}" for one in found for fault in one.faults] == []


def asked(what: str, known: Sequence[Named]) -> list[Named]:
    """Those that the environment names, or all; of competitors the yardstick in any case."""
    all_names = [one.name for one in known]
    names = os.environ.get(f"ONHAND_{what}", ",".join(all_names)).split(",")
    assert set(names) <= set(all_names), f"ONHAND_{what} may name {', '.join(all_names)}"
    return [one for one in known if one.name in {*names, YARDSTICK}]


async def compared(broker: Broker, prefix: str, path: Path, movements: MovementSet) -> SetFindings:
    """All competitors in turn over one set, and again; what they wrote is deleted after each."""
    rivals = asked("RIVALS", RIVALS)
    count = int(os.environ.get("ONHAND_MOVEMENTS", movements.usual))
    source = await fill(broker.address, f"{prefix}all.", movements.make(count))
    sources = {
        fewer: await fill(broker.address, f"{prefix}{fewer}.", movements.make(fewer))
        for fewer in {rival.at_most for rival in rivals}
        if fewer < count
    }
    timed: dict[str, list[dict[str, float]]] = {rival.name: [] for rival in rivals}
    faults = []
    for number in range(ROUNDS):
        for rival in rivals:
            naming = Naming(f"{prefix}{number}.{rival.name}.")
            with tempfile.TemporaryDirectory(dir=path) as folder:
                heat = Heat(broker.address, sources.get(rival.at_most, source), naming, folder)
                await create_topics(broker.address, naming, PARTITIONS)
                try:
                    found = measured(rival.command(heat), broker)
                    written, wrong = await checked(heat, rival)
                    timed[rival.name].append(found | written)
                    faults += [f"{rival.label}: {fault}" for fault in wrong]
                except Failed as failed:
                    faults.append(f"{rival.label}: {failed}")
                await forget(broker.address, naming)
    findings = [
        best(rival, sources.get(rival.at_most, source).count, rounds)
        for rival in rivals
        if (rounds := timed[rival.name])
    ]
    await forget(broker.address, Naming(prefix))
    return SetFindings(movements.name, movements.title, source.count, len(source.expected), findings, faults)


async def checked(heat: Heat, rival: Rival) -> tuple[dict[str, float], list[str]]:
    """How many outputs and changelog records it wrote, and what is wrong with them."""
    reader = Reader(heat.bootstrap)
    await reader.start()
    try:
        outputs, written = await newest(reader, heat.naming(CHANNEL_QUANTITIES))
        changes, recorded = await newest(reader, rival.restores_from(heat))
    finally:
        await reader.stop()
    wrong = rival.compare(heat.source.expected, outputs, changes)
    return {"outputs": written, "changes": recorded}, wrong


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
