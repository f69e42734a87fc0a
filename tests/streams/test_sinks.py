"""What a channel is told and when: the board, without a platform."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Answer, Seen
from connectors.errors import SlowDown, Unreachable
from connectors.registry import CONNECTORS
from schemas.availability import ChannelQuantity, Place
from schemas.codec import decode
from schemas.receipts import Outcome, Receipt
from streams import breaker
from streams.sinks import Board, Pushing
from streams.stages import Naming

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def board():
    return Board(CONNECTORS["shopify"])


def number(sku, quantity, *, own=0, offset=1, place="network", opened=False):
    places = {place: Place(quantity=quantity, level=quantity, own=own, opened=opened)}
    return ChannelQuantity(
        channel="web", sku=sku, quantity=quantity, places=places, rules="r1", offset=offset
    )


def receipt(sku, level, *, own=0, outcome=Outcome.PUSHED, place="network"):
    return Receipt(
        channel="web",
        sku=sku,
        place=place,
        quantity=level,
        level=level,
        own=own,
        outcome=outcome,
        pushed_at=NOW,
        offset=1,
    )


def told(board, *numbers):
    """Takes numbers in that the platform already shows."""
    for one in numbers:
        board.want(one)
        board.saw(receipt(one.sku, one.quantity, own=one.places["network"].own))
    assert board.next(100) == []


def test_given_a_number_the_platform_shows_already_then_it_is_not_told_again(board):
    told(board, number("MUG", 5))
    board.want(number("MUG", 5, offset=2))
    assert board.next(100) == []


def test_given_a_platform_whose_numbers_are_absolute_then_its_own_documents_make_them_due_again():
    board = Board(CONNECTORS["rlm"])
    told(board, number("MUG", 5))
    board.want(number("MUG", 8, own=3, offset=2))
    (target,) = board.next(100)
    assert (target.wanted, target.expected, target.own) == (8, 8, 3)
    board.saw(receipt("MUG", 8, own=3))
    board.want(number("MUG", 8, own=3, offset=3))
    assert board.next(100) == []


def test_given_the_platform_s_own_order_then_it_has_counted_that_itself(board):
    told(board, number("MUG", 5))
    board.want(number("MUG", 3, own=-2, offset=2))
    assert board.next(100) == []


def test_given_a_sale_elsewhere_then_the_difference_is_told(board):
    told(board, number("MUG", 5))
    board.want(number("MUG", 2, own=-2, offset=2))
    (target,) = board.next(100)
    assert (target.wanted, target.expected) == (2, 3)


def test_given_numbers_that_wait_then_each_waits_since_its_oldest_that_is_not_shown(board):
    board.want(number("MUG", 5), 100.0)
    board.want(number("MUG", 4, offset=2), 160.0)
    board.want(number("TEE", 9), 130.0)
    assert min(board.waits_since.values())[0] == 100.0
    assert len(board.next(100)) == 2
    assert board.through(receipt("MUG", 4, outcome=Outcome.ASKED)) is None
    assert board.through(receipt("MUG", 4, outcome=Outcome.HELD)) is None
    assert board.through(receipt("MUG", 4)) == 100.0
    assert board.through(receipt("MUG", 4)) is None, "it is through already"
    assert board.through(receipt("TEE", 9, outcome=Outcome.REFUSED)) == 130.0
    assert board.waits_since == {}


def test_given_a_sku_that_sells_faster_than_it_can_be_told_then_its_age_is_that_of_what_came_since(board):
    board.want(number("MUG", 50), 0.0)
    for second in range(1, 40):
        board.next(100)
        board.want(number("MUG", 50 - second, offset=1 + second), float(second))
        assert board.through(receipt("MUG", 51 - second)) == second - 1
    assert min(board.waits_since.values())[0] == 39.0


def test_given_a_number_that_its_platform_shows_already_then_nothing_waits(board):
    told(board, number("MUG", 5))
    assert board.waits_since == {}
    board.want(number("MUG", 5, offset=2), 100.0)
    assert board.next(100) == []
    assert board.waits_since == {}


def test_given_somebody_overrules_a_number_then_it_waits_since_then(board):
    told(board, number("MUG", 5))
    board.saw(receipt("MUG", 9, outcome=Outcome.OVERRULED))
    assert board.waits_since == {"MUG": (NOW.timestamp(), NOW.timestamp())}


def nothing_left(sku, *, offset, elsewhere=None):
    return ChannelQuantity(
        channel="web", sku=sku, quantity=0, places={}, rules="r2", offset=offset, elsewhere=elsewhere
    )


def test_given_a_channel_has_a_place_no_more_then_it_is_told_zero_there_once(board):
    told(board, number("MUG", 5))
    board.want(nothing_left("MUG", offset=2, elsewhere={"network": -1}))
    (target,) = board.next(100)
    assert (target.place, target.wanted, target.expected, target.own) == ("network", 0, 4, -1)
    board.saw(receipt("MUG", 0, own=-1))
    board.want(nothing_left("MUG", offset=3, elsewhere={"network": -1}))
    assert board.next(100) == []


def test_given_a_place_that_comes_back_then_what_its_platform_did_meanwhile_counts(board):
    told(board, number("MUG", 5))
    board.want(nothing_left("MUG", offset=2))
    board.next(100)
    board.saw(receipt("MUG", 0))
    board.want(number("MUG", 7, own=-2, offset=3))
    (target,) = board.next(100)
    assert (target.wanted, target.expected) == (7, -2)


def test_given_one_of_several_places_is_left_then_only_it_is_told_zero_and_the_others_are_as_they_were(board):
    places = {name: Place(quantity=3, level=3, own=0) for name in ("A", "B")}
    both = replace(number("MUG", 6), places=places)
    board.want(both)
    for name in places:
        board.saw(receipt("MUG", 3, place=name))
    assert board.next(100) == []
    board.want(replace(both, quantity=3, places={"A": places["A"]}, offset=2))
    assert [(target.place, target.wanted, target.expected) for target in board.next(100)] == [("B", 0, 3)]


def test_given_several_changes_then_only_the_newest_is_told_and_an_older_one_changes_nothing(board):
    told(board, number("MUG", 5))
    for offset, quantity in ((2, 4), (4, 1), (3, 9)):
        board.want(number("MUG", quantity, offset=offset))
    assert [target.wanted for target in board.next(100)] == [1]


def test_given_many_numbers_then_what_is_nearly_gone_comes_first(board):
    told(board, number("A", 50), number("B", 60), number("C", 70))
    for sku, quantity in (("A", 40), ("B", 0), ("C", 3)):
        board.want(number(sku, quantity, offset=2))
    assert [target.sku for target in board.next(2)] == ["B", "C"]
    assert [target.sku for target in board.next(2)] == ["A"]


def test_given_a_platform_that_was_never_told_then_it_is_looked_at_first_and_believed_when_it_stands_still(
    board,
):
    board.want(number("MUG", 5))
    (target,) = board.next(100)
    assert target.expected is None
    assert board.looked(target, Seen(3)) is None
    board.again([target], unsure=False)
    (target,) = board.next(100)
    ready = board.looked(target, Seen(3))
    assert ready is not None
    assert (ready.wanted, ready.expected) == (5, 3)


def test_given_an_unsure_level_above_ours_then_it_is_lowered_at_once_but_not_settled(board):
    board.want(number("MUG", 5))
    (target,) = board.next(100)
    ready = board.looked(target, Seen(9))
    assert ready is not None
    assert (ready.wanted, ready.expected) == (5, 9)
    answer = board.told(Answer(target=ready, outcome=Outcome.PUSHED, level=5))
    assert answer.outcome is Outcome.HELD
    board.again([ready], unsure=False)
    (target,) = board.next(100)
    assert target.expected is None
    settled = board.looked(target, Seen(5))
    assert settled is not None
    assert (settled.wanted, settled.expected) == (5, 5)


def test_given_news_between_two_looks_then_the_second_counts_as_a_first(board):
    board.want(number("MUG", 5))
    (target,) = board.next(100)
    assert board.looked(target, Seen(3)) is None
    board.want(number("MUG", 5, own=-1, offset=2))
    (target,) = board.next(100)
    assert board.looked(target, Seen(3)) is None


def test_given_two_looks_too_close_to_each_other_then_the_level_is_not_believed_yet():
    board = Board(CONNECTORS["magento"], still_for=30.0)
    board.want(number("MUG", 5))
    (target,) = board.next(100)
    assert board.looked(target, Seen(3), 100.0) is None
    assert board.looked(target, Seen(3), 101.0) is None, "what it counted may not have come to us yet"
    assert board.looked(target, Seen(3), 129.0) is None
    ready = board.looked(target, Seen(3), 130.0)
    assert ready is not None
    assert (ready.wanted, ready.expected) == (5, 3)


def test_given_a_lowered_level_then_it_has_to_stand_still_as_long_as_any():
    board = Board(CONNECTORS["magento"], still_for=30.0)
    board.want(number("MUG", 5))
    (target,) = board.next(100)
    assert board.looked(target, Seen(9), 100.0) is not None
    assert board.looked(target, Seen(5), 110.0) is None
    assert board.looked(target, Seen(4), 120.0) is None, "it moved: that is a first look"
    assert board.looked(target, Seen(4), 140.0) is None
    assert board.looked(target, Seen(4), 150.0) is not None


def test_given_a_write_whose_outcome_is_unknown_then_the_platform_is_looked_at_before_the_next(board):
    told(board, number("MUG", 5))
    board.want(number("MUG", 4, offset=2))
    (target,) = board.next(100)
    board.again([target], unsure=True)
    (target,) = board.next(100)
    assert target.expected is None


def test_given_a_crash_after_asking_then_the_cell_is_unsure(board):
    board.saw(receipt("MUG", 5))
    board.saw(receipt("MUG", 5, outcome=Outcome.ASKED))
    board.want(number("MUG", 5, offset=2))
    (target,) = board.next(100)
    assert target.expected is None


def test_given_a_platform_that_keeps_no_number_there_then_it_is_told_one_without_comparing(board):
    board.want(number("MUG", 5))
    (target,) = board.next(100)
    ready = board.looked(target, Seen(None))
    assert ready is not None
    assert (ready.wanted, ready.expected) == (5, None)


def test_given_a_place_the_platform_opened_itself_then_what_it_shows_is_known_without_a_word(board):
    board.want(number("MUG", 5, own=5, opened=True))
    assert board.next(100) == []
    board.want(number("MUG", 4, own=5, opened=True, offset=2))
    assert [(target.wanted, target.expected) for target in board.next(100)] == [(4, 5)]


def test_given_a_sku_the_platform_refused_then_it_is_left_alone_until_its_next_number(board):
    told(board, number("MUG", 5))
    board.want(number("MUG", 4, offset=2))
    (target,) = board.next(100)
    board.refused.add(("MUG", "network"))
    board.again([target], unsure=False)
    assert board.next(100) == []
    board.want(number("MUG", 3, offset=3))
    assert [target.wanted for target in board.next(100)] == [3]


def test_given_a_number_that_was_held_and_comes_back_to_what_it_was_then_it_gets_another_word(board):
    told(board, number("MUG", 5))
    board.want(number("MUG", 1, offset=2))
    (lower,) = board.next(100)
    board.asked.add((lower.sku, lower.place))
    board.saw(receipt("MUG", 5, outcome=Outcome.HELD))
    board.want(number("MUG", 5, offset=3))
    (again,) = board.next(100)
    assert (again.wanted, again.expected) == (5, 5)
    board.saw(receipt("MUG", 5, outcome=Outcome.UNCHANGED))
    board.want(number("MUG", 5, offset=4))
    assert board.next(100) == []


def test_given_a_number_was_overruled_then_it_is_due_looked_at_and_told_again(board):
    told(board, number("MUG", 5))
    board.saw(receipt("MUG", 9, outcome=Outcome.OVERRULED))
    (target,) = board.next(100)
    assert (target.wanted, target.expected) == (5, None)
    ready = board.looked(target, Seen(9))
    assert ready is not None
    assert (ready.wanted, ready.expected) == (5, 9)


def test_given_a_level_that_somebody_changed_is_left_then_the_next_number_is_told_as_a_difference(board):
    told(board, number("MUG", 5))
    board.saw(receipt("MUG", 9, outcome=Outcome.DRIFTED))
    assert board.next(100) == []
    board.want(number("MUG", 4, offset=2))
    assert [(target.wanted, target.expected) for target in board.next(100)] == [(4, 5)]


def test_given_a_sku_that_has_no_number_is_overruled_then_nothing_is_told(board):
    board.saw(receipt("MUG", 9, outcome=Outcome.OVERRULED))
    assert board.next(100) == []


# -- a channel that was in shadow


def receipt_at(at, level=5, outcome=Outcome.PUSHED):
    return replace(receipt("MUG", level, outcome=outcome), pushed_at=at)


@pytest.fixture
def after_shadow():
    return Board(CONNECTORS["shopify"], still_for=1.0, since=NOW, wary_for=30.0)


def test_given_a_channel_was_in_shadow_then_a_place_that_its_platform_opened_is_looked_at_too(after_shadow):
    after_shadow.want(number("MUG", 5, own=5, opened=True))
    (target,) = after_shadow.next(100)
    assert after_shadow.waits(target) == 30.0, "a lost webhook is healed by a poll"
    assert target.expected is None, "somebody else told it for days"
    assert not target.opened, "and its level does not follow from its own documents and ours"
    assert after_shadow.looked(target, Seen(3), 100.0) is None, "never raised over an order not seen yet"
    assert after_shadow.looked(target, Seen(3), 129.0) is None
    ready = after_shadow.looked(target, Seen(3), 130.0)
    assert (ready.wanted, ready.expected) == (5, 3)


@pytest.mark.parametrize(("said", "expected"), [(timedelta(days=-9), None), (timedelta(0), 5)])
def test_given_a_channel_was_in_shadow_then_only_what_it_was_told_since_is_believed(
    after_shadow, said, expected
):
    after_shadow.saw(receipt_at(NOW + said))
    after_shadow.want(number("MUG", 4))
    assert [(target.wanted, target.expected) for target in after_shadow.next(100)] == [(4, expected)]


def test_given_a_channel_was_in_shadow_then_what_it_is_told_afterwards_is_known(after_shadow):
    after_shadow.saw(receipt_at(NOW - timedelta(days=9)))
    after_shadow.want(number("MUG", 5))
    (target,) = after_shadow.next(100)
    after_shadow.saw(receipt_at(NOW))
    assert after_shadow.waits(target) == 1.0
    after_shadow.want(number("MUG", 5, offset=2))
    assert after_shadow.next(100) == []


async def test_given_the_clock_of_who_ended_the_shadow_is_ahead_then_a_receipt_still_comes_after_that(fails):
    pushing = fails()
    pushing.clock = lambda: NOW - timedelta(minutes=5)
    pushing.board = board = Board(CONNECTORS["shopify"], since=NOW)
    board.want(number("MUG", 5))
    await pushed(pushing, board, 1)
    assert [(one.outcome, one.pushed_at) for one in pushing.writer.receipts] == [
        (Outcome.ASKED, NOW),
        (Outcome.PUSHED, NOW),
    ]
    assert not board.unsure


class Flaky:
    """A platform that takes no call in which a bad SKU is, but every other."""

    batch_max = 16

    def __init__(self, bad):
        self.bad, self.shown, self.calls = bad, {}, 0

    async def look(self, targets, _directory):
        self._refuse(targets)
        return [Seen(self.shown.get(target.sku, 0), certain=True) for target in targets]

    async def push(self, targets, _directory):
        self._refuse(targets)
        self.shown |= {target.sku: target.wanted for target in targets}
        return [Answer(target=one, outcome=Outcome.PUSHED, level=one.wanted) for one in targets]

    def _refuse(self, targets):
        self.calls += 1
        if self.bad & {target.sku for target in targets}:
            raise Unreachable("HTTP 500")


class Busy(Flaky):
    """A platform that shows the right number already, and asks to wait when it is told so for the first time."""

    def __init__(self, wait):
        super().__init__(set())
        self.shown, self.wait, self.waits, self.looks = {"MUG": 5}, wait, 1, 0

    async def look(self, targets, directory):
        self.looks += 1
        return await super().look(targets, directory)

    async def push(self, targets, directory):
        if self.waits:
            self.waits -= 1
            raise SlowDown(self.wait)
        return await super().push(targets, directory)


class Written:
    """A log of receipts."""

    def __init__(self):
        self.receipts = []

    async def write(self, outs):
        self.receipts.extend(decode(Receipt, out.value) for out in outs)


class Nothing:
    """The catalogue of a platform that needs none."""

    def of(self, _channel):
        return None

    async def refresh(self, _channel, _age):
        return None


@pytest.fixture
def fails(monkeypatch):
    """Makes a channel of a platform that takes no call with a bad SKU in it; waits are short."""
    monkeypatch.setattr(breaker, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(breaker, "WAIT_MAX", 0.01)

    def made(*bad):
        return Pushing(
            channel="web",
            connector=CONNECTORS["shopify"],
            sink=Flaky(set(bad)),
            directories=Nothing(),
            queries=None,
            writer=Written(),
            bootstrap="",
            partitions=1,
            naming=Naming(),
            dsn="",
            held_for=0.0,
        )

    return made


async def pushed(pushing, board, rounds):
    for _ in range(rounds):
        await pushing._push_some(board)
        await asyncio.sleep(0.001)


async def test_given_a_platform_that_asks_to_wait_then_a_number_that_it_shows_already_is_answered_for_as_well(
    board, fails
):
    pushing = fails()
    pushing.sink = Busy(1.01)
    board.want(number("MUG", 5))
    await pushed(pushing, board, 3)
    assert [one.outcome for one in pushing.writer.receipts] == [Outcome.ASKED, Outcome.ASKED, Outcome.PUSHED]
    assert not board.asked


async def test_given_a_platform_that_asks_to_wait_a_moment_then_its_points_do_not_go_into_looks(board, fails):
    pushing = fails()
    pushing.sink = Busy(0.01)
    board.want(number("MUG", 4))
    await pushed(pushing, board, 2)
    assert [one.outcome for one in pushing.writer.receipts] == [Outcome.ASKED, Outcome.PUSHED]
    assert (pushing.sink.looks, pushing.sink.shown) == (1, {"MUG": 4})


@pytest.mark.parametrize("bad", [["S0"], ["S63"], ["S7", "S8", "S40"]])
async def test_given_a_number_that_always_fails_then_all_others_are_told_and_it_is_left_alone_with_a_reason(
    board, fails, bad
):
    pushing = fails(*bad)
    for place in range(64):
        board.want(number(f"S{place}", place))
    await pushed(pushing, board, 120)
    assert set(pushing.sink.shown) == {f"S{place}" for place in range(64)} - set(bad)
    for fresh in range(60):  # the shop goes on selling
        board.want(number("NEW", fresh, offset=fresh + 2))
        await pushed(pushing, board, 2)
    refused = [one for one in pushing.writer.receipts if one.outcome is Outcome.REFUSED]
    assert [one.sku for one in refused] == sorted(bad, key=lambda sku: int(sku[1:]))
    assert "HTTP 500" in refused[0].detail
    before = pushing.sink.calls
    await pushed(pushing, board, 30)
    assert pushing.sink.calls == before, "nothing is due any more"


async def test_given_a_number_left_alone_then_its_next_one_is_told_where_the_fault_is_mended(board, fails):
    pushing = fails("S0")
    for place in range(4):
        board.want(number(f"S{place}", place))
    for fresh in range(60):
        board.want(number("NEW", fresh, offset=fresh + 2))
        await pushed(pushing, board, 2)
    pushing.sink.bad.clear()
    await pushed(pushing, board, 5)
    assert "S0" not in pushing.sink.shown
    board.want(number("S0", 9, offset=99))
    await pushed(pushing, board, 5)
    assert pushing.sink.shown["S0"] == 9


async def test_given_a_platform_that_was_down_then_nothing_is_left_alone_and_all_is_told_when_it_is_back(
    board, fails
):
    every = {f"S{place}" for place in range(64)}
    pushing = fails(*every)
    for place in range(64):
        board.want(number(f"S{place}", place))
    await pushed(pushing, board, 60)
    assert not pushing.sink.shown
    pushing.sink.bad.clear()
    await pushed(pushing, board, 60)
    assert set(pushing.sink.shown) == every
    assert Outcome.REFUSED not in {one.outcome for one in pushing.writer.receipts}
