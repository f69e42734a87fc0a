"""Catalogues are known before they are needed, and asked for again no more often than they are worth."""

from __future__ import annotations

import asyncio

import pytest

from connectors.directory import Directory, Item
from connectors.errors import Unreachable
from projections.queries import Queries
from streams import directories as module
from streams.directories import Directories
from streams.settings import Settings

CHANNEL = {"platform": "lightspeed_x", "domain_prefix": "example"}


class Platform:
    """A platform whose catalogue takes a while to read."""

    def __init__(self, takes: float = 0.0, down: int = 0) -> None:
        self.takes, self.down, self.asked = takes, down, 0

    async def directory(self) -> Directory:
        self.asked += 1
        await asyncio.sleep(self.takes)
        if self.asked <= self.down:
            raise Unreachable("away")
        return Directory(items={"product:1": Item("MUG")})


def directories(pool, platform) -> Directories:
    return Directories(Settings(channels={"tills": CHANNEL}), {"tills": platform}, Queries(pool))


async def test_given_a_catalogue_that_takes_long_then_it_is_asked_for_again_the_later(pool, monkeypatch):
    quick, slow = Platform(), Platform(takes=0.2)
    for platform in (quick, slow):
        known = directories(pool, platform)
        for _ in range(2):
            await known.refresh("tills", stale=0.1)
            await asyncio.sleep(0.3)
        monkeypatch.setattr(module, "STALE_MAX", 0.1)
        await known.refresh("tills", stale=0.1)
        monkeypatch.undo()
    assert (quick.asked, slow.asked) == (3, 2), (
        "0.2 s to read is 4 s to wait, unless that is more than is allowed"
    )


async def test_given_a_platform_that_is_away_at_the_start_then_it_is_met_when_it_is_back(pool, monkeypatch):
    monkeypatch.setattr(module, "MEET", 0.1)
    platform = Platform(down=2)
    known = directories(pool, platform)
    await asyncio.wait_for(known.meet(), 10)
    assert platform.asked == 3
    assert known.of("tills").items == {"product:1": Item("MUG")}
    await known.meet()
    assert platform.asked == 3


@pytest.mark.parametrize("takes", [0.0, 0.3])
async def test_given_several_who_do_not_know_a_name_then_the_platform_is_asked_once(pool, takes):
    platform = Platform(takes=takes)
    known = directories(pool, platform)
    await asyncio.gather(*(known.refresh("tills") for _ in range(5)))
    assert platform.asked == 1
