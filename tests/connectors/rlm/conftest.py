from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.rlm.client import RlmClient
from connectors.rlm.sandbox import RlmSandbox
from connectors.rlm.settings import RlmSettings

PLACES = ("E01", "STORE07")


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[RlmSandbox]:
    """A warehouse with two places. It does its work when a test asks it to: its own watch sleeps."""
    double = RlmSandbox(places=PLACES, folder=tmp_path, every=3_600)
    for sku, units in (("TEE-S", 10), ("TEE-M", 4), ("MUG", 0)):
        double.seed(sku, "E01", units)
    double.seed("TEE-S", "STORE07", 2)
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
def settings(tmp_path: Path) -> RlmSettings:
    return RlmSettings(
        platform="rlm", folder=tmp_path, quiet=0, locations={"E01": "East", "STORE07": "Store 7"}
    )


@pytest.fixture
def client(settings: RlmSettings) -> RlmClient:
    return RlmClient(settings, {})
