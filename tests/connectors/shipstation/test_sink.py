"""The sink against the sandbox: an absolute write that moves what is shown by a difference, and nothing else."""

from __future__ import annotations

import pytest

from connectors.contract import Seen, Target
from connectors.errors import SlowDown, Unreachable
from connectors.shipstation import connector
from schemas.receipts import Outcome


@pytest.fixture
def api():
    return "v1"


@pytest.fixture
def sink(client):
    return connector.sink(client)


def target(wanted, expected, sku="TEE", place="WH", offset=1):
    return Target(sku=sku, place=place, wanted=wanted, expected=expected, own=0, offset=offset)


def writes(sandbox):
    return sandbox.gate.calls.count(("POST", "/v2/inventory"))


async def test_given_a_known_level_then_on_hand_is_moved_by_the_difference(sink, directory, sandbox):
    (answer,) = await sink.push([target(90, 100)], directory)
    assert (answer.outcome, answer.level) == (Outcome.PUSHED, 90)
    assert (sandbox.on_hand("TEE", "WH"), sandbox.on_hand("TEE", "EAST")) == (90, 50)


async def test_given_the_level_is_right_then_nothing_is_asked(sink, directory, sandbox):
    before = len(sandbox.gate.calls)
    (answer,) = await sink.push([target(100, 100)], directory)
    assert (answer.outcome, len(sandbox.gate.calls)) == (Outcome.UNCHANGED, before)


async def test_given_an_order_not_seen_yet_then_what_it_allocated_stays_taken_off(
    sink, directory, sandbox, at
):
    sandbox.order([("TEE", 7)], at=at(0))
    (answer,) = await sink.push([target(110, 100)], directory)
    assert (answer.level, sandbox.on_hand("TEE", "WH"), sandbox.available("TEE", "WH")) == (110, 110, 103)


async def test_given_a_label_not_seen_yet_then_its_goods_stay_gone(sink, directory, sandbox, at):
    sandbox.label(sandbox.order([("TEE", 7)], at=at(0)), at=at(1))
    await sink.push([target(110, 100)], directory)
    assert (sandbox.on_hand("TEE", "WH"), sandbox.available("TEE", "WH")) == (103, 103)


async def test_given_our_push_and_then_a_label_then_nothing_is_pushed_back(
    sink, directory, sandbox, at, poll, hub
):
    await sink.push([target(12, 100)], directory)
    order = sandbox.order([("TEE", 1)], at=at(0))
    sandbox.label(order, at=at(1))
    documents, _ = await poll()
    hub.take(*documents)
    own = hub.moved("TEE", "WH")[0]
    expected = 12 + own
    (answer,) = await sink.push([target(11, expected)], directory)
    assert (answer.outcome, sandbox.available("TEE", "WH")) == (Outcome.UNCHANGED, 11)


async def test_given_a_sku_without_a_level_there_then_it_gets_one(sink, client, sandbox):
    sandbox.seed("NEW", "EAST", 3)
    directory = await client.directory()
    assert await sink.look([target(4, None, sku="NEW")], directory) == [Seen(None)]
    (answer,) = await sink.push([target(4, None, sku="NEW")], directory)
    assert (answer.outcome, sandbox.on_hand("NEW", "WH")) == (Outcome.PUSHED, 4)


async def test_given_less_than_nothing_is_wanted_then_nothing_is_on_hand_and_the_answer_says_what_is_shown(
    sink, directory, sandbox
):
    (answer,) = await sink.push([target(-5, 100)], directory)
    assert (answer.outcome, answer.level, sandbox.on_hand("TEE", "WH")) == (Outcome.PUSHED, 0, 0)


async def test_given_a_look_then_it_shows_what_is_available_there_and_only_there(
    sink, directory, sandbox, at
):
    sandbox.order([("TEE", 7)], at=at(0))
    targets = [target(0, None), target(0, None, place="EAST"), target(0, None, sku="NONE")]
    assert await sink.look(targets, directory) == [Seen(93), Seen(50), Seen(None)]


