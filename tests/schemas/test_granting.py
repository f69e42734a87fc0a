"""Requests may be refused, facts never: what a reservation holds, for how long, and what becomes of it."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import UNROUTED
from schemas.claims import Claim, Document, Fact, Line
from schemas.granting import asking, step
from schemas.ledger import Stock
from schemas.movements import ASKED, OWN, Cause
from schemas.reservations import Ask, Outcome, Request, Wanted
from schemas.rules import ChannelRules
from schemas.settling import Transaction, apply

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NETWORK = ChannelRules()
STORES = ChannelRules(publish="locations")


class Ledger:
    """A ledger of one partition with the settle stage before it: what they write is read again, in order."""

    def __init__(self) -> None:
        self.stocks: dict[str, Stock] = defaultdict(lambda: Stock(sku="?"))
        self.transactions: dict[str, Transaction] = defaultdict(Transaction)
        self.journal = []
        self.offsets, self.claim_offsets = count(), count()
        self.waiting = deque()

    def tell(self, transaction: str, *lines: Line, document: str = "order/1", channel: str = "shop") -> None:
        """A platform claims something."""
        documents = (Document(id=document, version=1, lines=lines),)
        self.claim(
            Claim(
                transaction=transaction, channel=channel, topic="any", occurred_at=NOON, documents=documents
            )
        )

    def claim(self, claim: Claim) -> None:
        before, cause = self.transactions[claim.transaction], Cause(0, next(self.claim_offsets), 0)
        self.transactions[claim.transaction], posted = apply(before, claim, NOON, cause)
        self.append(*posted)

    def ask(self, ask: Ask, ident: str, *lines: Wanted, after: float = 0, **more) -> str | None:
        """Asks; the answer is the reason of a refusal, else None."""
        request = Request(id=ident, ask=ask, channel="shop", lines=lines, ttl=60, **more)
        seen = len(self.journal)
        self.append(asking(request, NOON + timedelta(seconds=after)))
        refusals = [one for one in self.journal[seen:] if one.kind.value == "ReservationRefused"]
        return refusals[-1].reason if refusals else None

    def append(self, *movements) -> None:
        self.waiting.extend(movements)
        while self.waiting:
            movement = self.waiting.popleft()
            self.journal.append(movement)
            if movement.cause.own:
                continue
            before = self.stocks.get(movement.sku, Stock(sku=movement.sku))
            taken = step(before, movement, next(self.offsets))
            self.stocks[movement.sku] = taken.stock
            self.waiting.extend(taken.posted)
            for claim in taken.claims:
                self.claim(claim)

    def open(self, units: int, *skus: str, location: str = "STORE") -> None:
        for sku in skus or ("mug",):
            line = Line(fact=Fact.OPENED, sku=sku, quantity=units, at=NOON, location=location)
            self.tell(f"opening/{sku}/{location}", line)

    def balances(self, sku: str = "mug") -> dict[str, dict[str, int]]:
        return self.stocks[sku].locations


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def wanted(quantity: int, sku: str = "mug", location: str | None = None, rules=NETWORK) -> Wanted:
    return Wanted(sku=sku, quantity=quantity, rules=rules, location=location)


def test_given_units_are_free_then_they_are_held_and_nobody_else_can_have_them(ledger):
    ledger.open(10)
    assert ledger.ask(Ask.PLACE, "r1", wanted(7, location="STORE")) is None
    assert ledger.balances() == {"STORE": {"available": 3, "reserved": 7}}
    assert ledger.ask(Ask.PLACE, "r2", wanted(4)) == "3 of 4 units of mug are free"
    assert ledger.ask(Ask.PLACE, "r3", wanted(3)) is None
    assert ledger.stocks["mug"].on_hand("STORE") == 10


def test_given_no_place_is_named_then_the_units_are_held_back_from_the_network(ledger):
    ledger.open(4, location="STORE")
    ledger.open(5, location="WAREHOUSE")
    assert ledger.ask(Ask.PLACE, "r1", wanted(9)) is None
    assert ledger.balances()[UNROUTED] == {"available": -9, "reserved": 9}
    assert ledger.ask(Ask.PLACE, "r2", wanted(1)) == "0 of 1 units of mug are free"


def test_given_all_is_promised_without_a_place_then_no_place_has_units_to_promise(ledger):
    ledger.open(4, location="STORE")
    ledger.open(5, location="WAREHOUSE")
    ledger.ask(Ask.PLACE, "r1", wanted(7))
    assert ledger.ask(Ask.PLACE, "r2", wanted(3, location="STORE")) == "2 of 3 units of mug are free"
    assert ledger.ask(Ask.PLACE, "r3", wanted(2, location="STORE")) is None
    assert ledger.ask(Ask.PLACE, "r4", wanted(1, location="WAREHOUSE")) == "0 of 1 units of mug are free"


def test_given_safety_stock_then_it_is_not_reserved(ledger):
    ledger.open(5)
    careful = ChannelRules(safety_stock=2)
    assert ledger.ask(Ask.PLACE, "r1", wanted(4, rules=careful)) is not None
    assert ledger.ask(Ask.PLACE, "r2", wanted(4, location="STORE", rules=careful)) is not None
    assert ledger.ask(Ask.PLACE, "r3", wanted(3, rules=careful)) is None


def test_given_a_sku_nobody_tracks_then_nothing_of_it_can_be_held(ledger):
    assert ledger.ask(Ask.PLACE, "r1", wanted(1)) == "0 of 1 units of mug are free"
    ledger.open(5, location="WAREHOUSE")
    assert ledger.ask(Ask.PLACE, "r2", wanted(1, location="STORE")) == "0 of 1 units of mug are free"


def test_given_the_same_request_again_then_it_is_held_once(ledger):
    ledger.open(10)
    for _ in range(3):
        assert ledger.ask(Ask.PLACE, "r1", wanted(7)) is None
    assert ledger.balances()[UNROUTED] == {"available": -7, "reserved": 7}
    assert ledger.ask(Ask.PLACE, "r1", wanted(1)) == "this key was used for another reservation"


def test_given_it_was_refused_then_the_same_request_is_refused_though_units_are_free_now(ledger):
    assert ledger.ask(Ask.PLACE, "r1", wanted(7)) is not None
    ledger.open(10)
    assert ledger.ask(Ask.PLACE, "r1", wanted(7)) == "it was refused before"


@pytest.mark.parametrize("ask", [Ask.RELEASE, Ask.CONVERT])
def test_given_it_was_refused_then_it_can_only_be_told_so(ledger, ask):
    ledger.ask(Ask.PLACE, "r1", wanted(7))
    ledger.ask(ask, "r1", wanted(7))
    assert (ledger.journal[-1].kind.value, ledger.journal[-1].legs) == ("ReservationRefused", ())
    assert (ledger.balances(), ledger.transactions) == ({}, {})


def test_given_a_request_then_its_record_says_what_is_asked_and_moves_nothing():
    line = wanted(5)
    request = Request(id="r1", ask=Ask.RELEASE, channel="shop", lines=(wanted(1, "bowl"), line), index=1)
    asked = asking(request, NOON)
    assert (asked.id, asked.kind.value, asked.sku, asked.quantity) == (
        "r1/1/release",
        "ReservationReleased",
        "mug",
        5,
    )
    assert (asked.transaction, asked.document, asked.channel) == ("reservation/r1", "r1/1", "shop")
    assert (asked.legs, asked.cause, asked.request) == ((), Cause(ASKED, 0, 0), request)
    assert (asked.occurred_at, asked.recorded_at) == (NOON, NOON)
    assert asking(replace(request, transaction="order/1"), NOON).transaction == "order/1"


@pytest.mark.parametrize("partition", [None, 2])
def test_given_what_was_decided_is_read_back_then_all_of_it_is_a_repeat(ledger, partition):
    ledger.open(5)
    ledger.ask(Ask.PLACE, "r1", wanted(5))
    lines = (wanted(5), wanted(1, "bowl"))
    asked = asking(
        Request(id="r2", ask=Ask.PLACE, channel="shop", lines=lines, ttl=60), NOON + timedelta(minutes=1)
    )
    taken = step(ledger.stocks["mug"], asked, 9, *([] if partition is None else [partition]))
    expired, held, passed_on = taken.posted
    assert [expired.kind.value, held.kind.value] == ["ReservationExpired", "ReservationPlaced"]
    number = partition or 0
    assert [expired.id, held.id] == [f"ledger-{number}-9-0", f"ledger-{number}-9-1"]
    assert (expired.document, expired.transaction, held.transaction) == (
        "r1/0",
        "reservation/r1",
        "reservation/r2",
    )
    assert (passed_on.request.line.sku, passed_on.id) == ("bowl", "r2/1/place")
    assert taken.stock.applied[OWN - number] == (9, 2)
    for one in (expired, held):
        assert step(taken.stock, one, 50).stock is taken.stock
    nothing = asking(replace(asked.request, ask=Ask.EXPIRE), NOON)
    assert step(Stock(sku="mug"), nothing, 3).stock.applied == {}


def test_given_an_empty_place_then_it_has_nothing_for_units_promised_without_a_place(ledger):
    ledger.open(4, location="STORE")
    ledger.open(0, location="WAREHOUSE")
    ledger.ask(Ask.PLACE, "r1", wanted(3))
    assert ledger.ask(Ask.PLACE, "r2", wanted(2, location="STORE")) == "1 of 2 units of mug are free"


def test_given_more_is_held_back_than_there_is_then_nothing_is_free_and_not_less(ledger):
    ledger.open(1)
    careful = ChannelRules(safety_stock=3)
    assert ledger.ask(Ask.PLACE, "r1", wanted(1, location="STORE", rules=careful)) == (
        "0 of 1 units of mug are free"
    )


def kinds(journal):
    """What was posted, and whether units moved."""
    return [(one.kind.value, bool(one.legs)) for one in journal if one.cause.own]


def test_given_the_same_request_again_then_each_line_says_again_what_it_is_and_moves_nothing(ledger):
    ledger.open(5, "mug", "bowl")
    lines = (wanted(2, "mug"), wanted(3, "bowl"))
    ledger.ask(Ask.PLACE, "r1", *lines)
    seen = len(ledger.journal)
    ledger.ask(Ask.PLACE, "r1", *lines)
    assert kinds(ledger.journal[seen:]) == [("ReservationPlaced", False)] * 2
    assert [one.quantity for one in ledger.journal[seen:] if one.cause.own] == [2, 3]


def test_given_it_has_ended_then_it_says_so_again_and_moves_nothing(ledger):
    ledger.open(5)
    ledger.ask(Ask.PLACE, "r1", wanted(5))
    seen = len(ledger.journal)
    for ask in (Ask.RELEASE, Ask.RELEASE, Ask.CONVERT, Ask.PLACE):
        ledger.ask(ask, "r1", wanted(5))
    assert kinds(ledger.journal[seen:]) == [
        ("ReservationReleased", True),
        *[("ReservationReleased", False)] * 3,
    ]
    assert ledger.transactions.keys() == {"opening/mug/STORE"}, "no order was told of it"


@pytest.mark.parametrize("location", [None, "STORE"])
def test_given_it_became_an_order_then_the_order_is_told_which_units_are_committed_where(ledger, location):
    ledger.open(5)
    line = wanted(3, location=location)
    ledger.ask(Ask.PLACE, "r1", line)
    request = Request(id="r1", ask=Ask.CONVERT, channel="shop", lines=(line,), transaction="order/1")
    (claim,) = step(ledger.stocks["mug"], asking(request, NOON), 9).claims
    told = Line(fact=Fact.CONVERTED, sku="mug", quantity=3, at=NOON, location=location)
    assert claim == Claim(
        transaction="order/1",
        channel="onhand",
        topic="reservations",
        occurred_at=NOON,
        documents=(Document(id="reservation/r1/0", version=1, lines=(told,)),),
    )


def test_given_several_lines_then_all_are_held_or_none(ledger):
    ledger.open(5, "mug", "bowl", "plate")
    lines = (wanted(5, "mug"), wanted(5, "bowl"), wanted(6, "plate"))
    assert ledger.ask(Ask.PLACE, "r1", *lines) == "5 of 6 units of plate are free"
    assert all(UNROUTED not in ledger.balances(sku) for sku in ("mug", "bowl", "plate"))
    assert ledger.ask(Ask.PLACE, "r2", *lines[:2], wanted(5, "plate")) is None
    assert {ledger.stocks[sku].balance(UNROUTED) for sku in ("mug", "bowl", "plate")} == {-5}


def test_given_two_lines_want_one_sku_at_two_places_then_each_is_held_where_it_is_wanted(ledger):
    ledger.open(2, location="STORE")
    ledger.open(3, location="WAREHOUSE")
    both = (wanted(2, location="STORE"), wanted(3, location="WAREHOUSE"))
    assert ledger.ask(Ask.PLACE, "r1", *both) is None
    assert ledger.balances() == {"STORE": {"reserved": 2}, "WAREHOUSE": {"reserved": 3}}


def test_given_it_is_released_then_the_units_are_free(ledger):
    ledger.open(5)
    ledger.ask(Ask.PLACE, "r1", wanted(5))
    assert ledger.ask(Ask.RELEASE, "r1", wanted(5)) is None
    assert ledger.ask(Ask.RELEASE, "r1", wanted(5)) is None, "released again, it is released"
    assert ledger.balances() == {"STORE": {"available": 5}}
    assert ledger.ask(Ask.RELEASE, "r9", wanted(5)) == "there is no such reservation"


@pytest.mark.parametrize(("after", "free"), [(59.999, False), (60, True)])
def test_given_its_time_is_over_then_to_the_second_the_units_are_free(ledger, after, free):
    ledger.open(5)
    ledger.ask(Ask.PLACE, "r1", wanted(5))
    assert (ledger.ask(Ask.PLACE, "r2", wanted(5), after=after) is None) is free


def test_given_nobody_asks_anything_then_it_expires_when_the_clock_says_so(ledger):
    ledger.open(5)
    ledger.ask(Ask.PLACE, "r1", wanted(5))
    ledger.ask(Ask.EXPIRE, "r1", wanted(5), after=30)
    assert ledger.stocks["mug"].holds["r1/0"].outcome is Outcome.HELD
    ledger.ask(Ask.EXPIRE, "r1", wanted(5), after=61)
    assert ledger.balances() == {"STORE": {"available": 5}}
    (expired,) = [one for one in ledger.journal if one.kind.value == "ReservationExpired" and one.legs]
    assert expired.occurred_at == NOON + timedelta(seconds=60)


def test_given_its_time_is_over_then_it_cannot_become_an_order(ledger):
    ledger.open(5)
    ledger.ask(Ask.PLACE, "r1", wanted(5))
    ledger.ask(Ask.CONVERT, "r1", wanted(5), after=61, transaction="order/1")
    assert ledger.balances() == {"STORE": {"available": 5}}
    assert ledger.journal[-1].kind.value == "ReservationExpired"


def test_given_it_became_an_order_then_the_order_s_own_claim_commits_nothing_twice(ledger):
    ledger.open(5)
    ledger.ask(Ask.PLACE, "r1", wanted(3))
    ledger.ask(Ask.CONVERT, "r1", wanted(3), after=5, transaction="order/1")
    assert ledger.balances()[UNROUTED] == {"available": -3, "committed": 3}
    ordered = Line(fact=Fact.ORDERED, sku="mug", quantity=4, at=NOON, location="STORE")
    ledger.tell("order/1", ordered)
    assert ledger.balances() == {
        UNROUTED: {"available": -3, "committed": 3},
        "STORE": {"available": 4, "committed": 1},
    }
    sent = Line(fact=Fact.SHIPPED, sku="mug", quantity=4, at=NOON + timedelta(hours=1), location="STORE")
    ledger.tell("order/1", sent, document="parcel/1")
    assert ledger.balances() == {"STORE": {"available": 1}}


def test_given_the_order_came_first_then_converting_commits_nothing_twice_either(ledger):
    ledger.open(5)
    ledger.ask(Ask.PLACE, "r1", wanted(3))
    ledger.tell("order/1", Line(fact=Fact.ORDERED, sku="mug", quantity=3, at=NOON, location="STORE"))
    ledger.ask(Ask.CONVERT, "r1", wanted(3), after=5, transaction="order/1")
    assert ledger.balances() == {"STORE": {"available": 5}, UNROUTED: {"available": -3, "committed": 3}}


def test_given_a_day_has_passed_then_the_key_is_forgotten(ledger):
    ledger.open(5)
    ledger.ask(Ask.PLACE, "r1", wanted(5))
    ledger.ask(Ask.RELEASE, "r1", wanted(5))
    ledger.ask(Ask.PLACE, "r2", wanted(1), after=86_401)
    assert set(ledger.stocks["mug"].holds) == {"r2/0"}


ASKS = st.lists(
    st.tuples(
        st.sampled_from([Ask.PLACE, Ask.PLACE, Ask.RELEASE, Ask.CONVERT, Ask.EXPIRE]),
        st.integers(0, 5),
        st.lists(
            st.tuples(st.sampled_from(["bowl", "mug", "plate"]), st.integers(1, 4)),
            min_size=1,
            max_size=3,
            unique_by=lambda line: line[0],
        ),
        st.integers(0, 40),
    ),
    max_size=25,
)


@pytest.mark.law("L6")
@given(asked=ASKS)
@settings(max_examples=150, deadline=None)
def test_given_any_requests_then_no_more_is_promised_than_there_is_and_reservations_are_whole(asked):
    ledger = Ledger()
    ledger.open(6, "bowl", "mug", "plate")
    lines_of: dict[str, tuple[Wanted, ...]] = {}
    clock = 0
    for ask, number, lines, passes in asked:
        clock += passes
        ident = f"r{number}"
        whole = lines_of.setdefault(ident, tuple(wanted(units, sku) for sku, units in sorted(lines)))
        if ask is Ask.PLACE:
            ledger.ask(ask, ident, *whole, after=clock)
        else:
            for index in range(len(whole)):
                ledger.ask(ask, ident, *whole, after=clock, index=index)
        for stock in ledger.stocks.values():
            assert stock.total() == 0
            assert stock.balance("STORE") + stock.balance(UNROUTED) >= 0
    now = NOON + timedelta(seconds=clock)
    for ident, lines in lines_of.items():
        holds = [ledger.stocks[line.sku].holds.get(f"{ident}/{n}") for n, line in enumerate(lines)]
        ends = {
            Outcome.EXPIRED if hold.outcome is Outcome.HELD and hold.expires_at <= now else hold.outcome
            for hold in holds
            if hold is not None
        }
        assert len(ends - {Outcome.REFUSED, Outcome.RELEASED}) <= 1
        assert not (ends & {Outcome.HELD, Outcome.CONVERTED} and ends & {Outcome.REFUSED})


def test_given_a_request_read_twice_then_it_is_decided_once(ledger):
    ledger.open(5)
    asked = asking(Request(id="r1", ask=Ask.PLACE, channel="shop", lines=(wanted(5),), ttl=60), NOON)
    once = step(ledger.stocks["mug"], asked, 9)
    assert step(once.stock, asked, 9).posted == ()
    again = step(once.stock, replace(asked), 10)
    assert again.stock.locations == once.stock.locations
