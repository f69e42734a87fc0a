"""What is done about a hand edit by each policy, and what is kept of it: without a platform, and without engines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from schemas.availability import Place, Shown
from schemas.claims import Claim, Fact
from schemas.codec import decode
from schemas.receipts import Outcome, Receipt
from schemas.topics import CLAIMS
from streams.differences import Cause, Difference, Known
from streams.directories import Directories
from streams.hand_edits import Editing
from streams.intake import Intake
from streams.settings import load
from streams.stages import Naming

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KNOWN = Known(Place(quantity=10, level=10, own=0), 10, 1, Shown(10, 0))
SETTINGS = """
[locations.SOHO]
hand_edits = "adopt"
[locations.HARLEM]
hand_edits = "correct"
[locations.QUEENS]

[channels.web]
platform = "shopify"
shop = "a.myshopify.com"
quantity_max = 50
[channels.web.rules]
publish = "locations"

[bundles.SET]
MUG = 2
"""


@dataclass
class Log:
    """A log that takes everything."""

    claims: list[Claim] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    async def send(self, outs):
        for out in outs:
            if out.topic == CLAIMS.name:
                self.claims.append(decode(Claim, out.value))
            else:
                self.receipts.append(decode(Receipt, out.value))


class Journal:
    """Has the documents that were posted before."""

    def __init__(self, posted: int) -> None:
        self.posted = posted

    async def documents_of(self, sku, prefix):
        assert (sku, prefix) == ("MUG", "edit/web/MUG/SOHO/")
        return self.posted


@pytest.fixture
def editing(tmp_path):
    file = tmp_path / "onhand.toml"
    file.write_text(SETTINGS)
    intake = Intake({}, {}, Directories(load(file), {}, None), Log(), Naming())
    return Editing(channel="web", intake=intake, queries=Journal(4), clock=lambda: NOW)


def edit(place: str, shown: int = 12, sku: str = "MUG") -> Difference:
    return Difference(
        channel="web", sku=sku, place=place, expected=10, shown=shown, cause=Cause.HAND_EDIT, since=NOW
    )


async def test_given_adopt_then_the_difference_is_a_document_of_the_channel(editing):
    done = await editing.handle(edit("SOHO", 7), KNOWN)
    assert done.done == "adopted as edit/web/MUG/SOHO/5"
    (claim,) = editing.intake.writer.claims
    assert (claim.channel, claim.transaction, claim.occurred_at) == ("web", "edit/web/MUG/SOHO/5", NOW)
    ((line,),) = [document.lines for document in claim.documents]
    assert (line.fact, line.quantity, line.location, line.at) == (Fact.ADJUSTED_DOWN, 3, "SOHO", NOW)
    assert line.reason == "changed by hand: 7 where 10 should be"
    assert [one.outcome for one in editing.intake.writer.receipts] == [Outcome.DRIFTED]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (edit("SOHO", 61), "left as it is: more than 50 units are taken for a mistake"),
        (edit("SOHO", sku="SET"), "left as it is: no shelf holds a bundle"),
    ],
)
async def test_given_what_cannot_be_adopted_then_it_is_left_and_told_of(editing, found, why):
    assert (await editing.handle(found, KNOWN)).done == why
    assert editing.intake.writer.claims == []
    assert [(one.outcome, one.detail) for one in editing.intake.writer.receipts] == [(Outcome.DRIFTED, why)]


async def test_given_correct_then_it_is_overruled_as_often_as_it_is_found(editing):
    for _ in range(2):
        assert (await editing.handle(edit("HARLEM"), KNOWN)).done == "told 10 again"
    assert [one.outcome for one in editing.intake.writer.receipts] == [Outcome.OVERRULED] * 2
    assert editing.intake.writer.claims == []


@pytest.mark.parametrize("place", ["QUEENS", "ELSEWHERE", "network"])
async def test_given_alert_or_no_policy_at_all_then_it_is_left_and_told_of_once(editing, place):
    receipts = editing.intake.writer.receipts
    for _ in range(2):
        assert (await editing.handle(edit(place), KNOWN)).done == "left as it is"
    assert [(one.outcome, one.level) for one in receipts] == [(Outcome.DRIFTED, 12)]
    await editing.handle(replace(edit(place, 11), expected=9, since=None), KNOWN)
    assert len(receipts) == 1, "one was sold meanwhile"
    await editing.handle(edit(place, 13), KNOWN)
    assert [one.level for one in receipts] == [12, 13], "it was changed once more"
    editing.only({("MUG", place)})
    await editing.handle(edit(place, 13), KNOWN)
    assert len(receipts) == 2
    editing.only(set())
    await editing.handle(replace(edit(place, 13), since=None), KNOWN)
    assert len(receipts) == 3, "it was right in between"
