"""What a sink without an absolute write tells: differences, in batches that are halved until the wrong line is known."""

from __future__ import annotations

import pytest

from connectors.contract import Target
from connectors.differences import Cell, Due, differences, pushed, written
from connectors.directory import Directory
from connectors.errors import SlowDown, Unreachable
from schemas.receipts import Outcome

DIRECTORY = Directory(items={}, locations={}, handles={"A": "1", "B": "2"}, places={"WH": "7"})


def target(sku: str, wanted: int, expected: int | None, place: str = "WH") -> Target:
    return Target(sku=sku, place=place, wanted=wanted, expected=expected, own=0, offset=1)


def lines(count: int) -> list[Due]:
    return [Due(target(f"S{at}", 1, 0), Cell(str(at), "7"), 1) for at in range(count)]


def test_given_targets_then_each_is_a_difference_or_has_its_answer():
    asked = [target("A", 3, 5), target("B", 4, None), target("A", 2, 2), target("C", 1, 0)]
    answers, due = differences(asked, DIRECTORY, "no such item")
    assert due == [Due(asked[0], Cell("1", "7"), -2), Due(asked[1], Cell("2", "7"), 4)]
    assert [(one.outcome, one.level, one.detail) for one in answers] == [
        (Outcome.UNCHANGED, 2, None),
        (Outcome.REFUSED, 0, "no such item"),
    ]


async def test_given_a_wrong_line_then_all_others_are_written_in_order_and_it_alone_is_refused():
    batch, sent = lines(5), []

    async def write(part):
        if any(due.cell.item == "3" for due in part):
            return "line 3 is wrong"
        sent.append([due.cell.item for due in part])
        return [pushed(due, "1") for due in part]

    answers = await written([batch], write, "It")
    assert sent == [["0", "1"], ["2"], ["4"]]
    assert [(one.target.sku, one.outcome) for one in answers if one.outcome is not Outcome.PUSHED] == [
        ("S3", Outcome.REFUSED)
    ]
    assert len(answers) == 5


@pytest.mark.parametrize(("after", "raised"), [(0, SlowDown), (1, Unreachable)])
async def test_given_a_platform_that_asks_to_wait_then_slow_down_means_that_nothing_was_done(after, raised):
    done = []

    async def write(part):
        if len(done) == after:
            raise SlowDown(3.0)
        done.append(part)
        return [pushed(due, "1") for due in part]

    with pytest.raises(raised):
        await written([lines(1), lines(1)], write, "It")
