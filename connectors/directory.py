"""Whose name for an item or a place is ours: a channel's directory, and what it makes of a claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from connectors.errors import Refused
from schemas.claims import REFERENCE_MAX, Claim, Document, Line, Observation, Skipped


class Item(NamedTuple):
    """Our SKU for a platform's item. An untracked item's stock is kept by nobody (fuel, a gift card)."""

    sku: str
    tracked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A platform's references, resolved. `items` and `locations` go from theirs to ours.

    An item may have several references (its SKU, its variant, its inventory item). `handles` goes back from our SKU, and
    `places` from our place, to the reference the platform's write API wants.
    """

    items: Mapping[str, Item] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)
    handles: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def item(self, reference: str) -> Item | None:
        """The item, if it is known and its SKU is no longer than one may be."""
        found = self.items.get(reference)
        return found if found is not None and len(found.sku) <= REFERENCE_MAX else None


def resolve(
    claim: Claim, directory: Directory, ships_from: str, quantity_max: int, pool: str | None = None
) -> Claim:
    """The claim in our SKUs and locations, and of our `pool`; lines of untracked items become skipped lines.

    Raises `Refused` naming every item and location that the directory does not know, and every quantity above
    `quantity_max`: the whole document waits, because half an order is not the order.
    """
    faults: set[str] = set()
    documents = []
    for document in claim.documents:
        lines: list[Line] = []
        skipped = list(document.skipped)
        for line in document.lines:
            item = directory.item(line.sku)
            location = ships_from if line.location is None else directory.locations.get(line.location)
            if item is None:
                faults.add(f"unknown SKU {line.sku}")
            elif not item.tracked:
                skipped.append(Skipped(item=item.sku, reason="stock of this item is not tracked"))
                continue
            if line.location is not None and location is None:
                faults.add(f"unknown location {line.location}")
            there = None if line.there is None else directory.locations.get(line.there)
            if line.there is not None and there is None:
                faults.add(f"unknown location {line.there}")
            if line.quantity > quantity_max:
                faults.add(f"quantity {line.quantity} of {line.sku} is above {quantity_max}")
            if item is not None:
                lines.append(
                    replace(line, sku=item.sku, location=location, there=there, pool=line.pool or pool)
                )
        documents.append(
            Document(id=document.id, version=document.version, lines=tuple(lines), skipped=tuple(skipped))
        )
    if faults:
        raise Refused("; ".join(sorted(faults)))
    return replace(claim, documents=tuple(documents))


def resolve_observation(seen: Observation, directory: Directory) -> Observation:
    """The observation in our SKU and location. Raises `Refused` where the directory does not know one of them."""
    item, location = directory.item(seen.sku), directory.locations.get(seen.location)
    if item is None:
        raise Refused(f"unknown SKU {seen.sku}")
    if location is None:
        raise Refused(f"unknown location {seen.location}")
    return replace(seen, sku=item.sku, location=location)


def overlay(found: Directory, locations: Mapping[str, str], skus: Mapping[str, str]) -> Directory:
    """What the platform knows, with the channel's own mapping laid over it: our name for one of its references.

    All references of an item or a location go to the new name together, and what the platform knows of an item (whether
    it is tracked) stays. Where two of the platform's items, or two of its locations, are one of ours, there is nothing
    single to write to, so there is no handle.
    """
    renamed = {found.items[ref].sku: sku for ref, sku in skus.items() if ref in found.items}
    items = {ref: item._replace(sku=renamed.get(item.sku, item.sku)) for ref, item in found.items.items()}
    ours = {item.sku: item for item in items.values()}
    unlisted = {ref: ours.get(sku, Item(sku)) for ref, sku in skus.items() if ref not in items}
    moved = {found.locations[ref]: name for ref, name in locations.items() if ref in found.locations}
    theirs = {ref: moved.get(name, name) for ref, name in found.locations.items()}
    return Directory(
        items={**items, **unlisted},
        locations={**theirs, **locations},
        handles=_single(found.handles, renamed),
        places=_single(found.places, moved),
    )


def _single(handles: Mapping[str, str], renamed: Mapping[str, str]) -> dict[str, str]:
    """Handles under their new names, where only one has it."""
    carriers = Counter(renamed.get(name, name) for name in handles)
    named = ((renamed.get(name, name), handle) for name, handle in handles.items())
    return {name: handle for name, handle in named if carriers[name] == 1}
