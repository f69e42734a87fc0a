"""The sink against the sandbox: adjustment sets that never apply twice and never undo a sale."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from connectors.contract import Seen, Target
from connectors.errors import SlowDown, Unreachable
from connectors.heartland import connector
from connectors.heartland.client import HeartlandClient
from schemas.receipts import Outcome

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SETS = "inventory/adjustment_sets"


def target(wanted, expected, sku="SHIRT", place="Denver", **more):
    return Target(sku=sku, place=place, wanted=wanted, expected=expected, own=0, offset=1, **more)


@pytest.fixture
def sink(client):
    return connector.sink(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def sets(sandbox, status="complete"):
    return [row for row in sandbox.books.collections[SETS].values() if row["status"] == status]


@pytest.mark.parametrize("wanted", [8, 2, -1])
async def test_given_a_known_level_then_the_difference_is_adjusted(sink, directory, sandbox, wanted):
    (answer,) = await sink.push([target(wanted, 5)], directory)
    assert (answer.outcome, answer.level) == (Outcome.PUSHED, wanted)
    assert sandbox.available("SHIRT", "Denver") == wanted
    (made,) = sets(sandbox)
    (line,) = sandbox.books.below(SETS, made["id"])
    assert (answer.ref, line["qty"], line["unit_cost"]) == (str(made["id"]), wanted - 5, 2.16)
    assert made["adjustment_reason_id"] == 3


async def test_given_several_numbers_then_each_location_has_one_set(sink, directory, sandbox):
    targets = [target(6, 5), target(7, 5, sku="MUG"), target(9, 10, sku="CAP", place="Boston")]
    answers = await sink.push(targets, directory)
    assert {answer.outcome for answer in answers} == {Outcome.PUSHED}
    assert len(sets(sandbox)) == 2
    assert sandbox.available("MUG", "Denver") == 7
    assert sandbox.available("CAP", "Boston") == 9


async def test_given_the_level_is_right_then_nothing_is_adjusted(sink, directory, sandbox):
    (answer,) = await sink.push([target(5, 5)], directory)
    assert (answer.outcome, sandbox.books.collections[SETS]) == (Outcome.UNCHANGED, {})


async def test_given_a_place_that_keeps_no_number_then_the_whole_number_is_adjusted(sink, client, sandbox):
    sandbox.seed("NEW", "Boston", 1)
    (answer,) = await sink.push([target(4, None, sku="NEW")], await client.directory())
    assert (answer.outcome, sandbox.available("NEW", "Denver")) == (Outcome.PUSHED, 4)


async def test_given_a_sale_between_reading_and_writing_then_it_is_kept(sink, directory, sandbox):
    sandbox.sell("Denver", [("SHIRT", 2)], at=NOW)
    await sink.push([target(8, 5)], directory)
    assert sandbox.available("SHIRT", "Denver") == 6


async def test_given_a_look_then_it_is_what_may_be_sold_and_never_certain(sink, client, sandbox):
    sandbox.seed("NEW", "Boston", 1)
    directory = await client.directory()
    sandbox.sell("Denver", [("SHIRT", 2)], at=NOW)
    targets = [
        target(7, None, opened=True),
        target(3, None, sku="MUG", place="Boston"),
        target(4, None, sku="NEW"),  # never in stock there
        target(4, None, sku="NONE"),
    ]
    before = len(sandbox.gate.calls)
    assert await sink.look(targets, directory) == [Seen(3), Seen(10), Seen(0), Seen(None)]
    assert len(sandbox.gate.calls) - before == 1


@pytest.mark.parametrize(
    "lost", ["POST /api/inventory/adjustment_sets", "/lines", "PUT /api/inventory/adjustment_sets"]
)
async def test_given_a_lost_answer_then_the_push_again_has_one_effect(sink, directory, sandbox, lost):
    sandbox.lose_answers(on=lost)
    targets = [target(8, 5), target(4, 5, sku="MUG")]
    for _ in range(3):
        try:
            answers = await sink.push(targets, directory)
        except Unreachable:
            answers = await sink.push(targets, directory)
        assert {answer.outcome for answer in answers} == {Outcome.PUSHED}
    assert (sandbox.available("SHIRT", "Denver"), sandbox.available("MUG", "Denver")) == (8, 4)
    assert len(sandbox.books.collections[SETS]) == 1


async def test_given_an_answer_lost_with_a_process_then_another_sink_finds_the_set(
    sink, settings, directory, sandbox
):
    sandbox.lose_answers(2, on="PUT")
    await sink.push([target(8, 5)], directory)
    other = HeartlandClient(settings, {"token": SecretStr("token")})
    (answer,) = await connector.sink(other).push([target(8, 5)], directory)
    assert (answer.outcome, sandbox.available("SHIRT", "Denver")) == (Outcome.PUSHED, 8)
    await other.close()


async def test_given_the_same_numbers_later_then_they_are_told_again(sink, directory, sandbox):
    await sink.push([target(8, 5)], directory)
    await sink.push([target(5, 8)], directory)
    later = Target(sku="SHIRT", place="Denver", wanted=8, expected=5, own=0, offset=2)
    await sink.push([later], directory)
    assert (sandbox.available("SHIRT", "Denver"), len(sets(sandbox))) == (8, 3)


async def test_given_a_set_that_is_not_completed_then_it_is_said_and_gone_on_with(
    sink, directory, sandbox, monkeypatch
):
    monkeypatch.setattr("connectors.heartland.sandbox.api.become", lambda *_: None)
    with pytest.raises(Unreachable, match="did not complete"):
        await sink.push([target(8, 5)], directory)
    monkeypatch.undo()
    (answer,) = await sink.push([target(8, 5)], directory)
    assert (answer.outcome, sandbox.available("SHIRT", "Denver")) == (Outcome.PUSHED, 8)
    assert len(sandbox.books.collections[SETS]) == 1


async def test_given_a_line_that_heartland_refuses_then_the_others_are_told(sink, directory, sandbox):
    del sandbox.books.collections["items"][sandbox.item("MUG")]
    answers = await sink.push([target(4, 5, sku="MUG"), target(8, 5)], directory)
    outcomes = {answer.target.sku: answer for answer in answers}
    assert outcomes["MUG"].outcome is Outcome.REFUSED
    assert outcomes["MUG"].detail == "Heartland answered 422 about item_id"
    assert (outcomes["SHIRT"].outcome, sandbox.available("SHIRT", "Denver")) == (Outcome.PUSHED, 8)


async def test_given_only_refused_lines_then_the_set_stays_empty_and_pending(sink, directory, sandbox):
    del sandbox.books.collections["items"][sandbox.item("MUG")]
    for _ in range(2):
        (answer,) = await sink.push([target(4, 5, sku="MUG")], directory)
        assert answer.outcome is Outcome.REFUSED
    assert len(sets(sandbox, "pending")) == 1
    assert sets(sandbox) == []


async def test_given_an_unknown_sku_or_place_then_it_is_refused_without_a_call(sink, directory, sandbox):
    before = len(sandbox.gate.calls)
    answers = await sink.push([target(1, 0, sku="NONE"), target(1, 0, place="Moon")], directory)
    assert [answer.outcome for answer in answers] == [Outcome.REFUSED] * 2
    assert len(sandbox.gate.calls) == before


async def test_given_a_request_to_wait_then_nothing_was_done(sink, directory, sandbox):
    sandbox.gate.throttle = 1
    with pytest.raises(SlowDown) as wait:
        await sink.push([target(8, 5)], directory)
    assert (wait.value.retry_after, sandbox.available("SHIRT", "Denver")) == (2, 5)


async def test_given_a_request_to_wait_after_the_first_location_then_the_outcome_is_unknown(
    sink, directory, sandbox
):
    complete = sink._complete

    async def then_wait(*args):
        answers = await complete(*args)
        sandbox.gate.throttle = 1
        return answers

    sink._complete = then_wait
    with pytest.raises(Unreachable):
        await sink.push([target(8, 5), target(8, 10, place="Boston")], directory)


async def test_given_no_reason_of_our_name_then_it_is_said_and_nothing_is_written(
    sandbox, settings, directory
):
    other = HeartlandClient(settings.model_copy(update={"reason": "Hub sync"}), {"token": SecretStr("token")})
    with pytest.raises(Unreachable, match="'Hub sync': make one"):
        await connector.sink(other).push([target(8, 5)], directory)
    assert sandbox.books.collections[SETS] == {}
    await other.close()


async def test_given_an_account_that_drops_our_reference_then_nothing_is_completed(
    sink, directory, sandbox, monkeypatch
):
    create = sandbox.api.create

    def forgetful(path, fields, at):
        return create(path, {name: value for name, value in fields.items() if name != "description"}, at)

    monkeypatch.setattr(sandbox.api, "create", forgetful)
    with pytest.raises(Unreachable, match="does not keep description"):
        await sink.push([target(8, 5)], directory)
    assert sandbox.available("SHIRT", "Denver") == 5


async def test_given_a_full_batch_then_all_levels_are_told(sink, client, sandbox):
    for number in range(sink.batch_max):
        sandbox.seed(f"SKU{number}", "Denver", number)
    directory = await client.directory()
    targets = [target(number + 1, number, sku=f"SKU{number}") for number in range(sink.batch_max)]
    assert {answer.outcome for answer in await sink.push(targets, directory)} == {Outcome.PUSHED}
    assert all(sandbox.available(t.sku, t.place) == t.wanted for t in targets)
