"""How a platform's document says that it is about a deal of ours: by the reference that we gave it."""

from __future__ import annotations

OURS = "onhand:"
"""What our references begin with, where a platform has one free field for what others call an order."""

TAKEN_BACK = "taken back here: whether it is still wanted says who took the order"
"""What an order that we created says of the units that its platform will not bring any more. They may be brought by another."""


def reference_of(transaction: str) -> str:
    """The external reference of an order that we create for a deal."""
    return OURS + transaction


def deal_of(reference: object) -> str | None:
    """The deal that an external reference names; None where it is somebody else's."""
    if not isinstance(reference, str) or not reference.startswith(OURS):
        return None
    return reference.removeprefix(OURS) or None
