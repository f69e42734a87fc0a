"""Catalogues are asked for once, and again no more often than they are worth."""

from __future__ import annotations

import asyncio

import pytest

from connectors.directory import Directory, Item
from projections.queries import Queries
from streams import directories as module
from streams.directories import Directories
from streams.settings import Settings

CHANNEL = {"platform": "lightspeed_x", "domain_prefix": "example"}


class Platform:
    """A platform whose catalogue takes a while to read."""

    def __init__(self, takes: float = 0.0) -> None:
        self.takes, self.asked = takes, 0

    async def directory(self) -> Directory:
        self.asked += 1
        await asyncio.sleep(self.takes)
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


async def test_given_a_catalogue_that_another_process_has_read_then_the_platform_is_not_asked_again(pool):
    reading, asking = Platform(), Platform()
    assert await directories(pool, reading).known("tills")
    known = directories(pool, asking)
    assert await known.known("tills")
    assert known.of("tills").items == {"product:1": Item("MUG")}
    assert (reading.asked, asking.asked) == (1, 0)


@pytest.mark.parametrize("takes", [0.0, 0.3])
async def test_given_several_who_do_not_know_a_name_then_the_platform_is_asked_once(pool, takes):
    platform = Platform(takes=takes)
    known = directories(pool, platform)
    await asyncio.gather(*(known.refresh("tills") for _ in range(5)))
    assert platform.asked == 1
