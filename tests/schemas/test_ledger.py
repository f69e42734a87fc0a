"""The laws of the book: nothing is lost, and neither order, nor repetition, nor a crash changes what it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import ON_HAND, UNROUTED
from schemas.claims import Fact
from schemas.flows import Flow, balances
from schemas.ledger import Book, Stock, fold, is_repeat, view
from schemas.ledger import take as take_in
from schemas.movements import Cause
from schemas.postings import Kind
from schemas.settling import Transaction, settle, take


@pytest.mark.law("L1")
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_given_any_claims_then_every_sku_sums_to_zero_after_every_movement(data, log):
    books: dict[str, Stock] = {}
    for offset, movement in enumerate(log.post(data.draw(log.news), data.draw(log.authorities))):
        before = books.get(movement.sku, Stock(sku=movement.sku))
        books[movement.sku] = fold(before, movement, offset)
        assert books[movement.sku].total() == 0


@pytest.mark.law("L2")
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_given_the_same_claims_in_any_order_any_number_of_times_then_the_stock_is_the_same(data, log):
    told, authority = data.draw(log.news), data.draw(log.authorities)
    again = log.shuffled(told, data.draw(log.picks))
    assert log.book(log.stocks(log.post(told, authority))) == log.book(log.stocks(log.post(again, authority)))


@pytest.mark.law("L2")
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_given_the_same_claims_in_any_order_then_what_stands_in_the_journal_is_the_same(data, log):
    told, authority = data.draw(log.news), data.draw(log.authorities)
    again = log.shuffled(told, data.draw(log.picks))
    assert standing(log.post(told, authority)) == standing(log.post(again, authority))


def standing(posted):
    """What is posted and not voided, with every attribute of the fact."""
    left: Counter[tuple[object, ...]] = Counter()
    for one in posted:
        fact = (one.sku, one.transaction, one.channel, one.document, one.occurred_at)
        about = (one.reason, one.demand_class)
        for leg in one.legs:
            left[(one.voids or one.kind, *fact, *about, leg.location, leg.state)] += leg.quantity
    return {key: quantity for key, quantity in left.items() if quantity}


@pytest.mark.law("L4")
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_given_any_claims_then_the_stock_is_what_the_newest_documents_say(data, log):
    told = data.draw(log.news)
    held: dict[str, Transaction] = {}
    for offset, claim in enumerate(told):
        held[claim.transaction] = take(
            held.get(claim.transaction, Transaction()), claim, claim.occurred_at, offset
        )
    due: Counter[tuple[str, str, str]] = Counter()
    happened: list[tuple[Flow, int]] = []
    for key, transaction in held.items():
        happened.extend(settle(transaction).items())
        due.update(balances(settle(transaction), key))
    for (sku, location), units in lost_and_found(happened).items():
        due[sku, location, "available"] += units
        due[sku, "@loss", "boundary"] -= units
    kept = {
        (sku, location, state): quantity
        for sku, stock in log.stocks(log.post(told)).items()
        for location, here in (*stock.locations.items(), *boundary(stock))
        for state, quantity in here.items()
    }
    assert kept == {key: quantity for key, quantity in due.items() if quantity}


def lost_and_found(happened):
    """What counting comes to, by SKU and shelf: what the newest count found, less what must have stood there then."""
    counts: dict[tuple[str, str], list[tuple[object, ...]]] = {}
    for one, units in happened:
        if one.kind is Kind.STOCK_COUNTED:
            told = (one.at, one.channel, one.document, units)
            counts.setdefault((one.sku, one.places.here), []).append(told)
    found: Counter[tuple[str, str]] = Counter()
    for (sku, location), told in counts.items():
        at, _, _, units = max(told)
        stood = sum(
            leg.quantity
            for one, quantity in happened
            if one.sku == sku and one.at <= at
            for leg in one.legs(quantity, "")
            if leg.location == location and leg.state.partition("[")[0] in ON_HAND
        )
        found[sku, location] = units - stood
    return found


def boundary(stock):
    return ((name, {"boundary": quantity}) for name, quantity in stock.boundary.items())


@pytest.mark.law("L3")
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_given_a_settle_stage_killed_at_any_moment_then_the_stock_is_the_same(data, log):
    told = data.draw(log.news)
    killed = log.crashing(told, data.draw(log.kills))
    assert log.book(log.stocks(killed)) == log.book(log.stocks(log.post(told)))


@pytest.mark.law("L3")
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_given_a_ledger_killed_at_any_moment_then_the_stock_is_the_same(data, log):
    posted = log.post(data.draw(log.news))
    assert log.reread(posted, data.draw(log.kills)) == log.stocks(posted)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_given_a_movement_again_at_its_own_or_a_later_offset_then_nothing_changes(data, log):
    posted = log.post(data.draw(log.news))
    books: dict[str, Stock] = {}
    for offset, movement in enumerate(posted):
        books[movement.sku] = fold(books.get(movement.sku, Stock(sku=movement.sku)), movement, offset)
        later = offset + data.draw(st.integers(0, 9))
        assert is_repeat(books[movement.sku], movement, later)
        assert fold(books[movement.sku], movement, later) is books[movement.sku]


# -- by example


def test_given_a_place_opened_at_zero_then_it_is_tracked_and_empty(deal, units):
    deal.tell("shop", "opening", 1, units(Fact.OPENED, 0, "STORE"))
    assert deal.stock.tracked == {"STORE": "shop"}
    assert deal.stock.locations == {}


def test_given_goods_received_where_nobody_opened_then_the_place_is_tracked_by_no_opening(deal, units):
    deal.tell("shop", "delivery", 1, units(Fact.RECEIVED, 5, "STORE"))
    assert deal.stock.tracked == {"STORE": ""}
    deal.tell("till", "opening", 1, units(Fact.OPENED, 2, "STORE"))
    assert deal.stock.tracked == {"STORE": "till"}


def test_given_two_channels_opened_a_place_then_it_is_the_first_s_by_name_until_that_is_taken_back(
    deal, units
):
    deal.tell("till", "opening", 1, units(Fact.OPENED, 2, "STORE"))
    deal.tell("shop", "opening", 1, units(Fact.OPENED, 2, "STORE", hour=1))
    deal.tell("shop", "delivery", 1, units(Fact.RECEIVED, 5, "STORE", hour=2))
    deal.tell("shop", "opening", 2)
    for at in (1, 3):
        deal.claims[at] = replace(deal.claims[at], transaction="deal-2")
    withdrawn = deal.claims.pop()
    assert deal.stock.tracked_by == {"STORE": {"till": 1, "shop": 1, "": 1}}
    assert deal.stock.tracked == {"STORE": "shop"}
    deal.claims.append(withdrawn)
    assert deal.stock.tracked_by == {"STORE": {"till": 1, "": 1}}
    assert deal.stock.tracked == {"STORE": "till"}


def test_given_a_sale_where_nobody_counted_then_the_place_stays_untracked(deal, units):
    deal.tell("till", "sale", 1, units(Fact.SOLD, 1, "STORE"))
    assert deal.stock.tracked == {}
    assert deal.stock.balance("STORE") == -1


def test_given_a_delivery_was_booked_at_the_wrong_place_then_that_place_is_untracked_again(deal, units):
    deal.tell("shop", "delivery", 1, units(Fact.RECEIVED, 5, "STORE"))
    deal.tell("shop", "delivery", 2, units(Fact.RECEIVED, 5, "WAREHOUSE"))
    assert deal.stock.tracked == {"WAREHOUSE": ""}


def test_given_units_promised_or_damaged_then_they_are_still_on_hand(deal, units):
    deal.tell("shop", "opening", 1, units(Fact.OPENED, 10, "STORE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, "STORE"))
    deal.tell("till", "note", 1, units(Fact.DAMAGED, 1, "STORE"))
    assert deal.stock.balance("STORE") == 6
    assert deal.stock.on_hand("STORE") == 10


def test_given_a_movement_at_or_before_what_was_read_then_it_is_a_repeat_whatever_caused_it(deal, units):
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 1, "STORE"))
    (sold,) = deal.movements
    for partition in (0, 5):
        another = replace(sold, cause=Cause(partition, 0, 0))
        assert not is_repeat(Stock(sku="mug", offset=9), another, 10)
        assert is_repeat(Stock(sku="mug", offset=9), another, 9)
        assert is_repeat(Stock(sku="mug", offset=9), another, 8)
    assert not is_repeat(Stock(sku="mug"), sold, 0)


def test_given_a_cause_then_it_is_a_repeat_up_to_the_highest_applied_one_of_its_partition(deal, units):
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 1, "STORE"))
    (sold,) = deal.movements
    stock = Stock(sku="mug", applied={3: (7, 2)})
    repeats = {
        at: is_repeat(stock, replace(sold, cause=Cause(*at)), 50)
        for at in ((3, 7, 2), (3, 7, 1), (3, 6, 9), (3, 7, 3), (3, 8, 0), (2, 7, 2))
    }
    assert [at for at, repeat in repeats.items() if repeat] == [(3, 7, 2), (3, 7, 1), (3, 6, 9)]


def test_given_a_ledger_s_partition_then_what_it_posts_is_named_after_it(deal, units):
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 3, "STORE"))
    (counted,) = deal.movements
    assert fold(Stock(sku="mug"), counted, 4).applied == {0: (0, 0), -1: (4, 0)}
    assert fold(Stock(sku="mug"), counted, 4, 2).applied == {0: (0, 0), -3: (4, 0)}
    assert [one.id for one in take_in(Stock(sku="mug"), counted, 4, 2).posted] == ["ledger-2-4-0"]


def test_given_goods_that_stand_on_no_shelf_then_nobody_can_count_them(deal, units):
    deal.tell("shop", "return/1", 1, units(Fact.RETURNED, 1))
    assert (deal.stock.locations, deal.stock.shelves) == ({UNROUTED: {"available": 1}}, {})
    deal.tell("erp", "transfer/1", 1, units(Fact.TRANSFER_SHIPPED, 2, "WAREHOUSE", there="STORE"))
    assert set(deal.stock.shelves) == {"WAREHOUSE"}


def test_given_a_view_then_every_state_of_every_place_is_shown_zeros_too(deal, units):
    deal.tell("shop", "opening", 1, units(Fact.OPENED, 0, "STORE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3))
    shown = view(deal.stock)["locations"]
    assert list(shown) == [UNROUTED, "STORE"]
    assert shown[UNROUTED]["available"] == -3
    assert set(shown["STORE"].values()) == {0}
    assert list(view(deal.stock, "STORE")["locations"]) == ["STORE"]


def test_given_goods_on_a_lorry_and_in_a_pool_then_the_view_shows_them_apart():
    stock = Stock(
        sku="mug",
        locations={"A": {"available": 2, "available[trade]": 3}, "transit:t1": {"in_transit": 4}},
    )
    here = {"available": 2, "available[trade]": 3, "committed": 0, "reserved": 0, "safety_stock": 0}
    here |= {"quality_control": 0, "damaged": 0, "on_hand": 5, "incoming": 0}
    assert view(stock) == {"sku": "mug", "locations": {"A": here}, "in_transit": 4}
    expected = replace(stock, locations={"A": {"incoming": 6}})
    assert view(expected)["locations"]["A"]["incoming"] == 6


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_given_movements_taken_in_one_book_then_every_stock_is_what_one_after_another_makes(data, log):
    """However long a book is open, and whenever it is closed in between: the same stocks, answers and refusals."""
    posted = log.post(data.draw(log.news))
    looked, taken = data.draw(st.sets(st.integers(0, 60))), dict[str, Stock]()
    books: dict[str, Book] = {}
    for offset, movement in enumerate([*posted, *posted[: len(posted) // 2]]):
        before = taken.get(movement.sku, Stock(sku=movement.sku))
        book = books.setdefault(movement.sku, Book(before))
        kept = book.closed() if offset in looked else None
        alone, together = take_in(before, movement, offset), book.take(movement, offset)
        assert alone[1:] == (together or ((), (), None))
        assert kept is None or kept == before
        taken[movement.sku] = alone.stock
    assert {sku: book.closed() for sku, book in books.items()} == taken
