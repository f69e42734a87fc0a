"""In which state a sale has taken its goods off the shelf, with the grade of what we know about it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

VOIDED = "voided"
PENDING = "pending"


class Grade(StrEnum):
    """How sure we are of an effect on stock."""

    DOCUMENTED = "documented"  # https://x-series-api.lightspeedhq.com/docs/sales_statuses
    HELP_PAGE = "help page"  # https://support.vendhq.com/hc/en-us/articles/360000515276: deducted when the sale is made
    INFERRED = "inferred"


class Effect(NamedTuple):
    """A kind of sale: its status in API 1.0 and 2.0, its state and attribute since 2026, and whether its goods are gone.

    The names: https://x-series-api.lightspeedhq.com/docs/sales_states_and_attributes.
    """

    status: str
    state: str
    attribute: str | None
    takes: bool
    grade: Grade

    @property
    def name(self) -> str:
        """The kind of sale in words: `pending pickup`."""
        return f"{self.state} {self.attribute}" if self.attribute else self.state


VOIDED_AT_ONCE = Effect("VOIDED", VOIDED, None, takes=True, grade=Grade.INFERRED)
"""A voided sale has taken its goods and given them back: inferred from CLOSED → VOIDED being the documented way."""

VOIDED_PICKUP = Effect("VOIDED", VOIDED, "pickup", takes=False, grade=Grade.INFERRED)
VOIDED_LATER = (Effect("VOIDED", VOIDED, "delivery", takes=False, grade=Grade.INFERRED), VOIDED_PICKUP)
"""A voided sale that was to be fulfilled later, as only the words of 2026 tell: what was handed over of it came back."""

EFFECTS = (
    Effect("SAVED", "parked", None, takes=False, grade=Grade.INFERRED),
    Effect("CLOSED", "closed", None, takes=True, grade=Grade.DOCUMENTED),
    # Goods of a fulfilment move when it is fulfilled (docs/fulfillments_partial_fulfillment: "Triggers inventory
    # movements"), which closes a paid sale; that they have not moved before is inferred.
    Effect("AWAITING_DISPATCH", PENDING, "delivery", takes=False, grade=Grade.INFERRED),
    Effect("AWAITING_PICKUP", PENDING, "pickup", takes=False, grade=Grade.INFERRED),
    Effect("SERVICE", PENDING, "service", takes=False, grade=Grade.INFERRED),
    Effect("LAYBY", PENDING, "layby", takes=True, grade=Grade.HELP_PAGE),
    Effect("ONACCOUNT", PENDING, "onaccount", takes=True, grade=Grade.DOCUMENTED),
    Effect("OPEN", PENDING, None, takes=False, grade=Grade.INFERRED),
    Effect("DISPATCHED_CLOSED", "closed", "delivery", takes=True, grade=Grade.INFERRED),
    Effect("PICKED_UP_CLOSED", "closed", "pickup", takes=True, grade=Grade.INFERRED),
    Effect("SERVICE_CLOSED", "closed", "service", takes=True, grade=Grade.INFERRED),
    Effect("LAYBY_CLOSED", "closed", "layby", takes=True, grade=Grade.HELP_PAGE),
    Effect("ONACCOUNT_CLOSED", "closed", "onaccount", takes=True, grade=Grade.DOCUMENTED),
    VOIDED_AT_ONCE,
)
"""Every kind of sale. Of a pending sale with several attributes the first row decides: a fulfilment before a payment."""

STATES = frozenset(effect.state for effect in EFFECTS)


def by_status(status: str) -> Effect | None:
    """The kind of sale by its old status, None where there is no such status."""
    return next((effect for effect in EFFECTS if effect.status == status), None)


def by_state(state: str, attributes: Iterable[str]) -> Effect | None:
    """The kind of sale by its state and attributes, None where there is no such state."""
    has = frozenset(attributes)
    if state == VOIDED:
        return next((effect for effect in VOIDED_LATER if effect.attribute in has), VOIDED_AT_ONCE)
    rows = [effect for effect in EFFECTS if effect.state == state]
    plain = next((effect for effect in rows if effect.attribute is None), None)
    return next((effect for effect in rows if effect.attribute in has), plain)


def is_voided(effect: Effect) -> bool:
    """Whether a sale of this kind was voided."""
    return effect.state == VOIDED
