"""Channels whose platforms are asked: what they tell of is taken in, and what they show is compared with what they should.

Polls heal every webhook that was lost, and are all that a platform without webhooks has.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import structlog

from connectors.contract import ChannelSettings, Client, Connector
from connectors.errors import ConnectorError, SlowDown
from projections.pool import DatabaseError
from projections.queries import Queries
from schemas.metrics import SLOWED
from streams.cluster import Kafka
from streams.intake import Intake
from streams.reconciling import Reconciling
from streams.writer import NotWritten

log = structlog.get_logger()

POLL_PACE = 1.0
"""Seconds between two polls at least: a burst of webhooks that only say that there is something is one poll."""

POLLED_WITHIN = 1.5
"""In so many times the time between two polls, what a poll brings is taken in."""


def arrives_within(connector: Connector, channel: ChannelSettings) -> float:
    """Seconds in which a channel's documents have come to us, if nothing is lost: with its webhooks where these carry them, else
    with a poll.
    """
    hooked = connector.receive and not channel.points
    return 1.0 if hooked else max(1.0, POLLED_WITHIN * channel.poll_every)


async def subscribe(channel: str, client: Client, url: str) -> None:
    """Makes the platform send its webhooks here, however often that must be asked for."""
    while True:
        try:
            await client.subscribe(url)
        except ConnectorError as error:
            log.warning("not subscribed", channel=channel, reason=str(error))
            await asyncio.sleep(2.0)
        else:
            log.info("subscribed", channel=channel)
            return


async def poll(channel: str, client: Client, intake: Intake, queries: Queries, every: float) -> None:
    """Takes in what changed since the last poll, for ever: every so many seconds, and soon after a webhook that says nothing
    but that there is something. This heals every lost webhook.
    """
    woken = intake.wakes[channel]
    while True:
        woken.clear()
        try:
            await poll_once(channel, client, intake, queries)
        except SlowDown as wait:
            if not wait.early:
                intake.meters.count(SLOWED, channel)
            await asyncio.sleep(max(POLL_PACE, wait.retry_after))
            continue  # what there was to poll is still there
        except (ConnectorError, NotWritten, *DatabaseError) as error:
            log.warning("poll failed", channel=channel, reason=str(error))
        await asyncio.sleep(min(every, POLL_PACE))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), max(0.0, every - POLL_PACE))


def reconciling(channel: str, intake: Intake, queries: Queries, bootstrap: Kafka, dsn: str) -> Reconciling:
    """What compares a channel's platform with what it should show."""
    client = intake.directories.clients[channel]
    comparing = Reconciling(
        channel=channel,
        connector=intake.connectors[channel],
        client=client,
        intake=intake,
        queries=queries,
        bootstrap=bootstrap,
        dsn=dsn,
        poll=partial(poll_once, channel, client, intake, queries),
        arrives_within=arrives_within(
            intake.connectors[channel], intake.directories.settings.channels[channel]
        ),
    )
    intake.meters.look(comparing.samples)
    return comparing


async def poll_once(channel: str, client: Client, intake: Intake, queries: Queries) -> int:
    """One poll, when no other is under way. The cursor moves only after its documents are in the log. Returns how many there
    were.
    """
    taken = 0
    if not await intake.directories.known(channel):
        return taken
    async with intake.turns[channel]:
        began = intake.clock()
        async for payloads, cursor in client.poll(await queries.cursor(channel)):
            await intake.documents(channel, payloads)
            await queries.save_cursor(channel, cursor)
            taken += len(payloads)
        intake.polls[channel].append((began, intake.clock()))
    return taken
