"""What each type of transaction states about stock: a table.

The types are `transaction.type` of SuiteQL. That `isinventoryaffecting` marks the lines that move stock, with the sign of
what becomes of on hand, is shown by two independent public code bases; Oracle does not document it. The letters of the
statuses are general knowledge of NetSuite [inferred].
"""

from __future__ import annotations

from typing import NamedTuple

from connectors.links import OURS
from connectors.netsuite.fields import Body, word
from schemas.accounts import State
from schemas.claims import Fact

ADJUSTED = f"{OURS}adjust/"
"""What the external ids of our own stock adjustments begin with."""


class Moves(NamedTuple):
    """What a line of fewer (`out`) and of more units on hand (`into`) states. None: such a line is wrong there."""

    out: Fact | None = None
    into: Fact | None = None
    reason: str | None = None


MOVES: dict[tuple[str, str | None], Moves] = {
    ("ItemShip", "SalesOrd"): Moves(out=Fact.SHIPPED),
    ("ItemShip", "TrnfrOrd"): Moves(out=Fact.TRANSFER_SHIPPED),
    ("ItemShip", "VendAuth"): Moves(out=Fact.VENDOR_RETURNED),
    ("ItemRcpt", "PurchOrd"): Moves(into=Fact.RECEIVED),
    ("ItemRcpt", "TrnfrOrd"): Moves(into=Fact.TRANSFER_RECEIVED),
    ("ItemRcpt", "RtnAuth"): Moves(into=Fact.RETURNED),
    ("CashSale", None): Moves(out=Fact.SOLD, into=Fact.RETURNED),
    ("CustInvc", None): Moves(out=Fact.SOLD, into=Fact.RETURNED),
    ("CashRfnd", None): Moves(out=Fact.SOLD, into=Fact.RETURNED),
    ("CustCred", None): Moves(out=Fact.SOLD, into=Fact.RETURNED),
    ("VendBill", None): Moves(out=Fact.VENDOR_RETURNED, into=Fact.RECEIVED),
    ("VendCred", None): Moves(out=Fact.VENDOR_RETURNED, into=Fact.RECEIVED),
    ("InvAdjst", None): Moves(out=Fact.ADJUSTED_DOWN, into=Fact.ADJUSTED_UP),
    # A count is booked as its variance when it is completed; the counted number is not in its lines.
    ("InvCount", None): Moves(out=Fact.ADJUSTED_DOWN, into=Fact.ADJUSTED_UP, reason="inventory count"),
    ("InvTrnfr", None): Moves(out=Fact.TRANSFER_SHIPPED, into=Fact.TRANSFER_RECEIVED),
    ("Build", None): Moves(out=Fact.KIT_COMPONENT_USED, into=Fact.KIT_ASSEMBLED),
    ("WOCompl", None): Moves(out=Fact.KIT_COMPONENT_USED, into=Fact.KIT_ASSEMBLED),
    ("WOIssue", None): Moves(out=Fact.KIT_COMPONENT_USED),
    ("Unbuild", None): Moves(out=Fact.KIT_BROKEN, into=Fact.KIT_COMPONENT_RECOVERED),
}
"""By type, and by the type of what it was made from where that decides."""


class Order(NamedTuple):
    """What the lines of an order state: `asked` its units; `dropped` those of them that will not come any more.

    Without `dropped`, `asked` is only what has not been carried out yet. `state` is where it is kept until then.
    """

    asked: Fact
    dropped: Fact | None = None
    state: State = State.AVAILABLE


ORDERS: dict[str, Order] = {
    "SalesOrd": Order(Fact.ORDERED, Fact.CANCELLED),
    "PurchOrd": Order(Fact.EXPECTED, Fact.SUPPLY_CANCELLED),
    # NetSuite commits the stock that a transfer order waits for, so nobody else may sell it.
    "TrnfrOrd": Order(Fact.SET_ASIDE, state=State.RESERVED),
}

STATUSES = frozenset("ABCDEFGH")
PENDING = "A"
"""Pending approval: NetSuite commits nothing yet."""
OFF = frozenset("CH")
"""Cancelled or rejected, and closed: what has not been carried out never will be."""

CARRY_OUT = frozenset({"ItemShip", "CashSale", "CustInvc"})
"""What takes the goods of an order off the shelf, or is about to."""

SHIPPED = frozenset({"C", "_shipped", "Shipped"})
"""Goods leave the books when a fulfilment is shipped; SuiteQL, REST and the screens spell it in three ways."""
UNSHIPPED = frozenset({"A", "B", "_picked", "_packed", "Picked", "Packed"})

QUIET = {
    "RtnAuth": "nothing has come back before its item receipt",
    "VendAuth": "nothing has left before its item fulfilment",
    "BinTrnfr": "goods stay at the location",
    "StatChng": "goods stay at the location",
}
"""Types whose transactions move nothing, and why."""

TYPES = tuple(sorted({name for name, _ in MOVES} | ORDERS.keys() | QUIET.keys()))
"""Every type that is read."""

STOCKED = frozenset({"InvtPart", "Assembly"})
"""Types of items whose stock is kept. A kit has none: an order lists its components."""


def adjusted(body: Body) -> bool:
    """Whether it is one of our own stock adjustments, which NetSuite tells us again."""
    return word(body, "type") == "InvAdjst" and word(body, "externalid").startswith(ADJUSTED)
