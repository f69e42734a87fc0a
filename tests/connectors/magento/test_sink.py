"""The sink against the sandbox: Magento is told what is there for it, and nothing it counts meanwhile is undone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.contract import Seen, Target
from connectors.errors import SlowDown, Unreachable
from connectors.magento import connector
from connectors.magento.client import MagentoClient
from connectors.magento.sandbox.shop import Wrong
from schemas.receipts import Outcome
from schemas.rules import ChannelRules

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def target(wanted, expected, sku="TEE", place="WH"):
    return Target(sku=sku, place=place, wanted=wanted, expected=expected, own=0, offset=1)


@pytest.fixture
def sink(client):
    return connector.sink(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


@pytest.fixture
async def ours(sandbox, settings, secrets):
    """A sink with settings of its own: `make(batch_max=2)`."""
    made = []

    def make(**more):
        told = settings.model_copy(update={"base_url": sandbox.url, **more})
        made.append(MagentoClient(told, secrets))
        return connector.sink(made[-1])

    yield make
    for client in made:
        await client.close()


@pytest.mark.parametrize(("wanted", "status"), [(12, 1), (3, 1), (0, 1)])
async def test_given_a_known_number_then_the_source_is_told_it(sink, directory, sandbox, wanted, status):
    (answer,) = await sink.push([target(wanted, 10)], directory)
    assert (answer.outcome, answer.level) == (Outcome.PUSHED, wanted)
    assert sandbox.shop.levels["TEE", "WH"] == [wanted, status]
    assert sandbox.quantity("TEE", "STORE") == 5


async def test_given_the_number_is_right_then_nothing_is_asked(sink, directory, sandbox):
    calls = sandbox.gate.calls
    (answer,) = await sink.push([target(10, 10)], directory)
    assert (answer.outcome, answer.level, sandbox.gate.calls) == (Outcome.UNCHANGED, 10, calls)


async def test_given_a_source_without_the_product_then_it_is_assigned(sink, sandbox):
    sandbox.seed("NEW", "WH", 0)
    directory = await sink._client.directory()
    assert await sink.look([target(4, None, "NEW", "STORE")], directory) == [Seen(None)]
    (answer,) = await sink.push([target(4, None, "NEW", "STORE")], directory)
    assert (answer.outcome, sandbox.shop.levels["NEW", "STORE"]) == (Outcome.PUSHED, [4, 1])


@pytest.mark.parametrize(
    ("had", "wanted", "expected", "has"),
    [
        ([0, 0], 3, 0, [3, 1]),  # it had run out
        ([5, 0], 7, 5, [7, 0]),  # somebody switched it off
        ([0, 1], 3, 0, [3, 1]),
        ([2.5, 1], 4, 2, [4.5, 1]),
    ],
)
async def test_given_a_source_item_that_is_off_then_only_one_that_had_run_out_is_switched_on(
    sink, directory, sandbox, had, wanted, expected, has
):
    sandbox.shop.save("TEE", "WH", *had)
    await sink.push([target(wanted, expected)], directory)
    assert sandbox.shop.levels["TEE", "WH"] == has


async def test_given_open_orders_then_they_stay_magentos_own_business_and_can_be_shipped(
    sink, directory, sandbox
):
    order = sandbox.order([("TEE", 10)], at=NOW)
    assert await sink.look([target(10, None)], directory) == [Seen(10)]
    await sink.push(
        [target(9, 10), target(4, 5, place="STORE")], directory
    )  # another channel sold one of each
    assert sandbox.shop.salable("TEE") == 3
    await sink.push([target(10, 9)], directory)
    sandbox.ship(order, "WH", [("TEE", 10)], at=NOW)
    assert (sandbox.quantity("TEE", "WH"), sandbox.shop.salable("TEE")) == (0, 4)


async def test_given_a_number_net_of_magentos_orders_then_shipping_would_fail_which_is_why_it_is_not_told(
    sink, directory, sandbox
):
    order = sandbox.order([("TEE", 10)], at=NOW)
    await sink.push([target(0, 10)], directory)
    with pytest.raises(Wrong, match="Not all of your products are available"):
        sandbox.ship(order, "WH", [("TEE", 10)], at=NOW)


async def test_given_a_shipment_we_have_not_seen_then_it_is_not_undone(sink, directory, sandbox, clock):
    order = sandbox.order([("TEE", 4)], at=NOW)
    sandbox.ship(order, "WH", [("TEE", 4)], at=NOW)
    clock.later(minutes=1)
    (answer,) = await sink.push([target(12, 10)], directory)
    assert (answer.level, sandbox.quantity("TEE", "WH")) == (12, 8)


async def test_given_less_than_nothing_would_be_left_then_it_is_held(sink, directory, sandbox, clock):
    order = sandbox.order([("TEE", 8)], at=NOW)
    sandbox.ship(order, "WH", [("TEE", 8)], at=NOW)
    clock.later(minutes=1)
    (answer,) = await sink.push([target(5, 10)], directory)
    assert (answer.outcome, answer.level, sandbox.quantity("TEE", "WH")) == (Outcome.HELD, 10, 2)


@pytest.mark.parametrize("what", ["ship", "refund", "other"])
async def test_given_a_shipment_or_refund_while_we_write_then_the_outcome_is_unknown(
    sink, directory, sandbox, clock, what
):
    order = sandbox.order([("TEE", 4), ("MUG", 4)], at=NOW)
    sandbox.ship(order, "WH", [("TEE", 2)], at=NOW)
    clock.later(minutes=1)

    def meanwhile():
        if what == "refund":
            sandbox.refund(order, [("TEE", 3)], at=clock.now, to_stock=True)
        else:
            sandbox.ship(order, "WH", [("TEE" if what == "ship" else "MUG", 1)], at=clock.now)

    sandbox.during_save = meanwhile
    if what == "other":
        assert (await sink.push([target(12, 10)], directory))[0].outcome is Outcome.PUSHED
    else:
        with pytest.raises(Unreachable, match="shipped or refunded"):
            await sink.push([target(12, 10)], directory)


async def test_given_a_lost_answer_then_a_look_finds_the_write_and_it_is_made_once(sink, directory, sandbox):
    sandbox.lose_answers()
    with pytest.raises(Unreachable):
        await sink.push([target(8, 10)], directory)
    (seen,) = await sink.look([target(8, None)], directory)
    assert seen == Seen(8)
    (answer,) = await sink.push([target(8, seen.level)], directory)
    assert (answer.outcome, sandbox.quantity("TEE", "WH")) == (Outcome.UNCHANGED, 8)


async def test_given_a_write_that_never_arrived_then_a_look_finds_that_and_it_is_made(
    sink, directory, sandbox
):
    sandbox.gate.broken = 1
    with pytest.raises(Unreachable):
        await sink.push([target(8, 10)], directory)
    (seen,) = await sink.look([target(8, None)], directory)
    (answer,) = await sink.push([target(8, seen.level)], directory)
    assert (answer.outcome, sandbox.quantity("TEE", "WH")) == (Outcome.PUSHED, 8)


async def test_given_a_shop_that_limits_its_lists_then_the_batch_is_split(ours, directory, sandbox):
    sandbox.items_max = 2
    sink = ours(batch_max=6)
    cells = [(sku, place) for sku in ("TEE", "MUG", "CAP") for place in ("WH", "STORE")]
    answers = await sink.push([target(7, 6, *cell) for cell in cells], directory)
    assert sink.batch_max == 6
    assert {answer.outcome for answer in answers} == {Outcome.PUSHED}
    assert [sandbox.quantity(*cell) for cell in cells] == [11, 6] * 3


async def test_given_a_source_that_is_gone_then_its_rows_are_refused_in_magentos_words(
    sink, directory, sandbox
):
    del sandbox.shop.sources["STORE"]
    answers = await sink.push([target(9, 10), target(4, 5, place="STORE"), target(3, 10, "MUG")], directory)
    said = {(answer.target.sku, answer.target.place): answer for answer in answers}
    assert said["TEE", "STORE"].outcome is Outcome.REFUSED
    assert said["TEE", "STORE"].detail == "Magento answered 400: Could not save Source Item"
    assert (sandbox.quantity("TEE", "WH"), sandbox.quantity("MUG", "WH")) == (9, 3)


async def test_given_a_request_to_wait_then_before_a_write_nothing_was_done_and_after_one_it_is_unknown(
    ours, directory, sandbox
):
    sandbox.gate.slow_down = 1
    with pytest.raises(SlowDown):
        await ours().push([target(8, 10)], directory)
    assert sandbox.quantity("TEE", "WH") == 10
    sandbox.items_max, sink = 1, ours()
    sandbox.during_save = lambda: setattr(sandbox.gate, "slow_down", 1)
    with pytest.raises(Unreachable, match="in the middle of a batch"):
        await sink.push([target(8, 10), target(8, 10, "MUG")], directory)


class TestLook:
    async def test_given_an_order_for_pickup_then_its_units_are_committed_in_our_stock_and_taken_off(
        self, sink, directory, sandbox
    ):
        order = sandbox.order([("TEE", 2)], at=NOW, pickup="STORE")
        sandbox.order([("TEE", 1)], at=NOW, configurable=True, pickup="STORE")
        sandbox.order([("TEE", 3)], at=NOW)
        here, there = target(0, None, place="STORE"), target(0, None)
        assert await sink.look([here, there], directory) == [Seen(2), Seen(10)]
        sandbox.ship(order, "STORE", [("TEE", 2)], at=NOW)
        assert await sink.look([here], directory) == [Seen(2)]

    async def test_given_a_place_where_all_orders_are_committed_then_they_are_taken_off(
        self, ours, directory, sandbox
    ):
        sink = ours(rules=ChannelRules(publish="locations", ships_from="WH"))
        order = sandbox.order([("TEE", 3)], at=NOW)
        sandbox.order([("MUG", 1)], at=NOW)
        cells = [target(0, None), target(0, None, place="STORE"), target(0, None, "MUG")]
        assert await sink.look(cells, directory) == [Seen(7), Seen(5), Seen(9)]
        sandbox.ship(order, "STORE", [("TEE", 2)], at=NOW)
        assert await sink.look(cells, directory) == [Seen(9), Seen(3), Seen(9)]

    async def test_given_an_order_that_is_a_dead_letter_then_it_is_committed_nowhere(
        self, sink, directory, sandbox
    ):
        sandbox.order([("TEE", 1)], at=NOW, pickup="STORE")
        sandbox.shop.orders[1]["items"][0]["qty_ordered"] = 1.5
        assert await sink.look([target(0, None, place="STORE")], directory) == [Seen(5)]
