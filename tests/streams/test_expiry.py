from __future__ import annotations

from datetime import UTC, datetime, timedelta

from schemas.codec import decode
from schemas.ledger import Stock
from schemas.movements import Movement
from schemas.reservations import Hold, Outcome
from streams.expiry import Expiry
from streams.stages import Naming

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Kept:
    """A log that keeps what is written."""

    def __init__(self):
        self.written = []

    async def send(self, outs):
        self.written += outs

    @property
    def movements(self):
        return [decode(Movement, out.value) for out in self.written]


def holding(sku, key, until=NOW, outcome=Outcome.HELD):
    return Stock(sku=sku, holds={key: Hold(location="SOHO", quantity=1, outcome=outcome, expires_at=until)})


async def asked(*stocks):
    log = Kept()
    expiry = Expiry(Naming(), log, lambda: NOW)
    expiry.note(0, stocks)
    await expiry.tick(lambda _: True)
    return log.movements


async def test_given_a_reservation_of_several_skus_that_ends_then_each_line_is_asked_about_under_a_name_of_its_own():
    found = await asked(holding("MUG", "r1/0"), holding("TEE", "r1/1"))
    assert [(one.sku, one.id, one.document) for one in found] == [
        ("MUG", "r1/0/expire", "r1/0"),
        ("TEE", "r1/1/expire", "r1/1"),
    ]
    assert {one.transaction for one in found} == {"reservation/r1"}


async def test_given_one_that_goes_on_and_one_that_has_ended_then_nobody_is_asked():
    later = holding("MUG", "r1/0", NOW + timedelta(seconds=1))
    assert await asked(later, holding("TEE", "r1/1", outcome=Outcome.RELEASED)) == []
