"""What a hub holds beside what its documents add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hub import Hub
from load import Balance, Cell

from schemas.ledger import Stock
from streams.stages import Naming
from streams.verify import Report, Verifier

SETTLES_WITHIN = 180.0


class Judge(Verifier):
    """Verifies, and keeps the fold that it made of the log."""

    folded: Mapping[str, Stock]

    def _conservation(self, report: Report, folded: Mapping[str, Stock]) -> None:
        self.folded = folded
        super()._conservation(report, folded)


async def judged(hub: Hub, due: Mapping[Cell, Balance]) -> tuple[str, int, int]:
    """What `verify` says, and the units lost and doubled: the worse of PostgreSQL and the fold of the log."""
    judge = Judge(
        reader=hub.lag.reader,
        queries=hub.lag.queries,
        naming=Naming(),
        partitions=hub.settings.kafka.partitions,
        rules=hub.settings.rules,
        authority=hub.settings.witnesses,
        group="onhand",
        tells={},
    )
    if late := await judge.settled(SETTLES_WITHIN):
        return f"not settled: {late}", *compared(due, [stock async for stock in hub.lag.queries.all_stock()])
    report = await judge.run()
    recorded = compared(due, [stock async for stock in hub.lag.queries.all_stock()])
    folded = compared(due, judge.folded.values())
    said = (
        f"ok, {report.keys} keys"
        if report.found == 0
        else f"{report.found} differences: {report.differences[0]}"
    )
    return said, max(recorded[0], folded[0]), max(recorded[1], folded[1])


def compared(due: Mapping[Cell, Balance], stocks: Iterable[Stock]) -> tuple[int, int]:
    """Units too few and too many that were taken from what is available, or promised, summed over all cells."""
    held = {
        (stock.sku, place): (stock.balance(place), stock.balance(place, "committed"))
        for stock in stocks
        for place in (*stock.locations, *stock.tracked)
    }
    lost = doubled = 0
    for cell in due.keys() | held.keys():
        balance, (available, committed) = due.get(cell, Balance()), held.get(cell, (0, 0))
        for more in (available - (balance.on_hand - balance.committed), balance.committed - committed):
            lost, doubled = lost + max(0, more), doubled + max(0, -more)
    return lost, doubled
