"""One retailer for all stories: engines, platforms, worker and server are started once."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "retailer")]
for module in ("agreeing", "telling", "online", "from_store", "pickup", "brought_back", "trade", "between"):
    pytest.register_assert_rewrite(module)

import between  # noqa: E402  # found by the lines above
import brought_back  # noqa: E402  # as above
import from_store  # noqa: E402  # as above
import online  # noqa: E402  # as above
import pickup  # noqa: E402  # as above
import trade  # noqa: E402  # as above
from agreeing import Company  # noqa: E402  # as above
from company import SEATS, SITES  # noqa: E402  # as above
from running import running  # noqa: E402  # as above
from seats import configured, sandbox  # noqa: E402  # as above
from truth import Oracle  # noqa: E402  # as above

from deploy.engines import remove  # noqa: E402  # as above

STORIES = (online, from_store, pickup, brought_back, trade, between)
SHOWN_WITHIN = 60.0

Tell = Callable[[Any], Awaitable[None]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def company() -> AsyncIterator[Company]:
    """The retailer with its opening stock, which every platform shows."""
    stock = {cell: units for story in STORIES for cell, units in story.STOCK.items()}
    data = Path(tempfile.mkdtemp(prefix="onhand-stories-"))
    data.chmod(0o755)
    settings = configured(data, SEATS, about=SITES)
    sandboxes = {name: sandbox(name, seat, settings, stock) for name, seat in SEATS.items()}
    sandboxes["dc"].warehouse.holds = True
    key = {"Authorization": f"Bearer {(data / 'api-key').read_text().strip()}"}
    try:
        async with (
            running(data, SEATS, settings, sandboxes, print) as hub,
            ClientSession(headers=key) as http,
        ):
            await hub.opened(print)
            left = await hub.shown(Oracle(stock), sorted({sku for sku, _ in stock}), SHOWN_WITHIN)
            assert not left, f"the opening stock is not shown: {left[0]}"
            yield Company(hub, http)
    finally:
        remove(data / "engines")
        shutil.rmtree(data, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def telling(company: Company, request: pytest.FixtureRequest) -> AsyncIterator[Tell]:
    """Begins all stories that were asked for at once, and waits for the one that is asked about."""
    asked = [
        item.callspec.params["story"] for item in request.session.items if "telling" in item.fixturenames
    ]
    told = {story: asyncio.create_task(story(company)) for story in asked}

    async def tell(story: Any) -> None:
        await told[story]

    yield tell
    for task in told.values():
        task.cancel()
    await asyncio.gather(*told.values(), return_exceptions=True)
