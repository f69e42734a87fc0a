"""Sales that are fulfilled later: their goods are kept from the moment they are sold, and gone when they are handed over."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Payload
from connectors.lightspeed_x import connector
from connectors.lightspeed_x.allowlist import SALE, cut
from connectors.lightspeed_x.sandbox import webhooks

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def polled(client):
    return [payload async for payloads, _ in client.poll(None) for payload in payloads]


def hooked(sandbox, sale):
    """The webhook of a sale as it is now."""
    found = sandbox._retailer.find(sale)
    return Payload(SALE, cut(SALE, webhooks.sale(sandbox._retailer, found.number)))


def pickup(sandbox, **more):
    lines = [("SHIRT", 2), ("MUG", 1)]
    return sandbox.sell("Mall", lines, at=NOW, webhook=False, state="pending", attributes=("pickup",), **more)


async def test_given_a_pickup_then_it_is_kept_then_handed_over_in_parts(client, sandbox, book):
    sale = pickup(sandbox)
    assert book().take(await polled(client)).of("SHIRT", "Mall") == {"available": 3, "committed": 2}
    sandbox.hand_over(sale, {0: 1}, at=NOW + HOUR)
    assert book().take(await polled(client)).of("SHIRT", "Mall") == {"available": 3, "committed": 1}
    assert sandbox.level("SHIRT", "Mall") == 4
    sandbox.close(sale, at=NOW + 2 * HOUR)
    ours = book().take(await polled(client))
    assert ours.of("SHIRT", "Mall") == {"available": 3}
    assert ours.of("MUG", "Mall") == {"available": 4}
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("MUG", "Mall")) == (3, 4)


async def test_given_a_pickup_elsewhere_then_it_is_kept_there_and_leaves_from_there(client, sandbox, book):
    sale = pickup(sandbox, fulfilled_at="High Street")
    ours = book().take(await polled(client))
    assert ours.of("SHIRT", "Mall") == {"available": 5}
    assert ours.of("SHIRT", "High Street") == {"available": 8, "committed": 2}
    sandbox.close(sale, at=NOW + HOUR)
    ours = book().take(await polled(client))
    assert ours.of("SHIRT", "Mall") == {"available": 5}
    assert ours.of("SHIRT", "High Street") == {"available": 8}
    assert sandbox.level("SHIRT", "High Street") == 8


async def test_given_a_pickup_elsewhere_that_is_voided_then_it_is_for_sale_there(client, sandbox, book):
    sale = pickup(sandbox, fulfilled_at="High Street")
    told = await polled(client)
    sandbox.void(sale, at=NOW + HOUR)
    ours = book().take([*told, *await polled(client)])
    assert (ours.of("SHIRT", "Mall"), ours.of("SHIRT", "High Street")) == (
        {"available": 5},
        {"available": 10},
    )


@pytest.mark.parametrize("handed_over", [0, 1, 2])
async def test_given_a_voided_pickup_then_in_any_order_of_webhooks_and_polls_everything_is_back(
    client, sandbox, book, handed_over
):
    sale = pickup(sandbox)
    told = [hooked(sandbox, sale), *await polled(client)]
    if handed_over:
        sandbox.hand_over(sale, {0: handed_over}, at=NOW + HOUR)
        told += [hooked(sandbox, sale), *await polled(client)]
    sandbox.void(sale, at=NOW + 2 * HOUR)
    told += [hooked(sandbox, sale), *await polled(client)]
    for order in itertools.islice(itertools.permutations(told), 0, None, 7):
        ours = book().take(order)
        assert ours.of("SHIRT", "Mall") == {"available": 5}
        assert ours.of("MUG", "Mall") == {"available": 5}


async def test_given_a_count_while_a_pickup_waits_then_voiding_it_brings_nothing_to_the_shelf(
    client, sandbox, book
):
    sale = pickup(sandbox)
    counted = sandbox.consign("STOCKTAKE", "Mall", {"SHIRT": 0}, at=NOW)
    for status in ("STOCKTAKE_IN_PROGRESS", "STOCKTAKE_IN_PROGRESS_PROCESSED"):
        sandbox.step(counted, status, at=NOW)
    sandbox.step(counted, "STOCKTAKE_COMPLETE", at=NOW + HOUR, received={"SHIRT": 5})
    sandbox.void(sale, at=NOW + 2 * HOUR)
    documents = await polled(client)
    by_poll = next(payload for payload in documents if payload.topic == SALE)
    told = [connector.read("tills", one).documents[0] for one in (hooked(sandbox, sale), by_poll)]
    assert told[0].version < told[1].version, "the webhook has forgotten that it was a pickup"
    for order in ([hooked(sandbox, sale), *documents], [*documents, hooked(sandbox, sale)]):
        ours = book().take(order)
        assert ours.on_hand("SHIRT", "Mall") == sandbox.level("SHIRT", "Mall") == 5


async def test_given_only_webhooks_of_a_closed_pickup_then_its_goods_are_still_kept_until_the_poll(
    client, sandbox, book
):
    sale = pickup(sandbox)
    sandbox.close(sale, at=NOW + HOUR)
    told = [hooked(sandbox, sale)]
    assert book().take(told).of("SHIRT", "Mall") == {"available": 3, "committed": 2}
    both = [*told, *await polled(client)]
    for order in (both, both[::-1]):
        assert book().take(order).of("SHIRT", "Mall") == {"available": 3}


async def test_given_a_pickup_with_something_brought_back_then_it_is_back_when_the_sale_is_closed(
    client, sandbox, book
):
    lines = [("SHIRT", 1), ("MUG", -1)]
    sale = sandbox.sell("Mall", lines, at=NOW, webhook=False, state="pending", attributes=("pickup",))
    (payload,) = await polled(client)
    document = connector.read("tills", payload).documents[0]
    assert [line.reason for line in document.skipped] == ["not returned by a pending pickup sale"]
    sandbox.close(sale, at=NOW + HOUR)
    ours = book().take(await polled(client))
    assert ours.of("MUG", "Mall") == {"available": 6}
    assert sandbox.level("MUG", "Mall") == 6


async def test_given_a_double_without_fulfillments_then_a_closed_pickup_was_handed_over_whole(
    client, sandbox, book, monkeypatch
):
    async def none(_sales):
        return []

    monkeypatch.setattr(client, "fulfillments", none)
    sandbox.close(pickup(sandbox), at=NOW + HOUR)
    assert book().take(await polled(client)).of("SHIRT", "Mall") == {"available": 3}
