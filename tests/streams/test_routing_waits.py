"""An order is not routed before a poll could have said that its platform chose a place: no webhook says so."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from projections.unrouted import Open
from streams.routing import COMES_THROUGH, UNPOLLED_MAX, Routing

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ORDER = Open(transaction="order/web/1", channel="web", units={"TEE": 1}, rejected={}, recorded_at=NOON)


def router(poll_every=60.0):
    channel = SimpleNamespace(routed_by_hub=True, poll_every=poll_every)
    return Routing(
        directories=SimpleNamespace(settings=SimpleNamespace(channels={"web": channel})),
        intake=SimpleNamespace(polled={}, wakes=defaultdict(asyncio.Event)),
        queries=None,
        dsn="",
        role="",
    )


def test_given_no_poll_since_an_order_then_it_waits_and_one_is_asked_for():
    routing = router()
    for polled in ({}, {"web": NOON - SECOND}, {"web": NOON}):
        routing.intake.polled, routing.intake.wakes["web"] = polled, asyncio.Event()
        assert routing._may_have_a_place(ORDER, NOON + SECOND)
        assert routing.intake.wakes["web"].is_set()


def test_given_polls_since_then_it_waits_until_what_the_first_brought_has_come_through():
    routing, first = router(), NOON + 2 * SECOND
    for ahead in (timedelta(0), COMES_THROUGH / 2):  # a newer poll does not make it wait longer
        routing.intake.polled["web"] = NOON + SECOND + ahead
        assert routing._may_have_a_place(ORDER, first + ahead)
    assert not routing._may_have_a_place(ORDER, first + COMES_THROUGH)
    assert not routing.intake.wakes["web"].is_set()


def test_given_no_poll_succeeds_then_it_waits_a_minute_and_no_longer():
    routing = router()
    assert routing._may_have_a_place(ORDER, NOON + UNPOLLED_MAX - SECOND)
    assert not routing._may_have_a_place(ORDER, NOON + UNPOLLED_MAX)


@pytest.mark.parametrize(
    ("order", "poll_every"),
    [(ORDER, 0.0), (replace(ORDER, routed=1), 60.0)],
    ids=["nobody polls", "it was routed before, and rejected"],
)
def test_given_nothing_that_a_poll_could_add_then_it_waits_for_none(order, poll_every):
    routing = router(poll_every)
    assert not routing._may_have_a_place(order, NOON)
    assert not routing.intake.wakes["web"].is_set()
