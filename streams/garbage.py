"""How often Python looks for garbage that refers to itself."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Has Python look for garbage in cycles seldom, in whoever keeps many balances.

    A full collection walks every balance in memory and halts the process for half a second at 16,000 SKUs; what is kept has no cycles,
    and those of finished tasks are young. What a fold makes is walked once in a million objects: ten times as often takes a seventh of
    its time.
    """
    gc.freeze()
    gc.set_threshold(1_000_000, 10, 1_000)
