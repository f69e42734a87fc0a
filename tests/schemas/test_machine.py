"""The hub beside a plain dictionary: whatever platforms tell, step by step, both say the same after every step."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.accounts import UNROUTED
from schemas.claims import Claim, Document, Fact, Line
from schemas.granting import asking, step
from schemas.ledger import Stock
from schemas.movements import Cause, Movement
from schemas.reservations import Ask, Request, Wanted
from schemas.rules import ChannelRules
from schemas.settling import Transaction, apply

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLACES = st.sampled_from(["STORE", "WAREHOUSE"])
UNITS = st.integers(1, 5)


class Shop(RuleBasedStateMachine):
    """One SKU at two places. The dictionary knows what is on the shelf, promised and held; it never hears of movements."""

    def __init__(self) -> None:
        super().__init__()
        self.stock = Stock(sku="mug")
        self.transactions: dict[str, Transaction] = {}
        self.told: list[Claim] = []
        self.offset = self.claims = self.clock = 0
        self.rules = ChannelRules()
        self.shelf, self.promised, self.held = Counter[str](), Counter[str](), Counter[str]()
        self.orders: dict[str, list[int]] = {}
        self.baskets: dict[str, tuple[str, int]] = {}

    # -- the hub

    def tell(self, deal: str, document: str, version: int, *lines: Line) -> None:
        documents = (Document(id=document, version=version, lines=lines),)
        claim = Claim(transaction=deal, channel="shop", topic="any", occurred_at=NOON, documents=documents)
        self.told.append(claim)
        self.hear(claim)

    def hear(self, claim: Claim) -> None:
        before = self.transactions.get(claim.transaction, Transaction())
        cause = Cause(0, self.claims, 0)
        self.claims += 1
        self.transactions[claim.transaction], posted = apply(before, claim, self.now, cause)
        self.append(*posted)

    def append(self, *movements: Movement) -> None:
        for movement in movements:
            if movement.cause.own:
                continue
            taken = step(self.stock, movement, self.offset)
            self.offset += 1
            self.stock = taken.stock
            self.append(*taken.posted)
            for claim in taken.claims:
                self.hear(claim)

    def ask(self, ask: Ask, basket: str, units: int, place: str) -> None:
        line = Wanted(sku="mug", quantity=units, location=place, rules=self.rules)
        self.append(asking(Request(id=basket, ask=ask, channel="shop", lines=(line,), ttl=50), self.now))

    def line(self, fact: Fact, units: int, place: str) -> Line:
        self.clock += 1
        return Line(fact=fact, sku="mug", quantity=units, at=self.now, location=place)

    @property
    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.clock)

    def free(self, place: str) -> int:
        return self.shelf[place] - self.promised[place] - self.held[place]

    # -- what may happen

    def beyond(self, place: str) -> int:
        """What may still be owed of the STORE's goods, where the shop's demand goes."""
        owed = sum(max(0, -self.free(one)) for one in ("STORE", "WAREHOUSE"))
        return max(0, (self.rules.backorder or 0) - owed) if place == "STORE" else 0

    @initialize(
        units=st.integers(0, 20), percent=st.sampled_from((None, 30)), backorder=st.sampled_from((None, 3))
    )
    def opened(self, units: int, percent: int | None, backorder: int | None) -> None:
        self.rules = ChannelRules(safety_percent=percent, backorder=backorder, ships_from="STORE")
        for place in ("STORE", "WAREHOUSE"):
            self.tell(f"opening/{place}", "opening", 1, self.line(Fact.OPENED, units, place))
            self.shelf[place] += units

    @rule(place=PLACES, units=UNITS)
    def sold(self, place: str, units: int) -> None:
        self.tell(f"sale/{self.clock}", "sale/1", 1, self.line(Fact.SOLD, units, place))
        self.shelf[place] -= units

    @rule(place=PLACES, units=UNITS)
    def ordered(self, place: str, units: int) -> None:
        deal = f"order/{self.clock}/{place}"
        self.tell(deal, "order/1", 1, self.line(Fact.ORDERED, units, place))
        self.orders[deal] = [units, 0]
        self.promised[place] += units

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def shipped(self, data: st.DataObject) -> None:
        deal = data.draw(st.sampled_from(sorted(self.orders)))
        open_units, parcels = self.orders[deal]
        if open_units:
            units, place = data.draw(st.integers(1, open_units)), deal.split("/")[2]
            self.tell(deal, f"parcel/{parcels}", 1, self.line(Fact.SHIPPED, units, place))
            self.orders[deal] = [open_units - units, parcels + 1]
            self.shelf[place] -= units
            self.promised[place] -= units

    @rule(place=PLACES, units=st.integers(0, 12))
    def counted(self, place: str, units: int) -> None:
        self.tell(f"count/{self.clock}", f"count/{self.clock}", 1, self.line(Fact.COUNTED, units, place))
        self.shelf[place] = units

    @rule(place=PLACES, units=UNITS)
    def reserved(self, place: str, units: int) -> None:
        self.clock += 1
        basket = f"r{self.clock}"
        held = ceil(Fraction(max(0, self.free(place)) * (self.rules.safety_percent or 0), 100))
        granted = units <= max(0, self.free(place) - held) + self.beyond(place)
        self.ask(Ask.PLACE, basket, units, place)
        if granted:
            self.held[place] += units
            self.baskets[basket] = place, units

    @precondition(lambda self: self.baskets)
    @rule(data=st.data(), bought=st.booleans())
    def ended(self, data: st.DataObject, bought: bool) -> None:
        basket = data.draw(st.sampled_from(sorted(self.baskets)))
        place, units = self.baskets.pop(basket)
        self.ask(Ask.CONVERT if bought else Ask.RELEASE, basket, units, place)
        self.held[place] -= units
        if bought:
            self.promised[place] += units

    @precondition(lambda self: self.baskets)
    @rule()
    def everything_expires(self) -> None:
        self.clock += 60
        for basket, (place, units) in self.baskets.items():
            self.ask(Ask.EXPIRE, basket, units, place)
            self.held[place] -= units
        self.baskets.clear()

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def told_again(self, data: st.DataObject) -> None:
        self.hear(data.draw(st.sampled_from(self.told)))

    # -- what must always be so

    @invariant()
    def both_say_the_same(self) -> None:
        for place in ("STORE", "WAREHOUSE"):
            assert self.stock.on_hand(place) == self.shelf[place]
            assert self.stock.balance(place, "committed") == self.promised[place]
            assert self.stock.balance(place, "reserved") == self.held[place]
            assert self.stock.balance(place) == self.free(place)
        assert UNROUTED not in self.stock.locations
        assert self.stock.total() == 0


Shop.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestShop = pytest.mark.law("all")(Shop.TestCase)
