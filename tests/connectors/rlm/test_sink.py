"""Levels out: absolute, repeatable, and without undoing what the partner sold meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.contract import Seen, Target
from connectors.errors import Unreachable
from connectors.rlm import connector
from connectors.rlm.client import RlmClient
from connectors.rlm.folder import LocalFolder
from connectors.rlm.x12 import interchanges
from schemas.receipts import Outcome

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def target(wanted, expected, sku="TEE-S", place="East", own=0):
    return Target(sku=sku, place=place, wanted=wanted, expected=expected, own=own, offset=1)


@pytest.fixture
def sink(client):
    return connector.sink(client)


def told(tmp_path):
    files = sorted((tmp_path / "outbox").glob("846-*"))
    return [
        [list(s) for one in interchanges(f.read_bytes())[0].groups[0].sets for s in one.segments]
        for f in files
    ]


async def test_given_numbers_then_one_846_tells_each_place_its_own(sink, directory, sandbox, tmp_path):
    answers = await sink.push(
        [
            target(8, 10),
            target(5, 4, "TEE-M"),
            target(1, 2, place="Store 7"),
            target(3, None, place="network"),
        ],
        directory,
    )
    assert [(one.outcome, one.level) for one in answers] == [
        (Outcome.PUSHED, 8),
        (Outcome.PUSHED, 5),
        (Outcome.PUSHED, 1),
        (Outcome.PUSHED, 3),
    ]
    (segments,) = told(tmp_path)
    assert answers[0].ref == "846-000000001.edi"
    assert [segment for segment in segments if segment[0] != "BIA"] == [
        ["N1", "WH", "", "92", "E01"],
        ["LIN", "1", "SK", "TEE-S"],
        ["QTY", "33", "8", "EA"],
        ["LIN", "2", "SK", "TEE-M"],
        ["QTY", "33", "5", "EA"],
        ["CTT", "2"],
        ["N1", "WH", "", "92", "STORE07"],
        ["LIN", "1", "SK", "TEE-S"],
        ["QTY", "33", "1", "EA"],
        ["CTT", "1"],
        ["LIN", "1", "SK", "TEE-S"],
        ["QTY", "33", "3", "EA"],
        ["CTT", "1"],
    ]


async def test_given_the_number_is_right_then_nothing_is_sent(sink, directory, tmp_path):
    (answer,) = await sink.push([target(10, 10)], directory)
    assert (answer.outcome, answer.level) == (Outcome.UNCHANGED, 10)
    assert not (tmp_path / "outbox").exists() or told(tmp_path) == []


async def test_given_less_than_nothing_then_zero_is_told(sink, directory, sandbox):
    sandbox.sell("E01", [("TEE-S", 4)], at=NOW)
    await sink.push([target(3, 10)], directory)
    assert sandbox.level("TEE-S", "E01") == 0


async def test_given_sales_in_the_inbox_then_they_stay_taken_off_until_they_are_seen(
    sink, directory, sandbox, client, hub
):
    sandbox.sell("E01", [("TEE-S", 2), ("TEE-M", 1)], at=NOW)
    (answer,) = await sink.push([target(9, 10)], directory)
    assert (answer.level, sandbox.level("TEE-S", "E01")) == (9, 7)
    await hub.poll(client)
    (again,) = await sink.push([target(7, 7, own=-2)], directory)
    assert (again.outcome, sandbox.level("TEE-S", "E01")) == (Outcome.PUSHED, 7), "the same, told anew"
    (again,) = await sink.push([target(7, 7, own=-2)], directory)
    assert again.outcome is Outcome.UNCHANGED
    await sink.push([target(6, 7, own=-2)], directory)
    assert sandbox.level("TEE-S", "E01") == 6, "a sale that was taken in is not taken off again"


async def test_given_the_partner_finds_units_after_it_was_told_then_it_is_told_what_it_may_sell_now(
    sink, directory, sandbox, client, hub
):
    await sink.push([target(8, 10)], directory)
    sandbox.adjust("E01", [("TEE-S", 3)], at=NOW)
    await hub.poll(client)
    assert sandbox.level("TEE-S", "E01") == 8, "what it found it does not offer by itself"
    (answer,) = await sink.push([target(11, 11, own=3)], directory)
    assert (answer.outcome, sandbox.level("TEE-S", "E01")) == (Outcome.PUSHED, 11)


async def test_given_a_look_then_it_is_what_was_told_last_moved_on_by_the_partners_own_sales(
    sink, directory, sandbox
):
    assert await sink.look(
        [target(8, None), target(8, None, "NEW"), target(8, None, place="Moon")], directory
    ) == [
        Seen(10),
        Seen(None),
        Seen(None),
    ]
    await sink.push([target(8, 10, own=-1)], directory)
    assert await sink.look([target(8, None, own=-1)], directory) == [Seen(8)]
    assert await sink.look([target(5, None, own=-4)], directory) == [Seen(5)]


class Losing(LocalFolder):
    """A folder whose answer is lost after the write to `path` was done."""

    lost = ""

    async def write(self, path, content):
        await super().write(path, content)
        if self.lost and path.startswith(self.lost):
            self.lost = ""
            raise Unreachable(path)


@pytest.mark.parametrize("lost", ["outbox/", "told.json", "numbers/"])
async def test_given_a_lost_answer_then_the_same_push_again_has_one_effect(
    settings, directory, sandbox, tmp_path, lost
):
    folder = Losing(tmp_path)
    folder.lost = lost
    sink = connector.sink(RlmClient(settings, {}, folder))
    with pytest.raises(Unreachable):
        await sink.push([target(8, 10)], directory)
    sandbox.work(NOW)
    (answer,) = await sink.push([target(8, 10)], directory)
    assert (answer.outcome, sandbox.level("TEE-S", "E01")) == (Outcome.PUSHED, 8)
    assert await sink.look([target(8, None)], directory) == [Seen(8)]


async def test_given_an_unknown_item_or_place_then_it_is_refused_and_the_rest_is_told(
    sink, directory, sandbox
):
    answers = await sink.push([target(1, 0, "NEW"), target(1, 0, place="Moon"), target(4, 10)], directory)
    assert [(one.outcome, one.detail) for one in answers] == [
        (Outcome.REFUSED, "the partner has no item NEW"),
        (Outcome.REFUSED, "the partner has no warehouse Moon"),
        (Outcome.PUSHED, None),
    ]
    assert sandbox.level("TEE-S", "E01") == 4


async def test_given_bad_files_in_the_inbox_then_numbers_are_told_all_the_same(sink, directory, sandbox):
    sandbox.sell("E01", [("TEE-S", 1)], at=NOW)
    sandbox.truncate()
    (sandbox.root / "inbox/zz.edi").write_bytes(b"not X12")
    (sandbox.root / "inbox/zz.csv").write_bytes(sandbox.sent[-1].replace(b"PO1*1*1*", b"PO1*1*x*"))
    await sink.push([target(9, 10)], directory)
    assert sandbox.level("TEE-S", "E01") == 8


async def test_given_a_full_batch_then_all_of_it_is_told(sink, client, sandbox):
    for number in range(sink.batch_max):
        sandbox.seed(f"SKU{number}", "E01", number)
    sandbox.report(at=NOW)
    directory = await client.directory()
    targets = [target(n + 1, n, f"SKU{n}", "E01") for n in range(sink.batch_max)]
    assert {answer.outcome for answer in await sink.push(targets, directory)} == {Outcome.PUSHED}
    assert [sandbox.level(f"SKU{n}", "E01") for n in (0, 500, 999)] == [1, 501, 1_000]