async def test_given_a_lost_answer_then_a_look_and_a_repeat_have_one_effect(sink, directory, sandbox):
    sandbox.lose_answers()
    with pytest.raises(Unreachable):
        await sink.push([target(90, 100)], directory)
    assert sandbox.on_hand("TEE", "WH") == 90
    (seen,) = await sink.look([target(90, None)], directory)
    (answer,) = await sink.push([target(90, seen.level)], directory)
    assert (answer.outcome, sandbox.on_hand("TEE", "WH"), writes(sandbox)) == (Outcome.UNCHANGED, 90, 1)


async def test_given_a_label_between_reading_and_writing_then_the_outcome_is_unknown_and_a_look_mends_it(
    sink, directory, sandbox, at
):
    order = sandbox.order([("TEE", 7)], at=at(0))  # told to us: 93 are available

    def label():
        sandbox.v2.moved = lambda: None
        sandbox.label(order, at=at(1))

    sandbox.v2.moved = label
    with pytest.raises(Unreachable, match="allocations moved"):
        await sink.push([target(83, 93)], directory)
    (seen,) = await sink.look([target(83, None)], directory)
    await sink.push([target(83, seen.level)], directory)
    assert (sandbox.available("TEE", "WH"), sandbox.on_hand("TEE", "WH")) == (83, 83)


async def test_given_rows_that_shipstation_refuses_then_the_others_are_told(sink, directory, sandbox):
    answers = await sink.push(
        [target(1, 0, sku="GIFTCARD"), target(90, 100), target(1, 0, sku="NONE"), target(1, 0, place="MOON")],
        directory,
    )
    assert [answer.outcome for answer in answers] == [
        Outcome.REFUSED,
        Outcome.PUSHED,
        Outcome.REFUSED,
        Outcome.REFUSED,
    ]
    assert "invalid_identifier" in answers[0].detail
    assert sandbox.on_hand("TEE", "WH") == 90


async def test_given_an_account_without_the_inventory_api_then_the_refusal_says_so(
    sandbox, settings, secrets, directory
):
    client = connector.client(settings.model_copy(update={"inventory": False}), secrets)
    (answer,) = await connector.sink(client).push([target(90, 100)], directory)
    await client.close()
    assert (answer.outcome, "inventory = false" in answer.detail) == (Outcome.REFUSED, True)


async def test_given_a_request_to_wait_before_any_write_then_nothing_was_done(sink, directory, sandbox):
    sandbox.gate.allowed["v2"] = 0
    with pytest.raises(SlowDown):
        await sink.push([target(90, 100), target(40, 50, place="EAST")], directory)
    assert writes(sandbox) == 0


@pytest.mark.parametrize(("calls", "outcome"), [(2, Unreachable), (3, Unreachable)])
async def test_given_a_request_to_wait_before_a_write_is_checked_then_the_outcome_is_unknown(
    sink, directory, sandbox, calls, outcome
):
    used = len([path for _, path in sandbox.gate.calls if path.startswith("/v2")])
    sandbox.gate.allowed["v2"] = used + calls
    with pytest.raises(outcome):
        await sink.push([target(90, 100), target(40, 50, place="EAST")], directory)
    assert (sandbox.on_hand("TEE", "WH"), sandbox.on_hand("TEE", "EAST")) == (90, 50)


async def test_given_two_locations_that_are_one_of_ours_then_neither_is_told(sink, client, sandbox):
    from connectors.directory import overlay  # noqa: PLC0415

    merged = {"inventory_location:se-il-1": "HERE", "inventory_location:se-il-2": "HERE"}
    directory = overlay(await client.directory(), merged, {})
    (answer,) = await sink.push([target(90, 100, place="HERE")], directory)
    assert (answer.outcome, writes(sandbox)) == (Outcome.REFUSED, 0)


async def test_given_a_full_batch_then_it_fits_into_a_minutes_calls(sink, client, sandbox):
    for number in range(sink.batch_max):
        sandbox.seed(f"SKU{number}", "WH", 10)
    directory = await client.directory()
    before = len(sandbox.gate.calls)
    targets = [target(9, 10, sku=f"SKU{number}") for number in range(sink.batch_max)]
    answers = await sink.push(targets, directory)
    assert {answer.outcome for answer in answers} == {Outcome.PUSHED}
    assert len(sandbox.gate.calls) - before <= 200 / 2
