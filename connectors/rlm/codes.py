"""What X12's codes mean for stock. Code lists: X12 004010 elements 181, 353, 368, 412, 514 and 673, as public dictionaries
print them; what follows from a code for stock is inferred, so the settings can say otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.accounts import State
from schemas.claims import Fact


class Effect(NamedTuple):
    """What an adjustment does: to units added and to units taken away. `state` is where they land or come from."""

    up: Fact | None
    down: Fact | None
    state: State = State.AVAILABLE


EFFECTS = {
    "adjusted": Effect(Fact.ADJUSTED_UP, Fact.ADJUSTED_DOWN),
    "damaged": Effect(Fact.DAMAGED, Fact.DAMAGED),
    "recovered": Effect(Fact.RETURNED_TO_SHELF, Fact.RETURNED_TO_SHELF, State.DAMAGED),
    "held": Effect(Fact.SET_ASIDE, Fact.SET_ASIDE, State.QUALITY_CONTROL),
    "released": Effect(Fact.RETURNED_TO_SHELF, Fact.RETURNED_TO_SHELF, State.QUALITY_CONTROL),
    "scrapped": Effect(Fact.SCRAPPED, Fact.SCRAPPED),
}
"""The effects. A change of status has the direction of its code, whichever sign the partner gives it; `adjusted` has the
direction of its sign."""


class Reason(NamedTuple):
    """A reason code of a 947 in words, and its effect."""

    words: str
    effect: str = "adjusted"


REASONS = {
    "04": Reason("receipt less than previously reported"),
    "05": Reason("product put on hold", "held"),
    "07": Reason("product dumped or destroyed", "scrapped"),
    "51": Reason("unlocated product located"),
    "52": Reason("recoup or rework of damaged product", "recovered"),
    "53": Reason("shipment less than previously reported"),
    "55": Reason("product taken off hold", "released"),
    "56": Reason("book adjustment increase"),
    "AA": Reason("physical count"),
    "AB": Reason("accounting error"),
    "AH": Reason("other"),
    "AI": Reason("disaster"),
    "AR": Reason("order shipment error"),
    "AU": Reason("damaged in facility", "damaged"),
    "AV": Reason("damaged in transit", "damaged"),
    "AW": Reason("product recall", "held"),
    "AY": Reason("receipt error"),
    "CD": Reason("product donation", "scrapped"),
}
"""W1901 (element 181). A code that is not here may be a change of status or of ownership: it is refused, until the settings
give it an effect."""

CONDITIONS = {
    "01": State.DAMAGED,
    "02": None,
    "03": None,
    "04": State.QUALITY_CONTROL,
}
"""W1303 (element 412): where units in that condition lie. 02 (short) and 03 (over) are differences, not units."""

WHOLE = frozenset({"F", "J", "N", "P"})
"""W0601 and W1701 (element 514) of a report that is whole: full detail, original, no exceptions, production receipt. `N` is
also what a 943 begins with in public samples."""

CUSTOMER_RETURN = "C"
"""W1701 of a receipt of what customers sent back."""

ORIGINAL, CANCELLED, CHANGED = "00", "01", "04"
STANDS = frozenset({ORIGINAL, "05", "06", "07", "14"})
"""BEG01, BSN01, BIA01 (element 353) of a document that is whole: original, replace, confirmation, duplicate, advance notice."""

GIVEN_UP = frozenset({"CP", "IC"})
"""W1201 (element 368) of a line of which the rest is not sent: partial with no back order, item cancelled."""

EACH = frozenset({"EA", "PC", "UN"})
"""Units of measure that are one unit each (element 355)."""


class Posted(NamedTuple):
    """What a type of CSV movement states, and of which kind of transaction: its facts for units in and units out."""

    deal: str
    up: Fact | None
    down: Fact | None


POSTED = {
    "RECEIPT": Posted("supply", Fact.RECEIVED, None),
    "RETURN": Posted("return", Fact.RETURNED, None),
    "SHIP": Posted("order", Fact.SHIPMENT_VOIDED, Fact.SHIPPED),
    "TRANSFER_OUT": Posted("transfer", None, Fact.TRANSFER_SHIPPED),
    "TRANSFER_IN": Posted("transfer", Fact.TRANSFER_RECEIVED, None),
    "ADJUST": Posted("adjustment", Fact.ADJUSTED_UP, Fact.ADJUSTED_DOWN),
    "COUNT": Posted("count", Fact.COUNTED, None),
}
"""The types of movements in a CSV file, with signed quantities. The names are ours: no public RLM layout exists."""
