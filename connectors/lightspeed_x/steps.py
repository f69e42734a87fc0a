"""Which lines a consignment tells in which status. Data.

The kinds and their statuses are X-Series' own (OpenAPI 2026-07, `POST /consignments`). In which status the goods move is
graded row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from connectors.lightspeed_x.effects import Grade
from schemas.claims import Fact


class Goods(NamedTuple):
    """All rows of one product in a consignment, added up: X-Series may list a product several times."""

    product: str
    wanted: int
    received: int

    @property
    def arrived(self) -> int:
        """How many of the expected units came."""
        return min(self.wanted, self.received)

    @property
    def over(self) -> int:
        """How many units came that nobody expected."""
        return max(0, self.received - self.wanted)

    @property
    def short(self) -> int:
        """How many of the expected units did not come."""
        return max(0, self.wanted - self.received)


class Told(NamedTuple):
    """A line that a consignment tells of each product: which of its units, and the first of these dates that is there."""

    fact: Fact
    units: Callable[[Goods], int]
    dated: tuple[str, ...]
    reason: str | None = None


class Step(NamedTuple):
    """A kind of consignment in a status, and what it tells then."""

    kind: str
    status: str
    tells: tuple[Told, ...] = ()
    grade: Grade = Grade.INFERRED


CREATED = ("consignment_date", "created_at")
RECEIVED = ("received_at", "updated_at")
CHANGED = ("updated_at",)

EXPECTED = Told(Fact.EXPECTED, lambda goods: goods.wanted, CREATED)
SENT = Told(Fact.TRANSFER_SHIPPED, lambda goods: goods.wanted, CHANGED)

STEPS = (
    Step("SUPPLIER", "OPEN"),
    Step("SUPPLIER", "SENT", (EXPECTED,)),
    Step("SUPPLIER", "DISPATCHED", (EXPECTED,), Grade.HELP_PAGE),
    # A delivery that falls short closes the order; what is still wanted becomes an order of its own.
    # https://poolwerx.freshdesk.com/support/solutions/articles/13000105713: levels change with RECEIVED, and
    # articles/13000108639: partial orders.
    Step(
        "SUPPLIER",
        "RECEIVED",
        (
            EXPECTED,
            Told(Fact.RECEIVED, lambda goods: goods.received, RECEIVED),
            Told(Fact.SUPPLY_CANCELLED, lambda goods: goods.short, RECEIVED),
        ),
        Grade.HELP_PAGE,
    ),
    Step("SUPPLIER", "CANCELLED"),
    Step("OUTLET", "OPEN"),
    Step("OUTLET", "SENT", (SENT,)),
    Step("OUTLET", "DISPATCHED", (SENT,)),
    Step(
        "OUTLET",
        "RECEIVED",
        (
            Told(Fact.TRANSFER_RECEIVED, lambda goods: goods.arrived, RECEIVED),
            Told(Fact.TRANSFER_SHORT, lambda goods: goods.short, RECEIVED),
            # X-Series takes off at the source what was sent, however much arrived.
            Told(Fact.ADJUSTED_UP, lambda goods: goods.over, RECEIVED, "more arrived than was sent"),
        ),
    ),
    Step("OUTLET", "CANCELLED"),
    Step("RETURN", "OPEN"),
    Step("RETURN", "SENT", (Told(Fact.VENDOR_RETURNED, lambda goods: goods.wanted, RECEIVED),)),
    Step("RETURN", "CANCELLED"),
    Step("STOCKTAKE", "STOCKTAKE"),
    Step("STOCKTAKE", "STOCKTAKE_SCHEDULED"),
    Step("STOCKTAKE", "STOCKTAKE_IN_PROGRESS"),
    Step("STOCKTAKE", "STOCKTAKE_IN_PROGRESS_PROCESSED"),
    # https://x-series-api.lightspeedhq.com/docs (Creating Inventory Counts): completing sets the levels to what was counted.
    Step(
        "STOCKTAKE",
        "STOCKTAKE_COMPLETE",
        (Told(Fact.COUNTED, lambda goods: goods.received, RECEIVED),),
        Grade.DOCUMENTED,
    ),
    Step("STOCKTAKE", "CLOSED"),
    Step("STOCKTAKE", "CANCELLED"),
)
"""Every status of every kind. X-Series says that the list may grow: another one is refused."""

AT = {(step.kind, step.status): step for step in STEPS}
KINDS = frozenset(step.kind for step in STEPS)
