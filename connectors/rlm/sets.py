"""What is kept of each transaction set, as a table; and how a file of sets is opened into documents.

A document is one object for each transaction set, except that an 846 gives one for each item (each is a level of its own) and
an 856 one for each order. It holds only what the table names: no name, no address, no telephone number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from connectors.errors import Refused
from connectors.rlm.x12 import Group, Interchange, Segment, TransactionSet, element, interchanges

HEAD, LINES = "", "lines"


class Part(NamedTuple):
    """What is kept of one segment. `into` is where: the document itself, a list of it, or a list of its newest line
    (`lines.exceptions`); `LINES` begins a line. `fields` gives names to elements. `upc` is the element that is a UPC without a
    qualifier, `pairs` the first of the elements that name the item in pairs of qualifier and id. `line` adds to the line.
    """

    segment: str
    into: str
    fields: Mapping[str, int]
    pairs: int = 0
    upc: int = 0
    line: bool = False


PARTY = Part("N1", "parties", {"code": 1, "id": 4})
SHIPPED_ON = Part("G62", "dates", {"qualifier": 1, "date": 2, "time": 4})

PARTS: Mapping[str, tuple[Part, ...]] = {
    "846": (
        Part("BIA", HEAD, {"purpose": 1, "report": 2, "number": 3, "date": 4, "time": 5}),
        PARTY,
        Part("LIN", LINES, {}, pairs=2),
        Part("QTY", "lines.quantities", {"qualifier": 1, "quantity": 2, "unit": 3}),
    ),
    "850": (
        Part("BEG", HEAD, {"purpose": 1, "order_type": 2, "purchase_order": 3, "date": 5}),
        Part("PO1", LINES, {"quantity": 2, "unit": 3}, pairs=6),
    ),
    "856": (
        Part("BSN", HEAD, {"purpose": 1, "shipment": 2, "date": 3, "time": 4}),
        PARTY,
        Part("LIN", LINES, {}, pairs=2),
        Part("SN1", HEAD, {"quantity": 2, "unit": 3}, line=True),
    ),
    "943": (
        Part("W06", HEAD, {"reporting": 1, "order": 2, "date": 3, "shipment": 4}),
        PARTY,
        SHIPPED_ON,
        Part("W04", LINES, {"quantity": 1, "unit": 2}, upc=3, pairs=4),
    ),
    "944": (
        Part("W17", HEAD, {"reporting": 1, "date": 2, "number": 3, "order": 4, "shipment": 5}),
        PARTY,
        Part("W07", LINES, {"quantity": 1, "unit": 2}, upc=3, pairs=4),
        Part("W13", "lines.exceptions", {"quantity": 1, "unit": 2, "condition": 3}),
    ),
    "945": (
        Part("W06", HEAD, {"reporting": 1, "order": 2, "date": 3, "shipment": 4, "purchase_order": 6}),
        PARTY,
        SHIPPED_ON,
        Part("W12", LINES, {"status": 1, "ordered": 2, "quantity": 3, "unit": 5}, upc=6, pairs=7),
    ),
    "947": (
        Part("W15", HEAD, {"date": 1, "number": 2, "order": 3}),
        PARTY,
        Part("W19", LINES, {"reason": 1, "quantity": 2, "unit": 3}, upc=4, pairs=5),
    ),
    "997": (
        Part("AK1", HEAD, {"group_kind": 1, "number": 2}),
        Part("AK2", LINES, {"kind": 1, "number": 2}),
        Part("AK5", HEAD, {"status": 1, "error": 2}, line=True),
        Part("AK9", HEAD, {"status": 1}),
    ),
}
"""Segments and elements of X12 004010; 005010 has the same. Loops follow from the order of the segments."""

ITEM_PAIRS = 10
"""So many pairs of an item's references are read at most."""

PAIRS_END = {"W12": 8, "W07": 7, "W04": 7, "W19": 8}
"""The last element of those pairs, in segments that go on with something else."""


def documents(topic: str, raw: bytes) -> list[dict[str, Any]]:
    """The documents of one kind in a file; all kinds where `topic` is empty. Raises `Refused` for a file that is cut off or
    contradicts itself, and for one that has no set of the kind.
    """
    found = [
        document
        for interchange in interchanges(raw)
        for group in interchange.groups
        for document in opened(interchange, group)
        if topic in ("", document["set"])
    ]
    if not found:
        raise Refused(f"the file has no {topic or 'transaction set'}")
    return found


def opened(interchange: Interchange, group: Group) -> Iterator[dict[str, Any]]:
    """The documents of a group."""
    control = {
        "sender": interchange.sender.ident,
        "interchange": interchange.number,
        "group": group.number,
        "date": group.date,
        "time": group.time,
    }
    for one in group.sets:
        head = {"set": one.kind, "control": {**control, "number": one.number}}
        if one.fault is not None:
            yield {**head, "fault": one.fault}
        else:
            yield from _split({**head, **_content(one)})


def _content(one: TransactionSet) -> dict[str, Any]:
    """What the table keeps of a set."""
    content: dict[str, Any] = {}
    parts = {part.segment: part for part in PARTS.get(one.kind, ())}
    order = ""
    for segment in one.segments:
        if one.kind == "856" and segment[0] == "PRF":
            order = element(segment, 1)
        part = parts.get(segment[0])
        if part is None:
            continue
        kept = _kept(segment, part)
        if part.into == LINES and order:
            kept["purchase_order"] = order
        _place(content, part, kept)
    return content


def _place(content: dict[str, Any], part: Part, kept: dict[str, Any]) -> None:
    holder: dict[str, Any] = content
    name = part.into.removeprefix(f"{LINES}.")
    if part.line or name != part.into:
        if not content.get(LINES):
            return
        holder = content[LINES][-1]
    if name == HEAD:
        holder.update(kept)
    else:
        holder.setdefault(name, []).append(kept)


def _kept(segment: Segment, part: Part) -> dict[str, Any]:
    kept: dict[str, Any] = {name: element(segment, at) for name, at in part.fields.items()}
    kept = {name: value for name, value in kept.items() if value}
    if part.pairs:
        items = [{"qualifier": "UP", "id": element(segment, part.upc)}] if part.upc else []
        end = min(PAIRS_END.get(part.segment, len(segment) - 1), part.pairs + 2 * ITEM_PAIRS)
        items += [
            {"qualifier": element(segment, at), "id": element(segment, at + 1)}
            for at in range(part.pairs, end, 2)
        ]
        kept["items"] = [item for item in items if item["qualifier"] and item["id"]]
    return kept


def _split(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A level for each item of an 846, a shipment for each order of an 856."""
    lines = document.get(LINES) or []
    if document["set"] == "846" and lines:
        yield from ({**document, LINES: [line]} for line in lines)
    elif document["set"] == "856" and lines:
        by_order: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in lines:
            by_order[line.pop("purchase_order", "")].append(line)
        for order, its in by_order.items():
            yield {**document, "purchase_order": order, LINES: its}
    else:
        yield document
