"""The sink against the sandbox: adjustments that never count twice and never undo a sale."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from connectors.contract import Seen, Target
from connectors.errors import SlowDown, Unreachable
from connectors.netsuite import connector
from connectors.polite import Reply
from schemas.receipts import Outcome

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def target(wanted, expected, sku="SHIRT", place="Mall", **more):
    own, offset = more.pop("own", 0), more.pop("offset", 1)
    return Target(sku=sku, place=place, wanted=wanted, expected=expected, own=own, offset=offset, **more)


@pytest.fixture
def sink(client):
    return connector.sink(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def adjustments(sandbox):
    """Id, external id, and units of each line of each adjustment."""
    rows = sandbox.books.all(
        'SELECT t.id, t.externalid, l.quantity FROM "transaction" t JOIN transactionline l ON l."transaction" = t.id'
        " WHERE t.type = 'InvAdjst' AND l.item > 0 ORDER BY l.uniquekey"
    )
    return [(row["id"], row["externalid"], row["quantity"]) for row in rows]


def posts(sandbox):
    return sandbox.gate.calls.count(("POST", "/services/rest/record/v1/inventoryAdjustment"))


@pytest.mark.parametrize("wanted", [8, 2, -1])
async def test_given_a_known_level_then_the_difference_is_adjusted_under_an_id_of_ours(
    sink, directory, sandbox, wanted
):
    (answer,) = await sink.push([target(wanted, 5)], directory)
    assert (answer.outcome, answer.level, sandbox.level("SHIRT", "Mall")) == (Outcome.PUSHED, wanted, wanted)
    ((ident, external, units),) = adjustments(sandbox)
    assert (answer.ref, units) == (str(ident), wanted - 5)
    assert re.fullmatch(r"onhand:adjust/[0-9a-f]{32}", external)


async def test_given_many_numbers_then_they_are_one_adjustment(sink, directory, sandbox):
    targets = [target(7, 5), target(0, 20, place="Warehouse"), target(5, 5, sku="MUG")]
    answers = await sink.push(targets, directory)
    assert sorted(answer.outcome for answer in answers) == ["pushed", "pushed", "unchanged"]
    assert posts(sandbox) == 1
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("SHIRT", "Warehouse")) == (7, 0)


async def test_given_locations_of_two_subsidiaries_then_each_has_its_own_adjustment(sink, sandbox):
    """NS-21: NetSuite refuses a location of another subsidiary."""
    sandbox.books.write("UPDATE location SET subsidiary = '3' WHERE name = 'Warehouse'")
    directory = await sink._client.directory()
    answers = await sink.push([target(7, 5), target(7, 20, place="Warehouse")], directory)
    assert [answer.outcome for answer in answers] == [Outcome.PUSHED] * 2
    assert posts(sandbox) == 2


@pytest.mark.parametrize("named", [None, "3"])
async def test_given_locations_of_no_subsidiary_then_the_configured_one_is_named_or_none(
    sink, directory, monkeypatch, named
):
    bodies = []

    async def create(record, body):
        bodies.append((record, body))
        return Reply(204, {"Location": "/record/v1/inventoryAdjustment/77"}, None)

    monkeypatch.setattr(sink._client, "create", create)
    sink._client.subsidiaries = {"no": "such location"}
    sink._client.settings = sink._client.settings.model_copy(update={"subsidiary": named})
    (answer,) = await sink.push([target(7, 5)], directory)
    ((record, body),) = bodies
    assert (answer.ref, record) == ("77", "inventoryAdjustment")
    assert body.get("subsidiary") == (None if named is None else {"id": named})


async def test_given_a_sale_between_reading_and_writing_then_it_is_kept(sink, directory, sandbox):
    sandbox.sell("Mall", [("SHIRT", 2)], at=NOW)
    await sink.push([target(8, 5)], directory)
    assert sandbox.level("SHIRT", "Mall") == 6


async def test_given_a_lost_answer_then_the_adjustment_is_found_and_made_once(sink, directory, sandbox):
    """NS-16."""
    sandbox.lose_answers()
    (answer,) = await sink.push([target(8, 5)], directory)
    ((ident, _, units),) = adjustments(sandbox)
    assert (answer.outcome, answer.ref, units) == (Outcome.PUSHED, str(ident), 3)


async def test_given_a_call_that_never_arrived_then_it_is_made_again_under_the_same_id(
    sink, directory, sandbox, monkeypatch
):
    create, bodies = sink._client.create, []

    async def broken(record, body):
        bodies.append(body)
        if len(bodies) == 1:
            raise Unreachable("the line is dead")
        return await create(record, body)

    monkeypatch.setattr(sink._client, "create", broken)
    (answer,) = await sink.push([target(8, 5)], directory)
    assert (answer.outcome, sandbox.level("SHIRT", "Mall")) == (Outcome.PUSHED, 8)
    assert bodies[0]["externalId"] == bodies[1]["externalId"]


async def test_given_a_push_that_is_repeated_whatever_became_of_the_first_then_it_has_one_effect(
    sink, directory, sandbox, client
):
    targets = [target(8, 5), target(1, 5, sku="MUG")]
    await sink.push(targets, directory)
    restarted = connector.sink(client)
    answers = await restarted.push(targets, directory)
    assert [answer.outcome for answer in answers] == [Outcome.PUSHED] * 2
    assert len(adjustments(sandbox)) == 2
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("MUG", "Mall")) == (8, 1)


async def test_given_the_line_stays_dead_then_the_outcome_is_unknown_and_the_repeat_is_one_effect(
    sink, directory, sandbox, monkeypatch
):
    find = sink._client.find

    async def dead(*_):
        raise Unreachable("the line is dead")

    monkeypatch.setattr(sink._client, "find", dead)
    sandbox.lose_answers()
    with pytest.raises(Unreachable):
        await sink.push([target(8, 5)], directory)
    monkeypatch.setattr(sink._client, "find", find)
    (answer,) = await sink.push([target(8, 5)], directory)
    assert (answer.outcome, sandbox.level("SHIRT", "Mall")) == (Outcome.PUSHED, 8)


async def test_given_netsuite_asks_to_wait_first_then_nothing_was_done(sink, directory, sandbox):
    sandbox.gate.limit = 0
    with pytest.raises(SlowDown):
        await sink.push([target(8, 5)], directory)
    assert adjustments(sandbox) == []


async def test_given_netsuite_asks_to_wait_after_a_lost_answer_then_the_outcome_is_unknown(
    sink, directory, sandbox, monkeypatch
):
    async def busy(*_):
        raise SlowDown(1)

    monkeypatch.setattr(sink._client, "find", busy)
    sandbox.lose_answers()
    with pytest.raises(Unreachable):
        await sink.push([target(8, 5)], directory)


async def test_given_netsuite_asks_to_wait_in_the_middle_then_the_outcome_is_unknown(
    sink, sandbox, monkeypatch
):
    sandbox.books.write("UPDATE location SET subsidiary = '3' WHERE name = 'Warehouse'")
    directory = await sink._client.directory()
    create, done = sink._client.create, []

    async def busy(record, body):
        if done:
            raise SlowDown(1)
        done.append(body)
        return await create(record, body)

    monkeypatch.setattr(sink._client, "create", busy)
    with pytest.raises(Unreachable, match="in the middle"):
        await sink.push([target(7, 5), target(7, 20, place="Warehouse")], directory)


async def test_given_lines_that_netsuite_refuses_then_the_others_are_made_and_the_reason_is_told(
    sink, directory, sandbox
):
    sandbox.books.write("UPDATE item SET itemtype = 'Kit' WHERE itemid = 'MUG'")
    targets = [target(7, 5), target(4, 5, sku="MUG"), target(4, 5, sku="CAP")]
    answers = {answer.target.sku: answer for answer in await sink.push(targets, directory)}
    assert answers["MUG"].outcome is Outcome.REFUSED
    assert "400: Invalid Field Value" in answers["MUG"].detail
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("CAP", "Mall")) == (7, 4)


async def test_given_an_unknown_sku_or_place_then_it_is_refused_without_a_call(sink, directory, sandbox):
    before = len(sandbox.gate.calls)
    answers = await sink.push([target(1, 0, sku="NONE"), target(1, 0, place="Moon")], directory)
    assert [answer.outcome for answer in answers] == [Outcome.REFUSED] * 2
    assert len(sandbox.gate.calls) == before


async def test_given_a_look_then_levels_are_read_in_one_call_and_may_hold_sales_not_seen(
    sink, directory, sandbox
):
    sandbox.sell("Mall", [("SHIRT", 2)], at=NOW)
    sandbox.order([("MUG", 9)], location="Mall", at=NOW)
    before = len(sandbox.gate.calls)
    targets = [target(7, None), target(3, None, sku="MUG"), target(4, None, sku="NONE")]
    assert await sink.look(targets, directory) == [Seen(3), Seen(-4), Seen(None)]
    assert len(sandbox.gate.calls) - before == 1


async def test_given_a_cell_that_never_had_stock_then_it_is_zero_unless_nothing_is_shown_at_all(
    sink, directory, sandbox
):
    """NS-18."""
    sandbox.books.write("DELETE FROM opening WHERE location = ?", sandbox.location_id("Mall"))
    assert await sink.look([target(4, None)], directory) == [Seen(0)]
    sandbox.books.write("DELETE FROM opening")
    with pytest.raises(Unreachable, match="permission"):
        await sink.look([target(4, None)], directory)


async def test_given_an_opened_place_then_a_look_is_certain_and_leaves_out_a_sale_not_seen(
    sink, directory, sandbox
):
    assert await sink.look([target(5, None, own=5, opened=True)], directory) == [Seen(5, certain=True)]
    await sink.push([target(8, 5, own=5, opened=True)], directory)
    sandbox.sell("Mall", [("SHIRT", 2)], at=NOW)
    assert await sink.look([target(8, None, own=5, opened=True)], directory) == [Seen(8, certain=True)]
    assert sandbox.level("SHIRT", "Mall") == 6


async def test_given_adjustments_of_somebody_else_then_only_ours_count_as_told(sink, directory, sandbox):
    sandbox.adjust("Mall", [("SHIRT", -1)], at=NOW)
    await sink.push([target(8, 5, own=5, opened=True)], directory)
    assert await sink.look([target(8, None, own=5, opened=True)], directory) == [Seen(8, certain=True)]


async def test_given_somebody_edits_our_adjustment_then_a_look_knows(sink, directory, sandbox):
    """NS-17."""
    (answer,) = await sink.push([target(8, 5, own=5, opened=True)], directory)
    sandbox.edit(int(answer.ref), "SHIRT", 1, at=NOW)
    assert await sink.look([target(8, None, own=5, opened=True)], directory) == [Seen(6, certain=True)]


async def test_given_our_own_adjustment_then_a_poll_tells_it_as_no_movement(sink, directory, sandbox, client):
    """NS-15."""
    await sink.push([target(8, 5)], directory)
    found = [payload async for payloads, _ in client.poll(None) for payload in payloads]
    ((document,),) = [connector.read("erp", payload).documents for payload in found]
    assert (document.lines, document.skipped[0].reason) == ((), "our own adjustment")


async def test_given_all_that_is_told_then_never_by_a_method_that_adds_lines_to_a_record(
    sink, directory, sandbox
):
    """NS-16b: `PUT` and `PATCH` on a record that is there add their lines to it."""
    await sink.push([target(8, 5)], directory)
    await sink.push([target(8, 5)], directory)
    assert {method for method, _ in sandbox.gate.calls} == {"POST"}
