"""The sink against the sandbox: adjustments that never apply twice and never undo a sale."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.contract import Seen, Target
from connectors.errors import SlowDown, Unreachable
from connectors.lightspeed_x import connector
from schemas.receipts import Outcome

OUTLETS = ("Mall", "High Street")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def target(wanted, expected, sku="SHIRT", place="Mall", **more):
    return Target(
        sku=sku, place=place, wanted=wanted, expected=expected, own=more.pop("own", 0), offset=1, **more
    )


@pytest.fixture
def sink(client):
    return connector.sink(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


@pytest.mark.parametrize("wanted", [8, 2, -1])
async def test_given_a_known_level_then_the_difference_is_adjusted(sink, directory, sandbox, wanted):
    (answer,) = await sink.push([target(wanted, 5)], directory)
    assert (answer.outcome, answer.level, sandbox.level("SHIRT", "Mall")) == (Outcome.PUSHED, wanted, wanted)
    (row,) = await adjustments(sink)
    assert (answer.ref, row["quantity"], row["reason"]) == (row["id"], str(wanted - 5), "CUSTOM")


async def adjustments(sink):
    return [row async for rows in sink._client.pages("/stock_adjustments") for row in rows]


async def test_given_the_level_is_right_then_nothing_is_adjusted(sink, directory, sandbox):
    answers = await sink.push([target(5, 5), target(10, 10, place="High Street")], directory)
    assert [answer.outcome for answer in answers] == [Outcome.UNCHANGED] * 2
    assert await adjustments(sink) == []


async def test_given_a_place_that_keeps_no_number_then_the_whole_number_is_adjusted(sink, sandbox):
    sandbox.seed("NEW", "High Street", 0)
    directory = await sink._client.directory()
    (answer,) = await sink.push([target(4, None, sku="NEW")], directory)
    assert (answer.outcome, sandbox.level("NEW", "Mall")) == (Outcome.PUSHED, 4)


async def test_given_a_sale_between_reading_and_writing_then_it_is_kept(sink, directory, sandbox):
    sandbox.sell("Mall", [("SHIRT", 2)], at=NOW)
    await sink.push([target(8, 5)], directory)
    assert sandbox.level("SHIRT", "Mall") == 6


async def test_given_a_look_then_levels_are_read_in_one_call_and_may_hold_sales_not_seen(sink, sandbox):
    sandbox.seed("NEW", "High Street", 0)
    directory = await sink._client.directory()
    sandbox.sell("Mall", [("SHIRT", 2)], at=NOW)
    before = sandbox.gate._used
    targets = [
        target(7, None),
        target(3, None, sku="MUG", place="High Street"),
        target(4, None, sku="NEW"),  # never in stock there
        target(4, None, sku="NONE"),
    ]
    assert await sink.look(targets, directory) == [Seen(3), Seen(10), Seen(0), Seen(None)]
    assert sandbox.gate._used - before == 1


async def test_given_an_opened_place_then_a_look_is_certain_and_leaves_out_a_sale_not_seen(
    sink, directory, sandbox
):
    assert await sink.look([target(5, None, own=5, opened=True)], directory) == [Seen(5, certain=True)]
    await sink.push([target(8, 5, own=5, opened=True)], directory)
    sandbox.sell("Mall", [("SHIRT", 2)], at=NOW)
    assert await sink.look([target(8, None, own=5, opened=True)], directory) == [Seen(8, certain=True)]
    assert sandbox.level("SHIRT", "Mall") == 6


@pytest.mark.parametrize("opened", [True, False])
async def test_given_a_lost_answer_then_a_look_finds_the_write(sink, directory, sandbox, opened):
    sandbox.lose_answers()
    with pytest.raises(Unreachable):
        await sink.push([target(8, 5, own=5, opened=opened)], directory)
    assert sandbox.level("SHIRT", "Mall") == 8
    assert await sink.look([target(8, None, own=5, opened=opened)], directory) == [Seen(8, certain=opened)]


async def test_given_adjustments_of_somebody_else_then_only_ours_count_as_told(sink, directory, sandbox):
    row = {"product_id": sandbox.product_id("SHIRT"), "outlet_id": sandbox.outlet_id("Mall")}
    body = {"stock_adjustments": [{**row, "quantity": "-1", "reason": "DAMAGE"}]}
    await sink._client.http.call("POST", "/stock_adjustments", body=body)
    await sink.push([target(8, 5, own=5, opened=True)], directory)
    assert await sink.look([target(8, None, own=5, opened=True)], directory) == [Seen(8, certain=True)]


async def test_given_rows_that_x_series_refuses_then_the_others_are_made(sink, directory, sandbox):
    targets = [target(n, 0, sku="CAP" if n % 2 else "MUG", place="Mall") for n in (1, 2)]
    targets.insert(1, target(4, 0, sku="GIFTCARD"))
    answers = {answer.target.sku: answer for answer in await sink.push(targets, directory)}
    assert answers["GIFTCARD"].outcome is Outcome.REFUSED
    assert "422" in answers["GIFTCARD"].detail
    assert {answers["CAP"].outcome, answers["MUG"].outcome} == {Outcome.PUSHED}
    assert (sandbox.level("CAP", "Mall"), sandbox.level("MUG", "Mall")) == (6, 7)


async def test_given_an_unknown_sku_or_place_then_it_is_refused_without_a_call(sink, directory, sandbox):
    before = sandbox.gate._used
    answers = await sink.push([target(1, 0, sku="NONE"), target(1, 0, place="Moon")], directory)
    assert [answer.outcome for answer in answers] == [Outcome.REFUSED] * 2
    assert sandbox.gate._used == before


async def test_given_a_request_to_wait_before_any_write_then_nothing_was_done(sink, directory, sandbox):
    sandbox.gate._allowance = sandbox.gate._used
    with pytest.raises(SlowDown):
        await sink.push([target(8, 5)], directory)
    assert sandbox.level("SHIRT", "Mall") == 5


async def test_given_a_request_to_wait_in_the_middle_of_a_split_then_the_outcome_is_unknown(
    sink, directory, sandbox
):
    sandbox.gate._allowance = sandbox.gate._used + 5  # 3 for the reasons, the whole batch, its first half
    with pytest.raises(Unreachable):
        await sink.push([target(8, 5), target(4, 0, sku="GIFTCARD")], directory)
    assert sandbox.level("SHIRT", "Mall") == 8


async def test_given_a_second_sink_then_it_uses_the_reasons_that_are_there(sink, client, directory, sandbox):
    await sink.push([target(8, 5)], directory)
    await connector.sink(client).push([target(7, 8)], directory)
    assert sorted(row["name"] for row in sandbox._api._custom.values()) == ["Onhand +", "Onhand -"]
    assert sandbox.level("SHIRT", "Mall") == 7


async def test_given_a_reason_of_our_name_for_the_other_direction_then_the_message_says_so(
    sink, client, directory, sandbox
):
    body = {"name": "Onhand +", "type": "NEGATIVE", "enabled": True}
    await client.http.call("POST", "/custom_inventory_adjustment_reasons", body=body)
    with pytest.raises(Unreachable, match=r"'Onhand \+' exists and is not POSITIVE"):
        await sink.push([target(8, 5)], directory)
    assert sandbox.level("SHIRT", "Mall") == 5


async def test_given_a_full_batch_at_many_places_then_all_levels_are_read_and_all_are_told(
    sink, client, sandbox
):
    for number in range(499):
        for outlet in OUTLETS:
            sandbox.seed(f"SKU{number}", outlet, number)
    directory = await client.directory()
    targets = [
        target(number + 1, number, sku=f"SKU{number}", place=place)
        for number in range(499)
        for place in OUTLETS
    ]
    assert await sink.look(targets, directory) == [Seen(t.expected) for t in targets]
    assert {answer.outcome for answer in await sink.push(targets, directory)} == {Outcome.PUSHED}
    assert all(sandbox.level(t.sku, t.place) == t.wanted for t in targets)
