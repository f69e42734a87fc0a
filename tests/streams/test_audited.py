"""The simulated stories on the real engines, exported: the files alone come to what the workers and the oracle say."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from projections.audit.checking import check
from projections.audit.export import Bounds, export
from projections.audit.manifest import Manifest
from projections.audit.once import Once
from projections.audit.retracing import Retraced
from projections.audit.shapes import movements_file
from projections.audit.signing import Signer
from projections.queries import Queries
from projections.recorder import Recorder
from schemas.claims import Claim
from schemas.topics import BUNDLE_PARTS, CLAIMS, MOVEMENTS
from streams.recorder import RECORDED, Recording

sys.path.insert(0, str(Path(__file__).parents[1] / "simulator"))

from oracle import Oracle
from world import world

PARTITIONS = 2


@pytest.fixture
def store() -> str:
    """Where the worker keeps its tables makes no difference here."""
    return "memory"


@pytest.fixture
def stack():
    with ExitStack() as found:
        yield found


async def until_settled(running, app, queries) -> None:
    """Waits until every stage and PostgreSQL stand at the ends of their topics."""

    async def ends(topic) -> dict[int, int]:
        return await running.reader.ends(running.naming(topic), range(PARTITIONS))

    async with asyncio.timeout(120):
        for topic, stage in zip((CLAIMS, MOVEMENTS, BUNDLE_PARTS), app.stages, strict=True):
            while any(stage.progress[p].next < end for p, end in (await ends(topic)).items()):
                await asyncio.sleep(0.05)
        for topic in RECORDED:
            due, at = await ends(topic), dict[int, int]()
            while any(at.get(p, 0) < end for p, end in due.items()):
                await asyncio.sleep(0.05)
                at = await queries.offsets(topic.name)


async def test_given_a_simulated_story_then_its_export_alone_comes_to_the_oracles_stock(
    running, pool, dsn, tmp_path, stack
):
    made = world(5, 300)
    recording = Recording(running.bootstrap, PARTITIONS, running.naming, Recorder(pool), running.writer, dsn)
    task = asyncio.create_task(recording.run())
    queries = Queries(pool)
    async with running.worker(made.rules) as app:
        await running.append(*(one for one in made.heard if isinstance(one, Claim)))
        await until_settled(running, app, queries)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    signer = Signer.read(Signer.new())
    await export(pool, tmp_path / "export", Bounds(), [], signer=signer, product="0.1.0")
    assert check(tmp_path / "export", signer.public).problems == []
    oracle = Oracle()
    for deal in made.deals:
        oracle.deal(deal, {})
    oracle.transit(made.deals)
    due = oracle.settled()
    manifest = Manifest.read((tmp_path / "export" / "manifest.json").read_bytes())
    retraced = Retraced(stack.enter_context(Once()))
    for partition in manifest.chain:
        assert list(retraced.file(tmp_path / "export" / movements_file(partition), partition, manifest)) == []
    cells = {cell: units for cell, units in retraced.cells.items() if units and cell[2] != "boundary"}
    assert cells == due
    held = {
        (stock.sku, place, state): units
        async for stock in queries.all_stock()
        for place, here in stock.locations.items()
        for state, units in here.items()
    }
    assert cells == held
    assert retraced.movements > 200
