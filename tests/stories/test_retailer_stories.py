"""The retailer's flows, one story each, told on one running retailer: most of them at the same time, as in a shop.

They stand in one file, so that all of them run in one process, with one retailer.
"""

from __future__ import annotations

from collections.abc import Callable

import between
import brought_back
import from_store
import online
import pickup
import pytest
import trade

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.engines, pytest.mark.system]

MODULES = (online, from_store, pickup, brought_back, trade, between)
STORIES = [story for module in MODULES for story in module.STORIES]


def policy(story: Callable[..., object]) -> str:
    return story.__name__.removeprefix("given_")


@pytest.mark.parametrize("story", from_store.ALONE, ids=policy)
async def test_told_alone_given(company, story):
    await story(company)


@pytest.mark.parametrize("story", STORIES, ids=policy)
async def test_given(telling, story):
    await telling(story)


async def test_given_all_stories_then_in_the_end_everything_still_adds_up(company):
    for story in company.told:
        await story.agreed("")
    verdict = await company.hub.onhand("verify")
    assert verdict["ok"], verdict
