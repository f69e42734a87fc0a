"""What deals want brought from places, found in the journal; and what platforms were asked for, kept beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from projections.alerts import Alerts
from projections.carrying import CarryingOut
from projections.queries import Queries
from schemas import carrying
from schemas.carrying import Act, Carried, State, decide
from schemas.postings import Kind

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DEAL = "web/order/1"


@pytest.fixture
def memory(pool):
    return CarryingOut(Queries(pool))


async def wants(memory, *, on_hand=(), deal=DEAL):
    """What a deal wants, by place."""
    found = await memory.wanted([deal], on_hand)
    return {one.location: one for one in found if one.lines}


def row(state=State.CREATED, **more):
    names = {"transaction": DEAL, "location": "SOHO", "channel": "tills", "state": state, "at": NOW}
    return Carried(**{**names, "lines": {"TEE": 2}, "wanted": {"TEE": 2}, "ref": "S1", **more})


# -- what the journal says


async def test_given_an_order_then_its_units_are_wanted_where_they_are_committed(memory, shop):
    shop.post(Kind.STOCK_INITIALISED, 5, "SOHO")
    shop.post(Kind.ORDER_PLACED, 2, "SOHO", at=NOW)
    shop.post(Kind.ORDER_PLACED, 1, "SOHO", sku="MUG", at=NOW + timedelta(minutes=1))
    shop.post(Kind.ORDER_PLACED, 4, "@unrouted", sku="CAP", at=NOW + timedelta(minutes=2))
    await shop.record_all()
    (one,) = (await wants(memory)).values()
    assert (one.location, one.committed, one.left) == ("SOHO", {"TEE": 2, "MUG": 1}, {})
    assert (one.taken_by, one.known_to, one.placed_at) == (frozenset({"web"}), frozenset({"web"}), NOW)
    assert decide(one, None, "tills", NOW).act is Act.CREATE


async def test_given_demand_of_a_pool_then_it_is_wanted_as_any_other(memory, shop):
    shop.post(Kind.ORDER_PLACED, 2, "SOHO", pool="trade")
    shop.post(Kind.ORDER_PLACED, 1, "@unrouted", sku="MUG", pool="trade")
    shop.post(Kind.ORDER_REROUTED, 1, "@unrouted", sku="MUG", there="SOHO", pool="trade", channel="onhand")
    shop.journal[-1] = replace(shop.journal[-1], transaction=DEAL)
    await shop.record_all()
    assert (await wants(memory))["SOHO"].committed == {"MUG": 1, "TEE": 2}


async def test_given_a_routed_order_then_it_is_wanted_where_it_went_and_no_more_where_it_was(memory, shop):
    shop.post(Kind.ORDER_PLACED, 3, "@unrouted")
    shop.post(Kind.ORDER_REROUTED, 3, "@unrouted", there="SOHO")
    shop.post(Kind.PICK_REJECTED, 2, "SOHO", there="HARLEM")
    await shop.record_all()
    found = await wants(memory)
    assert {name: one.committed for name, one in found.items()} == {"SOHO": {"TEE": 1}, "HARLEM": {"TEE": 2}}


async def test_given_parts_that_left_then_they_are_told_apart_from_what_is_still_there(memory, shop):
    shop.post(Kind.ORDER_PLACED, 3, "SOHO")
    shop.post(Kind.PICKUP_COLLECTED, 2, "SOHO", channel="tills")
    shop.journal[-1] = replace(shop.journal[-1], transaction=DEAL)
    await shop.record_all()
    one = (await wants(memory))["SOHO"]
    assert (one.committed, one.left, one.lines) == ({"TEE": 1}, {"TEE": 2}, {"TEE": 3})
    assert one.known_to == frozenset({"web"}), "a hand-over commits nothing"
    back = shop.post(Kind.SHIPMENT_VOIDED, 1, "SOHO")
    await shop.record_all()
    one = (await wants(memory))["SOHO"]
    assert (one.committed, one.left) == ({"TEE": 2}, {"TEE": 1})
    shop.void(back)
    await shop.record_all()
    assert (await wants(memory))["SOHO"] == replace(one, committed={"TEE": 1}, left={"TEE": 2})


async def test_given_a_cancelled_or_a_voided_order_then_nothing_is_wanted(memory, shop):
    shop.post(Kind.ORDER_PLACED, 2, "SOHO")
    shop.post(Kind.ORDER_CANCELLED, 2, "SOHO")
    shop.void(shop.post(Kind.ORDER_PLACED, 1, "SOHO", document="order/2"))
    await shop.record_all()
    (first,) = await memory.wanted([DEAL], ())
    (second,) = await memory.wanted(["web/order/2"], ())
    assert (first.lines, second.lines, second.taken_by) == ({}, {}, frozenset())


async def test_given_what_is_no_order_then_nothing_is_to_be_created(memory, shop):
    shop.post(Kind.TRANSFER_SHIPPED, 2, "SOHO", there="HARLEM", transit="T", document="transfer/1")
    shop.post(Kind.RESERVATION_PLACED, 2, "SOHO", channel="onhand", document="reservation/1")
    shop.post(Kind.RESERVATION_CONVERTED, 2, "SOHO", channel="onhand", document="reservation/1")
    shop.post(Kind.POS_SALE_COMPLETED, 1, "SOHO", channel="tills", document="sale/1")
    await shop.record_all()
    names = ["web/transfer/1", "onhand/reservation/1", "tills/sale/1"]
    for one in await memory.wanted(names, ()):
        assert decide(one, None, "depot", NOW).act is Act.NOTHING


async def test_given_a_deal_that_the_carrier_took_or_brings_by_a_document_of_its_own_then_it_is_known(
    memory, shop
):
    shop.post(Kind.ORDER_PLACED, 2, "SOHO", channel="tills", document="sale/1")
    shop.post(Kind.ORDER_PLACED, 2, "@unrouted")
    shop.post(Kind.ORDER_ROUTED, 2, "@unrouted", there="SOHO", channel="tills", document="sale/2")
    shop.journal[-1] = replace(shop.journal[-1], transaction=DEAL)
    await shop.record_all()
    (own,) = await memory.wanted(["tills/sale/1"], ())
    assert own.taken_by == {"tills"}
    (routed,) = await memory.wanted([DEAL], ())
    assert (routed.taken_by, routed.known_to) == ({"web"}, {"tills"})


async def test_given_a_platform_that_took_the_same_units_off_by_itself_then_it_has_a_document_of_its_own(
    memory, shop
):
    """Whoever is believed: the ERP has the order too. A till that counts what is there took nothing off for an order."""
    shop.post(Kind.ORDER_PLACED, 2, "SOHO")
    noted = shop.post(Kind.REFUND_ISSUED, 1, "SOHO", channel="erp")
    shop.journal[-1] = replace(noted, transaction=DEAL, kind=Kind.WITNESSED, witnessed={"SOHO": -2})
    await shop.record_all()
    assert (await wants(memory))["SOHO"].known_to == {"web", "erp"}
    assert (await wants(memory, on_hand={"erp"}))["SOHO"].known_to == {"web"}


# -- which deals to look at


async def test_given_open_deals_then_they_stand_and_those_that_moved_since_are_news(memory, shop):
    shop.post(Kind.ORDER_PLACED, 2, "SOHO")
    shop.post(Kind.ORDER_PLACED, 2, "HARLEM", document="order/2")
    shop.post(Kind.ORDER_PLACED, 2, "SOHO", document="order/3")
    shop.post(Kind.PICKUP_COLLECTED, 2, "SOHO", document="order/3")
    await shop.record_all()
    assert await memory.standing("tills", {"SOHO"}) == {DEAL}
    assert await memory.standing("tills", ()) == set()
    reached = await memory.reached()
    assert await memory.news("tills", {"SOHO"}, reached) == set()
    assert await memory.news("tills", {"SOHO"}, dict.fromkeys(reached, 0)) == {DEAL, "web/order/3"}
    shop.post(Kind.ORDER_CANCELLED, 2, "SOHO")
    shop.post(Kind.ORDER_CANCELLED, 2, "HARLEM", document="order/2")
    await shop.record_all()
    assert await memory.news("tills", {"SOHO"}, reached) == {DEAL}
    assert await memory.news("tills", {"HARLEM"}, reached) == {"web/order/2"}


async def test_given_news_that_is_recorded_hours_late_then_it_is_news_all_the_same(memory, shop):
    """What counts is how far the journal is recorded, and not when that happened which it records."""
    shop.post(Kind.ORDER_PLACED, 1, "SOHO", document="order/2", known=NOW)
    await shop.record_all()
    reached = await memory.reached()
    shop.post(Kind.ORDER_PLACED, 2, "SOHO", known=NOW - timedelta(hours=9))
    await shop.record_all()
    assert await memory.news("tills", {"SOHO"}, reached) == {DEAL}


async def test_given_orders_that_are_there_then_those_that_want_something_else_now_stand_and_others_rest(
    memory, shop
):
    for number in (1, 2, 3, 4):
        shop.post(Kind.ORDER_PLACED, 2, "SOHO", document=f"order/{number}")
        await memory.save(row(transaction=f"web/order/{number}"))
    shop.post(Kind.ORDER_CANCELLED, 2, "SOHO", document="order/1")
    shop.post(Kind.PICKUP_COLLECTED, 2, "SOHO", document="order/2")
    shop.post(Kind.PICKUP_COLLECTED, 1, "SOHO", document="order/3")
    shop.post(Kind.ORDER_CANCELLED, 1, "SOHO", document="order/3")
    await memory.save(row(State.CANCELLED, transaction="web/order/5", wanted={}))
    await memory.save(row(State.ASKED, transaction="web/order/6", wanted={}))
    await shop.record_all()
    names = {f"web/order/{number}" for number in (1, 3, 4, 6)}
    assert await memory.standing("tills", {"SOHO"}) == names
    assert await memory.standing("depot", {"HARLEM"}) == set()
    assert await memory.any_of("tills")
    assert not await memory.any_of("depot")


async def test_given_an_order_that_is_there_then_news_of_its_deal_anywhere_is_news(memory, shop):
    await memory.save(row())
    shop.post(Kind.ORDER_CANCELLED, 2, "HARLEM")
    await shop.record_all()
    since = dict.fromkeys(await memory.reached(), 0)
    assert await memory.news("tills", {"SOHO"}, since) == {DEAL}
    assert await memory.news("depot", {"SOHO"}, since) == set()


# -- what was asked for


async def test_given_what_was_asked_for_then_it_is_read_as_it_was_written(memory):
    first = row(tried_at=NOW, unsure=True, detail="why")
    kept = await memory.save(first)
    assert kept == replace(first, edition=1)
    assert await memory.carried([DEAL]) == {(DEAL, "SOHO"): kept}
    assert await memory.carried(["web/order/2"]) == {}
    (shown,) = await memory.shown(DEAL)
    assert (shown["state"], shown["lines"], shown["ref"]) == ("created", {"TEE": 2}, "S1")


async def test_given_two_servers_then_what_the_slower_one_writes_of_an_order_is_not_kept(memory):
    first = await memory.save(row(State.ASKED))
    assert await memory.save(row(State.CANCELLED)) is None, "it had not read that there is one"
    second = await memory.save(carrying.created(first, "S1", NOW, already=False))
    assert await memory.save(carrying.cancelled(first, None, NOW)) is None
    assert await memory.carried([DEAL]) == {(DEAL, "SOHO"): second}
    assert (second.state, second.edition) == (State.CREATED, 2)


# -- what a person is told


async def test_given_orders_that_nobody_carries_out_then_each_is_an_alert_once(memory, pool):
    limits = {"stuck_after": timedelta(minutes=5), "dead_letters": 10}
    states = {
        "refused": row(State.REFUSED, detail="no such product"),
        "changed": row(State.CHANGED),
        "waits": row(State.ASKED, at=NOW - timedelta(minutes=6)),
        "asked": row(State.ASKED),
        "created": row(),
        "cancelled": row(State.CANCELLED),
    }
    for name, one in states.items():
        await memory.save(replace(one, transaction=f"web/{name}"))
    alerts = Alerts(pool)
    raised = await alerts.raised("not_carried_out", NOW, limits)
    assert {one.detail["transaction"] for one in raised} == {"web/refused", "web/changed", "web/waits"}
    assert {one.detail["reason"] for one in raised} == {"no such product", None}
    assert await alerts.raised("not_carried_out", NOW, limits) == []
    (late,) = await alerts.raised("not_carried_out", NOW + timedelta(minutes=6), limits)
    assert (late.detail["transaction"], late.since) == ("web/asked", NOW)
