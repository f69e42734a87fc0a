"""When a platform is polled: in its own time, and at once when a webhook says only that there is something."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from connectors.errors import Forged, SlowDown
from connectors.registry import CONNECTORS
from projections.problems import Problem
from streams import polling
from streams.intake import Intake
from streams.polling import poll
from streams.stages import Naming

NEVER = 3_600.0


class Platform:
    """A platform that notes when it is asked, and answers `then`."""

    def __init__(self) -> None:
        self.asked = 0
        self.then: Exception | None = None

    async def poll(self, cursor):
        self.asked += 1
        if self.then is not None:
            answer, self.then = self.then, None
            raise answer
        yield [], str(self.asked)


class Cursors:
    """Keeps cursors."""

    def __init__(self) -> None:
        self.saved = {}

    async def cursor(self, channel):
        return self.saved.get(channel)

    async def save_cursor(self, channel, cursor):
        self.saved[channel] = cursor


class Directories:
    """Every catalogue is known."""

    settings = SimpleNamespace(channels={"labels": None, "web": None}, addressed=lambda _channel: None)

    async def known(self, channel):
        return True


class Log:
    """A log that takes everything."""

    async def send(self, outs):
        assert list(outs) == []


def receive(_settings, _secrets, _headers, body, _path):
    if body == b"forged":
        raise Forged("no")
    return []


@pytest.fixture
def intake():
    connector = SimpleNamespace(receive=receive, platform="shipstation")
    secrets = {"labels": {}, "web": {}}
    return Intake({"labels": connector, "web": connector}, secrets, Directories(), Log(), Naming())


@pytest.fixture
async def polled(intake, monkeypatch):
    """Starts polls that would wait an hour for the next, and ends them."""
    monkeypatch.setattr(polling, "POLL_PACE", 0.05)
    running = []

    def start(channel, every=NEVER):
        platform, cursors = Platform(), Cursors()
        running.append(asyncio.create_task(poll(channel, platform, intake, cursors, every)))
        return platform

    yield start
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def until(holds):
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)


async def test_given_a_webhook_that_names_nothing_then_its_channel_is_polled_soon_and_no_other(
    intake, polled
):
    labels, web = polled("labels"), polled("web")
    await until(lambda: labels.asked == web.asked == 1)
    await intake.webhook("labels", "", {}, b"there is something")
    await until(lambda: labels.asked == 2)
    assert web.asked == 1


async def test_given_a_burst_of_them_then_it_is_one_poll(intake, polled):
    labels = polled("labels")
    await until(lambda: labels.asked == 1)
    for _ in range(50):
        await intake.webhook("labels", "", {}, b"there is something")
    await asyncio.sleep(0.3)
    assert labels.asked == 2


async def test_given_one_while_a_poll_fails_then_it_is_polled_again_and_not_in_an_hour(intake, polled):
    labels = polled("labels")
    await until(lambda: labels.asked == 1)
    labels.then = SlowDown(0.1)
    await intake.webhook("labels", "", {}, b"there is something")
    await until(lambda: labels.asked == 2)
    await intake.webhook("labels", "", {}, b"there is something else")
    await until(lambda: labels.asked == 3)


async def test_given_a_forged_one_then_nothing_is_polled(intake, polled):
    labels = polled("labels")
    await until(lambda: labels.asked == 1)
    with pytest.raises(Problem) as problem:
        await intake.webhook("labels", "", {}, b"forged")
    await asyncio.sleep(0.2)
    assert (problem.value.status, labels.asked) == (401, 1)


async def test_given_no_webhook_then_it_is_polled_in_its_own_time(polled):
    labels = polled("labels", every=0.1)
    await until(lambda: labels.asked >= 3)


async def test_given_a_poll_is_under_way_then_another_waits_for_it(intake):
    platform, cursors = Platform(), Cursors()
    async with intake.turns["labels"]:
        second = asyncio.create_task(polling.poll_once("labels", platform, intake, cursors))
        await asyncio.sleep(0.1)
        assert platform.asked == 0
    assert await second == 0
    assert platform.asked == 1


async def test_given_a_platform_that_asks_to_wait_then_it_is_polled_after_that_and_not_in_an_hour(
    intake, polled
):
    labels = polled("labels")
    labels.then = SlowDown(0.1)
    await until(lambda: labels.asked == 2)


@pytest.mark.parametrize(
    ("platform", "more", "seconds"),
    [
        ("shopify", {"shop": "example.myshopify.com"}, 1.0),
        ("shopify", {"shop": "example.myshopify.com", "wholesale": {"tags": ["b2b"]}}, 1.0),
        ("shopify", {"shop": "example.myshopify.com", "wholesale": {"groups": ["b2b"]}}, 90.0),
        ("shipstation", {}, 90.0),
        ("magento", {"url": "https://shop.example.com"}, 90.0),
        ("rlm", {"folder": "partner"}, 90.0),
    ],
)
def test_given_a_channel_then_its_documents_are_here_after_a_poll_unless_its_webhooks_carry_them(
    platform, more, seconds
):
    connector = CONNECTORS[platform]
    for every, within in ((60.0, seconds), (0.0, 1.0)):
        channel = connector.settings(platform=platform, poll_every=every, **more)
        assert polling.arrives_within(connector, channel) == within
