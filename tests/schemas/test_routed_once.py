"""The hub and the shop both say where an order goes: a unit is routed once, whoever says it and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.accounts import UNROUTED
from schemas.claims import Claim, Document, Fact, Line
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.parcels import Parcel, Plan
from schemas.routing import Demand, Routed, claim
from schemas.settling import Transaction, apply

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
ORDER = "order/web/1"


def said(channel, document, at, *lines):
    lines = tuple(
        Line(
            fact=fact, sku="TEE", quantity=units, at=NOON + timedelta(seconds=at), location=here, there=there
        )
        for fact, units, here, there in lines
    )
    found = Document(id=document, version=at, lines=lines)
    return Claim(
        transaction=ORDER,
        channel=channel,
        topic="any",
        occurred_at=NOON + timedelta(seconds=at),
        documents=(found,),
    )


def decided(number, place, units, at):
    demand = Demand(transaction=ORDER, channel="web", units={"TEE": units}, rejected={}, routed=number - 1)
    routed = Routed(plan=Plan((Parcel(place, {"TEE": units}),)), candidates={"TEE": {place: units}})
    return claim(demand, routed, NOON + timedelta(seconds=at))


@pytest.mark.parametrize("shop_says_at", [15, 25, 35], ids=["before", "after the refusal", "in the end"])
def test_given_a_parcel_that_is_short_then_the_shops_word_of_it_takes_nothing_from_the_next_place(
    shop_says_at,
):
    claims = [
        said("web", "order", 0, (Fact.ORDERED, 2, UNROUTED, None)),
        decided(1, "DC", 2, at=10),
        said("dc", "945", 20, (Fact.SHIPPED, 1, "DC", None), (Fact.PICK_REJECTED, 1, "DC", None)),
        said("web", "routing", shop_says_at, (Fact.REROUTED, 1, UNROUTED, "DC")),
        said("web", "fulfillment", shop_says_at, (Fact.SHIPPED, 1, "DC", None)),
        decided(2, "SOHO", 1, at=30),
    ]
    deal, stock = Transaction(), Stock(sku="TEE")
    for number, one in enumerate(claims):
        deal, posted = apply(deal, one, one.occurred_at, Cause(0, number, 0))
        for part, movement in enumerate(posted):
            stock = fold(stock, movement, number * 100 + part)
    committed = {place: here.get("committed", 0) for place, here in stock.locations.items()}
    assert {place: units for place, units in committed.items() if units} == {"SOHO": 1}
