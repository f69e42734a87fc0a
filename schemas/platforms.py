"""What a channel's own documents do to the number that its platform keeps, as the platform counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schemas.accounts import ON_HAND, State
from schemas.desks import when
from schemas.flows import Flow, Settled
from schemas.postings import Kind, Places
from schemas.witnesses import Told


class Cell(NamedTuple):
    """Where a platform keeps a number of a SKU. What was sold in a bundle it has counted as the bundle."""

    sku: str
    location: str
    bundle: str | None


def witnessed(its: Sequence[Told], alone: Settled, settled: Settled, *, on_hand: bool) -> dict[Flow, int]:
    """What must be noted of a channel's platform beside what is `settled`.

    The ledger takes what a channel is believed for as what its platform has counted. But a platform counts its own documents
    (`its`, `alone` what they come to) also where another witness is believed, and one that counts what is `on_hand` does
    not count a promise.
    """
    channel = its[0].channel
    believed = {one: units for one, units in settled.items() if one.channel == channel}
    if believed == alone and not on_hand:
        return {}
    counted = _moved(alone, ON_HAND if on_hand else (State.AVAILABLE,), real=on_hand)
    taken = _moved(believed, (State.AVAILABLE,))
    return {
        _note(cell, units, its): abs(units)
        for cell in sorted({*counted, *taken}, key=str)
        if (units := counted[cell] - taken[cell])
    }


def _moved(settled: Mapping[Flow, int], states: Sequence[str], *, real: bool = False) -> Counter[Cell]:
    """By how many units the states of each place moved; of `real` ones only, where goods can be."""
    moved: Counter[Cell] = Counter()
    for one, units in settled.items():
        for leg in one.legs(units, transit=""):
            if leg.state.partition("[")[0] in states and not (real and leg.location.startswith("@")):
                moved[Cell(one.sku, leg.location, one.bundle)] += leg.quantity
    return moved


def _note(cell: Cell, units: int, its: Sequence[Told]) -> Flow:
    """Dated by the channel's first line of the SKU, which changes least."""
    first = min((item for item in its if item.line.sku == cell.sku), key=when)
    return Flow(
        Kind.WITNESSED,
        cell.sku,
        Places(cell.location),
        first.line.at,
        first.channel,
        first.document,
        first.demand_class,
        reason=None,
        negative=units < 0,
        bundle=cell.bundle,
    )
