"""Two transactions turn out to be one deal: what the one held counts in the other, once, whoever says so and when."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.claims import Claim, Document, Fact
from schemas.counts import EPOCH
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply, sent_on


def told(transaction: str, channel: str, document: str, *lines, joins: str | None = None) -> Claim:
    documents = (Document(id=document, version=1, lines=lines),) if document else ()
    at = lines[0].at if lines else EPOCH
    return Claim(
        transaction=transaction,
        channel=channel,
        topic="any",
        occurred_at=at,
        documents=documents,
        joins=joins,
    )


def heard(claims) -> tuple[Stock, dict[str, Transaction]]:
    """The mug's stock, and the transactions, after claims and what they send on."""
    held: dict[str, Transaction] = defaultdict(Transaction)
    stock, waiting, offset = Stock(sku="mug"), deque(claims), 0
    ends: Counter[str] = Counter()
    while waiting:
        claim = waiting.popleft()
        waiting.extend(sent_on(held[claim.transaction], claim))
        cause = Cause(sum(claim.transaction.encode()), ends["all"], 0)
        ends["all"] += 1
        assert ends["all"] < 1_000, "it goes in a circle"
        held[claim.transaction], posted = apply(held[claim.transaction], claim, claim.occurred_at, cause)
        for movement in posted:
            stock = fold(stock, movement, offset)
            offset += 1
    return stock, held


@pytest.fixture
def deal_told(units):
    """A web order and the till's sale of it, told as two transactions, and the link between them."""
    return [
        told("order/1", "shop", "order/1", units(Fact.ORDERED, 2, "STORE")),
        told("sale/9", "till", "sale/9", units(Fact.SOLD, 2, "STORE", hour=2)),
        told("sale/9", "till", "", joins="order/1"),
    ]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_given_the_till_s_sale_turns_out_to_be_the_web_order_then_the_units_left_once(deal_told, order):
    stock, held = heard([deal_told[index] for index in order])
    assert stock.locations == {"STORE": {"available": -2}}
    assert stock.boundary == {"@customer": 2}
    assert held["sale/9"] == Transaction(joined="order/1", offset=held["sale/9"].offset)
    assert set(held["order/1"].documents) == {"shop/order/1", "till/sale/9"}


def test_given_the_link_is_told_from_the_other_side_then_it_is_the_same_deal(deal_told):
    other_side = told("order/1", "shop", "", joins="sale/9")
    assert heard([*deal_told[:2], other_side])[0].locations == {"STORE": {"available": -2}}
    assert heard([*deal_told, other_side])[0].locations == {"STORE": {"available": -2}}


def test_given_news_of_a_joined_transaction_then_it_reaches_the_one_that_has_it(deal_told, units):
    order, sale, link = deal_told
    voided = told("sale/9", "till", "sale/9", units(Fact.SOLD, 0, "STORE", hour=2))
    newer = Claim(
        transaction="sale/9",
        channel="till",
        topic="any",
        occurred_at=voided.occurred_at,
        documents=(Document(id="sale/9", version=2),),
    )
    stock, _ = heard([order, sale, link, newer])
    assert stock.locations == {"STORE": {"available": -2, "committed": 2}}


def test_given_a_link_then_the_other_transaction_is_told_all_that_this_one_held_as_each_platform_said_it(
    units,
):
    sold, sent = units(Fact.SOLD, 2, "STORE"), units(Fact.SHIPPED, 1, "STORE", hour=1)
    held = Transaction()
    for claim in (
        told("sale/9", "till", "sale/9", sold),
        replace(told("sale/9", "carrier", "parcel/1", sent), demand_class="wholesale"),
    ):
        held, _ = apply(held, claim, EPOCH, Cause(0, 7, 0))
    assert held.offset == 7
    link = told("sale/9", "shop", "note/1", joins="order/1")
    first, second, third = sent_on(held, link)
    assert first == replace(
        told("order/1", "carrier", "parcel/1", sent), demand_class="wholesale", occurred_at=link.occurred_at
    )
    assert second == replace(told("order/1", "till", "sale/9", sold), occurred_at=link.occurred_at)
    assert third == told("order/1", "shop", "note/1")


def test_given_the_link_is_told_to_the_one_that_stays_then_the_other_is_told_the_link_and_nothing_else(units):
    claim = told("order/1", "shop", "order/1", units(Fact.ORDERED, 1), joins="sale/9")
    assert sent_on(Transaction(), claim) == [
        replace(claim, transaction="sale/9", documents=(), joins="order/1")
    ]


def test_given_a_transaction_is_linked_to_itself_then_that_says_nothing(units):
    claim = told("order/1", "shop", "order/1", units(Fact.ORDERED, 1), joins="order/1")
    assert sent_on(Transaction(), claim) == []
    assert heard([claim])[1]["order/1"].joined is None


NAMES = ("a", "b", "c", "d")
LINKS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=6)


@given(links=LINKS, data=st.data())
@settings(max_examples=200, deadline=None)
def test_given_any_links_in_any_order_then_each_deal_has_all_of_its_documents(units, links, data):
    claims = [
        *(
            told(name, "shop", f"doc/{name}", units(Fact.SOLD, 1 + index, "STORE"))
            for index, name in enumerate(NAMES)
        ),
        *(told(one, "shop", "", joins=other) for one, other in links if one != other),
    ]
    shuffled = data.draw(st.permutations(claims))
    repeated = data.draw(st.lists(st.sampled_from(claims), max_size=4))
    _, held = heard([*shuffled, *repeated])
    groups = {name: {name} for name in NAMES}
    for one, other in links:
        joined = groups[one] | groups[other]
        for name in joined:
            groups[name] = joined
    for name in NAMES:
        root = min(groups[name])
        assert (held[name].joined is None) == (name == root)
        if name == root:
            assert set(held[name].documents) == {f"shop/doc/{each}" for each in groups[name]}
