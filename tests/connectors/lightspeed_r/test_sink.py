"""The sink against the sandbox: sales of no money that never apply twice and never undo a sale."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.contract import Payload, Seen, Target
from connectors.errors import SlowDown, Unreachable
from connectors.lightspeed_r import connector
from schemas.receipts import Outcome

SHOPS = ("High Street", "Mall")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def target(wanted, expected, sku="SHIRT", place="Mall", **more):
    return Target(
        sku=sku,
        place=place,
        wanted=wanted,
        expected=expected,
        own=more.pop("own", 0),
        offset=more.pop("offset", 1),
        **more,
    )


@pytest.fixture
def sink(client):
    return connector.sink(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def pushes(sandbox):
    return [sale for sale in sandbox.account.sales.values() if sale["referenceNumberSource"] == "onhand"]


@pytest.mark.parametrize("wanted", [8, 2, -1])
async def test_given_a_known_level_then_the_difference_is_sold_or_taken_back_for_nothing(
    sink, directory, sandbox, wanted
):
    (answer,) = await sink.push([target(wanted, 5)], directory)
    assert (answer.outcome, answer.level, sandbox.level("SHIRT", "Mall")) == (Outcome.PUSHED, wanted, wanted)
    (sale,) = pushes(sandbox)
    assert answer.ref == str(sale["saleID"])
    (line,) = sandbox.account.lines_of(sale["saleID"])
    assert line["unitQuantity"] == 5 - wanted


async def test_given_the_level_is_right_then_nothing_is_written(sink, directory, sandbox):
    answers = await sink.push([target(5, 5), target(10, 10, place="High Street")], directory)
    assert [answer.outcome for answer in answers] == [Outcome.UNCHANGED] * 2
    assert pushes(sandbox) == []


async def test_given_several_shops_then_each_has_one_sale(sink, directory, sandbox):
    targets = [
        target(n, 5 if place == "Mall" else 10, sku, place)
        for n, sku in ((1, "SHIRT"), (2, "MUG"))
        for place in SHOPS
    ]
    answers = await sink.push(targets, directory)
    assert {answer.outcome for answer in answers} == {Outcome.PUSHED}
    assert [len(sandbox.account.lines_of(sale["saleID"])) for sale in pushes(sandbox)] == [2, 2]
    assert all(sandbox.level(t.sku, t.place) == t.wanted for t in targets)


async def test_given_a_sale_between_reading_and_writing_then_it_is_kept(sink, directory, sandbox):
    sandbox.sell("Mall", [("SHIRT", 2)], at=NOON)
    await sink.push([target(8, 5)], directory)
    assert sandbox.level("SHIRT", "Mall") == 6


async def test_given_a_look_then_levels_may_hold_sales_not_seen(sink, directory, sandbox):
    sandbox.sell("Mall", [("SHIRT", 2)], at=NOON)
    sandbox.seed("NEW", "High Street", 3)
    directory = await sink._client.directory()
    targets = [
        target(7, None),
        target(3, None, "MUG", "High Street"),
        target(1, None, "NEW"),
        target(1, None, "NONE"),
    ]
    assert await sink.look(targets, directory) == [Seen(3), Seen(10), Seen(0), Seen(None)]


async def test_given_a_lost_answer_then_the_same_push_again_has_no_second_effect(sink, directory, sandbox):
    sandbox.lose_answers()
    with pytest.raises(Unreachable):
        await sink.push([target(8, 5)], directory)
    assert sandbox.level("SHIRT", "Mall") == 8
    (answer,) = await sink.push([target(8, 5)], directory)
    assert (answer.outcome, sandbox.level("SHIRT", "Mall"), len(pushes(sandbox))) == (Outcome.PUSHED, 8, 1)


async def test_given_a_lost_answer_and_another_process_then_its_push_has_no_second_effect(
    sink, client, directory, sandbox
):
    sandbox.lose_answers()
    with pytest.raises(Unreachable):
        await sink.push([target(8, 5)], directory)
    await connector.sink(client).push([target(8, 5)], directory)
    assert (sandbox.level("SHIRT", "Mall"), len(pushes(sandbox))) == (8, 1)


async def test_given_a_lost_answer_then_a_look_is_certain_of_it_and_leaves_out_a_sale_not_seen(
    sink, directory, sandbox
):
    sandbox.lose_answers()
    with pytest.raises(Unreachable):
        await sink.push([target(8, 5), target(7, 5, "MUG")], directory)
    sandbox.sell("Mall", [("SHIRT", 2), ("CAP", 1)], at=NOON)
    assert sandbox.level("SHIRT", "Mall") == 6
    found = await sink.look([target(8, None), target(7, None, "MUG"), target(7, None, "CAP")], directory)
    assert found == [Seen(8, certain=True), Seen(7, certain=True), Seen(4)]
    seen_since = await sink.look([target(8, None, own=-2)], directory)
    assert seen_since == [Seen(6, certain=True)]


async def test_given_a_write_that_never_arrived_then_a_look_is_certain_that_it_is_not_there(
    sink, directory, sandbox, monkeypatch
):
    async def broken(*_):
        raise Unreachable("no answer")

    monkeypatch.setattr(sink, "_post", broken)
    with pytest.raises(Unreachable):
        await sink.push([target(8, 5)], directory)
    monkeypatch.undo()
    sandbox.sell("Mall", [("SHIRT", 2)], at=NOON)
    assert await sink.look([target(8, None)], directory) == [Seen(5, certain=True)]
    await sink.push([target(8, 5)], directory)
    assert sandbox.level("SHIRT", "Mall") == 6


async def test_given_a_later_push_of_the_same_difference_then_it_is_another_write(sink, directory, sandbox):
    await sink.push([target(8, 5, offset=1)], directory)
    sandbox.sell("Mall", [("SHIRT", 3)], at=NOON)
    await sink.push([target(8, 5, offset=2, own=-3)], directory)
    assert (sandbox.level("SHIRT", "Mall"), len(pushes(sandbox))) == (8, 2)


async def test_given_a_line_that_r_series_refuses_then_the_others_are_made(sink, directory, sandbox):
    gone = sandbox.account.items.pop(sandbox.account.item_by_sku["CAP"])
    assert gone
    targets = [target(8, 5), target(1, 5, "CAP"), target(7, 5, "MUG")]
    answers = {answer.target.sku: answer for answer in await sink.push(targets, directory)}
    assert answers["CAP"].outcome is Outcome.REFUSED
    assert "422" in answers["CAP"].detail
    assert {answers["SHIRT"].outcome, answers["MUG"].outcome} == {Outcome.PUSHED}
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("MUG", "Mall")) == (8, 7)


async def test_given_an_unknown_sku_or_place_then_it_is_refused_without_a_call(sink, directory, sandbox):
    before = sandbox.gate.calls
    answers = await sink.push([target(1, 0, sku="NONE"), target(1, 0, place="Moon")], directory)
    assert [answer.outcome for answer in answers] == [Outcome.REFUSED] * 2
    assert sandbox.gate.calls == before


async def test_given_a_request_to_wait_before_any_write_then_nothing_was_done(sink, directory, sandbox):
    sandbox.gate.size = 0.0
    with pytest.raises(SlowDown):
        await sink.push([target(8, 5)], directory)
    assert (sandbox.level("SHIRT", "Mall"), sink._unsure) == (5, {})


async def test_given_a_request_to_wait_after_a_write_then_the_outcome_is_unknown(
    sink, client, directory, sandbox, monkeypatch
):
    post, calls = sink._post, []

    async def once(*given):
        calls.append(given)
        if len(calls) > 1:
            raise SlowDown(1.0)
        return await post(*given)

    monkeypatch.setattr(sink, "_post", once)
    with pytest.raises(Unreachable):
        await sink.push([target(8, 5), target(8, 10, place="High Street")], directory)


async def test_given_a_shop_without_a_register_then_it_is_said(client, settings, sandbox, monkeypatch):
    monkeypatch.setattr(sandbox.account, "shops", {1: "High Street", 2: "Mall", 3: "Attic"})
    sink, directory = connector.sink(client), await client.directory()
    sink._registers = {"1": "10"}
    with pytest.raises(Unreachable, match="shop 2 has no register"):
        await sink.push([target(8, 5)], directory)


async def test_given_a_configured_register_then_it_is_used(client, directory, sandbox):
    client.settings = client.settings.model_copy(update={"registers": {"2": "99"}})
    (answer,) = await connector.sink(client).push([target(8, 5)], directory)
    assert (answer.outcome, sandbox.level("SHIRT", "Mall")) == (Outcome.REFUSED, 5)


async def test_given_our_own_adjustment_then_what_comes_back_of_it_moves_nothing(sink, client, directory):
    await sink.push([target(8, 5)], directory)
    found = [payload async for payloads, _ in client.poll(None) for payload in payloads]
    claims = [connector.read("tills", Payload(p.topic, p.body)) for p in found]
    assert [claim.documents[0].lines for claim in claims] == [()]
    assert claims[0].documents[0].skipped[0].reason == "our own adjustment"


async def test_given_a_full_batch_then_it_costs_less_than_a_bucket(sink, client, sandbox):
    for number in range(50):
        sandbox.seed(f"SKU{number}", "Mall", number)
    directory = await client.directory()
    sandbox.gate.level = 0.0
    await sink.push([target(n + 1, n, f"SKU{n}") for n in range(sink.batch_max)], directory)
    assert all(sandbox.level(f"SKU{n}", "Mall") == n + 1 for n in range(50))
    assert sandbox.gate.level < 90
