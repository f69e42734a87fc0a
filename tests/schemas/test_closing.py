"""A deal that is over leaves the table, and what is told of it afterwards waits until somebody takes it in."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import State
from schemas.claims import Archive, Claim, Document, Fact
from schemas.closing import closable, closing, kept, quiet_since, replayed
from schemas.codec import Undecodable, decode, encode
from schemas.movements import Cause, Movement
from schemas.settling import Transaction, apply, late, sent_on, take
from schemas.witnesses import NOBODY

CLOSED_AT = datetime(2026, 6, 1, tzinfo=UTC)
REASON = "the transaction was closed on 2026-06-01; retry reopens it"


class Hub:
    """The settle stage over one partition, with its dead letters. What it holds between two claims is bytes."""

    def __init__(self, *claims: Claim) -> None:
        self.claims: list[Claim] = []
        self.table: dict[str, bytes] = {}
        self.posted: list[Movement] = []
        self.letters: list[dict] = []
        self.hear(*claims)

    def held(self, name: str) -> Transaction:
        return decode(Transaction, self.table[name]) if name in self.table else Transaction()

    def hear(self, *claims: Claim) -> None:
        waiting = deque(claims)
        while waiting:
            claim = decode(Claim, encode(waiting.popleft()))
            before, cause = self.held(claim.transaction), Cause(0, len(self.claims), 0)
            self.claims.append(claim)
            if late(before, claim) is not None:
                self.letters.append(kept(claim, before.closed, 0))
            waiting.extend(sent_on(before, claim))
            after, posted = apply(before, claim, claim.occurred_at, cause)
            assert claim.archive is None or posted == [], "to go or to come back moves nothing"
            self.table[claim.transaction] = encode(after)
            self.posted.extend(posted)

    def look(self, name: str) -> Claim:
        """What the sweep asks of the transaction it sees, now or whenever it reaches the log."""
        return closing(self.held(name), name, CLOSED_AT)

    def close(self, name: str) -> None:
        self.hear(self.look(name))

    def retry(self) -> None:
        letters, self.letters = self.letters, []
        for letter in letters:
            self.hear(*replayed(letter, self.claims[letter["closed"]["offset"]]))

    def documents(self, name: str):
        """Everything that is held of a deal, in the table or in the log."""
        held = self.held(name)
        return held.documents if held.closed is None else self.claims[held.closed.offset].archive.documents


def claim(*lines, document="order/1", version=1, deal="deal", channel="shop", joins=None) -> Claim:
    documents = (Document(id=document, version=version, lines=lines),) if document else ()
    at = CLOSED_AT + timedelta(days=1)
    return Claim(
        transaction=deal, channel=channel, topic="any", occurred_at=at, documents=documents, joins=joins
    )


def link(deal: str, other: str) -> Claim:
    return claim(document="", deal=deal, joins=other)


@pytest.fixture
def shipped(units):
    """An order whose two units have left, and that was closed."""
    hub = Hub(claim(units(Fact.ORDERED, 2, "STORE"), units(Fact.SHIPPED, 2, "STORE", hour=1)))
    hub.close("deal")
    return hub


# -- laws

DEALS = ("deal-1", "deal-2", "deal-3")
DOINGS = st.sampled_from([("retry", ""), *product(("look", "close", "ask"), DEALS)])
LINKS = st.lists(st.sampled_from([link(*pair) for pair in product(DEALS, DEALS)]), max_size=2)


@pytest.mark.law("L2")
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_given_any_closing_and_reopening_at_any_moment_then_it_ends_as_if_nothing_was_ever_closed(data, log):
    told = data.draw(st.permutations([*data.draw(log.news), *data.draw(LINKS)]))
    hub, asked = Hub(), [Hub().look("deal-1")]
    for one in told:
        for what, deal in data.draw(st.lists(DOINGS, max_size=3)):
            if what == "retry":
                hub.retry()
            elif what == "close":
                hub.close(deal)
            elif what == "look":
                asked.append(hub.look(deal))
            else:
                hub.hear(data.draw(st.sampled_from(asked)))
        hub.hear(one)
    while hub.letters:
        hub.retry()
    never = Hub(*told)
    assert {deal: hub.documents(deal) for deal in DEALS} == {deal: never.documents(deal) for deal in DEALS}
    assert log.book(log.stocks(hub.posted)) == log.book(log.stocks(never.posted))


@pytest.mark.law("L7")
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_given_a_closed_deal_then_a_claim_moves_nothing_and_is_late_unless_it_says_what_was_known(data, log):
    told = data.draw(log.news)
    hub, still_open = Hub(*told), Hub(*told)
    for deal in DEALS:
        hub.close(deal)
    for one in data.draw(log.news):
        held, waiting, posted = still_open.held(one.transaction), len(hub.letters), len(hub.posted)
        hub.hear(one)
        if held.documents:
            assert len(hub.posted) == posted
            changes = take(held, one, one.occurred_at, 0).documents != held.documents
            assert not changes or len(hub.letters) == waiting + 1


def test_given_late_news_then_its_letter_says_where_the_deal_was_closed_and_the_retry_says_what_it_is(
    shipped,
):
    news = claim(document="order/1", version=9)
    shipped.hear(news)
    [letter] = shipped.letters
    closed_by = shipped.claims[letter["closed"]["offset"]]
    assert letter["closed"] == {"partition": 0, "offset": shipped.claims.index(closed_by)}
    reopened, again = replayed(letter, closed_by)
    assert (closed_by.topic, reopened.topic, again) == ("closed", "reopened", news)


def test_given_the_record_that_closed_a_deal_is_another_than_it_was_then_a_retry_is_refused(shipped, units):
    shipped.hear(claim(document="order/1", version=9))
    [letter] = shipped.letters
    closed_by = shipped.claims[letter["closed"]["offset"]]
    for other in (claim(units(Fact.SOLD, 1, "STORE")), replace(closed_by, transaction="another deal")):
        with pytest.raises(Undecodable, match="the record that closed deal is not where it was"):
            replayed(letter, other)


# -- what may be closed


@pytest.mark.parametrize(
    ("told", "over"),
    [
        ([(Fact.ORDERED, 2, "STORE")], False),
        ([(Fact.ORDERED, 2)], False),
        ([(Fact.ORDERED, 2), (Fact.SHIPPED, 1, "STORE")], False),
        ([(Fact.ORDERED, 2), (Fact.SHIPPED, 1, "STORE"), (Fact.CANCELLED, 1)], True),
        ([(Fact.ORDERED, 2, "STORE"), (Fact.SHIPPED, 2, "STORE")], True),
        ([(Fact.CONVERTED, 2, "STORE"), (Fact.ORDERED, 2, "STORE")], False),
        ([(Fact.CONVERTED, 2, "STORE"), (Fact.ORDERED, 2, "STORE"), (Fact.SHIPPED, 2, "STORE")], True),
        ([(Fact.SOLD, 2, "STORE")], True),
        ([(Fact.COUNTED, 2, "STORE")], True),
        ([(Fact.EXPECTED, 2, "STORE")], False),
        ([(Fact.EXPECTED, 2, "STORE"), (Fact.RECEIVED, 2, "STORE")], True),
        ([], True),
    ],
)
def test_given_a_deal_then_it_may_be_closed_when_nothing_of_it_is_open(units, told, over):
    hub = Hub(claim(*(units(*line) for line in told)))
    assert closable(hub.held("deal"), NOBODY) == over


@pytest.mark.parametrize("there", [None, "STORE"])
def test_given_a_transfer_then_it_is_open_until_all_has_arrived(units, there):
    sent = units(Fact.TRANSFER_SHIPPED, 2, "WAREHOUSE", there="STORE")
    came = units(Fact.TRANSFER_RECEIVED, 2, "STORE", hour=1, there=there and "WAREHOUSE")
    assert not closable(Hub(claim(sent)).held("deal"), NOBODY)
    assert closable(Hub(claim(sent, came)).held("deal"), NOBODY)


def test_given_goods_came_that_nobody_sent_then_the_transfer_is_open_until_somebody_says_who(units):
    came = units(Fact.TRANSFER_RECEIVED, 2, "STORE")
    assert not closable(Hub(claim(came)).held("deal"), NOBODY)


@pytest.mark.parametrize(("fact", "over"), [(Fact.SET_ASIDE, False), (Fact.RETURNED_TO_SHELF, True)])
def test_given_units_set_aside_then_the_deal_that_holds_them_is_open_and_the_one_that_ends_it_is_not(
    units, fact, over
):
    hub = Hub(claim(units(fact, 2, "STORE", state=State.RESERVED)))
    assert closable(hub.held("deal"), NOBODY) == over


def test_given_a_deal_that_holds_nothing_then_there_is_nothing_to_close(shipped):
    assert not closable(Transaction(), NOBODY)
    assert not closable(Transaction(joined="other"), NOBODY)
    assert not closable(shipped.held("deal"), NOBODY)


def test_given_news_then_the_deal_is_quiet_since_and_a_repeat_is_no_news(units):
    first = claim(units(Fact.SOLD, 1, "STORE"))
    hub = Hub(first, replace(first, occurred_at=first.occurred_at + timedelta(days=1)))
    assert quiet_since(hub.held("deal")) == first.occurred_at
    hub.hear(replace(claim(document="other"), occurred_at=first.occurred_at + timedelta(days=2)))
    assert quiet_since(hub.held("deal")) == first.occurred_at + timedelta(days=2)


def test_given_a_deal_written_before_that_was_noted_then_its_newest_line_says_since_when_it_is_quiet(units):
    lines = units(Fact.ORDERED, 1, "STORE"), units(Fact.SHIPPED, 1, "STORE", hour=5)
    held = replace(Hub(claim(*lines)).held("deal"), changed_at=None)
    assert quiet_since(held) == lines[1].at
    assert quiet_since(Transaction()) is None


# -- closed


def test_given_a_deal_is_closed_then_its_documents_are_in_the_log_and_a_marker_is_left(shipped):
    held = shipped.held("deal")
    assert (held.documents, held.closed.offset, held.closed.at) == ({}, 1, CLOSED_AT)
    assert shipped.claims[1].archive.documents == Hub(shipped.claims[0]).held("deal").documents
    assert len(shipped.table["deal"]) < 200


def test_given_news_came_before_the_closing_reached_the_log_then_it_stays_open(units):
    hub = Hub(claim(units(Fact.SOLD, 1, "STORE")))
    asked = hub.look("deal")
    hub.hear(claim(units(Fact.RETURNED, 1, "STORE"), document="return/1"), asked)
    assert hub.held("deal").closed is None
    assert len(hub.held("deal").documents) == 2


def test_given_what_was_known_is_told_again_then_it_is_a_repeat(shipped, units):
    shipped.hear(shipped.claims[0], claim(units(Fact.ORDERED, 2, "STORE"), version=0), claim(document=""))
    shipped.hear(link("deal", "deal"))
    assert shipped.letters == []


@pytest.mark.parametrize(
    ("document", "version"), [("order/1", 2), ("refund/1", 1), pytest.param("order/1", 1, id="other-content")]
)
def test_given_news_then_it_is_late_and_once_retried_it_counts_at_its_true_time(
    shipped, units, document, version, log
):
    news = claim(units(Fact.RETURNED, 1, "STORE", hour=9), document=document, version=version)
    assert late(shipped.held("deal"), news) == REASON
    shipped.hear(news)
    assert log.stocks(shipped.posted)["mug"].locations == {"STORE": {"available": -2}}
    shipped.retry()
    never = Hub(shipped.claims[0], news)
    assert shipped.held("deal").documents == never.held("deal").documents
    assert log.book(log.stocks(shipped.posted)) == log.book(log.stocks(never.posted))
    assert shipped.posted[-1].occurred_at == never.posted[-1].occurred_at


def test_given_a_retry_is_done_again_then_nothing_changes(shipped, units):
    shipped.hear(claim(units(Fact.RETURNED, 1, "STORE"), document="refund/1"))
    letters = list(shipped.letters)
    shipped.retry()
    held, posted = shipped.held("deal").documents, len(shipped.posted)
    shipped.letters = letters
    shipped.retry()
    assert (shipped.held("deal").documents, len(shipped.posted), shipped.letters) == (held, posted, [])


def test_given_it_was_closed_again_meanwhile_then_an_old_letter_does_not_bring_the_old_state_back(
    shipped, units
):
    for number in (1, 2):
        shipped.hear(claim(units(Fact.RETURNED, 1, "STORE"), document=f"refund/{number}"))
    first, second = shipped.letters
    shipped.letters = [first]
    shipped.retry()
    shipped.close("deal")
    shipped.letters = [second]
    shipped.retry()
    assert len(shipped.letters) == 1, "it is late again, and points to the newer record"
    shipped.retry()
    assert len(shipped.held("deal").documents) == 3


def test_given_a_deal_nobody_heard_of_then_closing_it_says_nothing():
    hub = Hub()
    hub.close("deal")
    assert hub.held("deal") == Transaction(offset=0)
    hub.hear(replace(hub.claims[0], archive=Archive(documents={}, reopens=0)))
    assert hub.held("deal") == Transaction(offset=1)


# -- links


@pytest.mark.parametrize(("told_to", "other"), [("deal", "a-deal"), ("deal", "z-deal")])
def test_given_a_closed_deal_turns_out_to_be_another_then_the_link_waits_and_moves_nothing(
    shipped, units, told_to, other, log
):
    sale = claim(units(Fact.SOLD, 2, "STORE", hour=2), document="sale/9", deal=other, channel="till")
    shipped.hear(sale, link(told_to, other))
    assert len(shipped.letters) == 1
    assert shipped.held(other).joined is None
    assert log.stocks(shipped.posted)["mug"].locations == {"STORE": {"available": -4}}
    shipped.retry()
    assert shipped.letters == []
    assert log.stocks(shipped.posted)["mug"].locations == {"STORE": {"available": -2}}


@pytest.mark.parametrize("other", ["a-deal", "z-deal"])
def test_given_an_open_deal_turns_out_to_be_a_closed_one_then_all_it_held_is_late_there_and_counts_once_retried(
    shipped, units, other, log
):
    sale = claim(units(Fact.SOLD, 2, "STORE", hour=2), document="sale/9", deal=other, channel="till")
    shipped.hear(sale, link(other, "deal"))
    assert len(shipped.letters) == 1
    shipped.hear(
        claim(units(Fact.SOLD, 1, "STORE", hour=2), document="sale/9", version=2, deal=other, channel="till")
    )
    while shipped.letters:
        shipped.retry()
    root = min(other, "deal")
    assert set(shipped.documents(root)) == {"shop/order/1", "till/sale/9"}
    assert shipped.documents(root)["till/sale/9"].document.version == 2
    assert log.stocks(shipped.posted)["mug"].locations == {"STORE": {"available": -2}}


def test_given_a_deal_that_was_joined_then_it_is_never_closed_and_sends_its_news_to_where_it_is_late(
    units, log
):
    hub = Hub(
        claim(units(Fact.SOLD, 2, "STORE")),
        claim(units(Fact.SOLD, 1, "STORE"), document="sale/2", deal="z-deal"),
    )
    asked = hub.look("z-deal")
    hub.hear(link("z-deal", "deal"), asked)
    assert (hub.held("z-deal").joined, hub.held("z-deal").closed) == ("deal", None)
    hub.close("deal")
    hub.hear(claim(document="sale/2", version=2, deal="z-deal"))
    (letter,) = hub.letters
    assert letter["claim"]["transaction"] == "deal"
    hub.retry()
    assert log.stocks(hub.posted)["mug"].locations == {"STORE": {"available": -2}}
