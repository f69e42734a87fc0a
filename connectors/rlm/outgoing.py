"""The transaction sets that we send, as segments: levels (846), orders (940), acknowledgements (997). Pure.

Segments and codes: X12 004010. That a 940 is paid by us and goes by road (W66 PP, M) is inferred from public samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.contract import NewOrder
from connectors.rlm.x12 import FAULTS, Group, Segment


def levels(number: int, at: datetime, place: str | None, quantities: Mapping[str, int]) -> list[Segment]:
    """846: what of each item (`SK:TEE`) may be sold, at a place or (None) in all, as of an instant."""
    body: list[Segment] = [("BIA", "00", "DD", str(number), f"{at:%Y%m%d}", f"{at:%H%M}")]
    if place is not None:
        body.append(("N1", "WH", "", "92", place))
    for line, (item, quantity) in enumerate(quantities.items(), start=1):
        body += [("LIN", str(line), *item.split(":", 1)), ("QTY", "33", str(quantity), "EA")]
    return [*body, ("CTT", str(len(quantities)))]


def order(ref: str, wanted: NewOrder, place: str, lines: Sequence[tuple[str, int]]) -> list[Segment]:
    """940: an original order for a warehouse. `lines` are items (`SK:TEE`) and units."""
    to = wanted.recipient
    body: list[Segment] = [
        ("W05", "N", ref),
        ("N1", "ST", to.name or ref),
        ("N3", to.street),
        ("N4", to.city, to.region, to.postcode, to.country),
    ]
    contact = [part for pair in (("TE", to.phone), ("EM", to.email)) if pair[1] for part in pair]
    if contact:
        body.append(("PER", "CN", to.name, *contact))
    body += [
        ("N1", "WH", "", "92", place),
        ("G62", "10", f"{wanted.placed_at:%Y%m%d}"),
        ("W66", "PP", "M"),
    ]
    for number, (item, quantity) in enumerate(lines, start=1):
        body += [("LX", str(number)), ("W01", str(quantity), "EA", "", *item.split(":", 1))]
    total = sum(quantity for _, quantity in lines)
    return [*(segment for segment in body if any(segment[1:])), ("W76", str(total))]


def cancellation(ref: str, place: str) -> list[Segment]:
    """940: an order is taken back, whole (W0501 F; public samples say "CANCELLED - DO NOT SHIP"). That it needs no lines is
    inferred.
    """
    return [("W05", "F", ref), ("N1", "WH", "", "92", place), ("W76", "0")]


def acknowledgement(group: Group) -> list[Segment]:
    """997: what we made of a group."""
    body: list[Segment] = [("AK1", group.kind, group.number)]
    for one in group.sets:
        body.append(("AK2", one.kind, one.number))
        body.append(("AK5", "A") if one.fault is None else ("AK5", "R", FAULTS[one.fault][1]))
    good = sum(one.fault is None for one in group.sets)
    count = str(len(group.sets))
    status = "A" if good == len(group.sets) else "P" if good else "R"
    return [*body, ("AK9", status, count, count, str(good))]
