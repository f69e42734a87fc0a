"""Opening stock from a platform: `onhand import CHANNEL`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from connectors.contract import Client, Level
from connectors.directory import Directory
from projections.queries import Queries
from schemas.accounts import State
from schemas.claims import Claim, Document, Fact, Line
from schemas.ledger import NOTHING, Stock
from schemas.reservations import HUB
from streams.intake import Intake

CLAIM_LINES_MAX = 500


class NotReady(Exception):
    """The platform's history is not in the stock yet."""


@dataclass(slots=True)
class Imported:
    """What an import did, in cells (a SKU at a location). `bundles` are not opened: what there
    is of one follows from its components. `put_back` counts cells that others opened after the channel's documents had moved them.
    `unmatched` lists references nobody knows, never guessed.
    """

    opened: int = 0
    known: int = 0
    untracked: int = 0
    bundles: int = 0
    put_back: int = 0
    claims: int = 0
    unmatched: list[str] = field(default_factory=list)


class Held(NamedTuple):
    """What the hub knows of a cell that nobody opened, as the platform would count it, and whether others moved it too."""

    units: int = 0
    others: bool = False


async def import_levels(
    channel: str,
    client: Client,
    intake: Intake,
    queries: Queries,
    progress: Callable[[int], None] = lambda _cells: None,
) -> Imported:
    """Takes the platform's levels as the opening stock of every cell that was not opened yet. Again changes nothing.

    What was taken in before is in the platform's number already, so a cell is opened with what is lacking to that. The
    history should be in the stock by then: what comes of it later counts beside the opening stock.

    A place that others opened stays as they opened it, whatever this platform shows: two platforms' levels of one shelf are two
    opinions of it, and no sum (`onhand shadow` shows where they differ). What this platform sold from there before that instant had left
    the shelf when they looked at it, so the units are put back that its history took off. What is promised only stays promised.
    """
    done = Imported()
    await intake.directories.known(channel)
    directory = intake.directories.of(channel)
    cells = await _cells(channel, intake.connectors[channel].counts, queries)
    lines: dict[tuple[str, str], list[Line]] = defaultdict(list)
    async for page in client.levels():
        for level in page:
            _take(channel, level, directory, cells, intake.directories.settings.bundles, lines, done)
    pending: list[Claim] = []
    for (sku, opener), its_lines in sorted(lines.items()):
        its_lines.sort(key=lambda line: line.location or "")
        pending.extend(
            _claim(channel, opener, sku, tuple(its_lines[start : start + CLAIM_LINES_MAX]))
            for start in range(0, len(its_lines), CLAIM_LINES_MAX)
        )
        if len(pending) >= 500:
            await intake.claims(pending)
            done.claims += len(pending)
            pending.clear()
            progress(done.opened)
    passed = [
        _passed(channel, intake, row)
        for row in await queries.opened_by_others(channel, f"opening/{channel}/")
    ]
    done.put_back = len(passed)
    await intake.claims([*pending, *passed])
    done.claims += len(pending) + len(passed)
    return done


def _passed(channel: str, intake: Intake, row: Mapping[str, Any]) -> Claim:
    """Puts back what the channel's documents did to a place before others opened it. Said in the hub's own name: the channel's
    platform has counted its documents. A later import that knows of more says it anew.
    """
    name = f"history/{channel}/{row['sku']}/{row['location']}"
    line = Line(
        fact=Fact.ADJUSTED_UP if row["units"] < 0 else Fact.ADJUSTED_DOWN,
        sku=row["sku"],
        quantity=abs(row["units"]),
        at=row["at"],
        location=row["location"],
        reason=f"from before others opened it, so in their number already: documents of {channel}",
        pool=intake.directories.settings.channels[channel].rules.pool,
    )
    document = Document(id=name, version=row["documents"], lines=(line,))
    return Claim(transaction=name, channel=HUB, topic="import", occurred_at=row["at"], documents=(document,))


async def _cells(channel: str, counts: str, queries: Queries) -> dict[tuple[str, str], Held | None]:
    """What is known of every cell; None of one that was opened."""
    cells: dict[tuple[str, str], Held | None] = {}
    async for stock in queries.all_stock():
        for location in stock.locations.keys() | stock.tracked.keys():
            opened = bool(stock.tracked.get(location))
            cells[stock.sku, location] = None if opened else _held(stock, location, channel, counts)
    return cells


def _held(stock: Stock, location: str, channel: str, counts: str) -> Held:
    """One that others moved is opened in the hub's own name: the platform's number holds what they did, so what it shows does
    not follow from its own documents, and the sink looks at it first.
    """
    here = stock.locations.get(location, NOTHING)
    available = sum(units for state, units in here.items() if state.partition("[")[0] == State.AVAILABLE)
    others = any(
        units
        for name, units in stock.told_by.get(location, NOTHING).items()
        if name.partition("|")[0] != channel
    )
    return Held(stock.on_hand(location) if counts == "on_hand" else available, others)


def _take(
    channel: str,
    level: Level,
    directory: Directory,
    cells: Mapping[tuple[str, str], Held | None],
    bundles: Container[str],
    lines: dict[tuple[str, str], list[Line]],
    done: Imported,
) -> None:
    item, location = directory.items.get(level.item), directory.locations.get(level.location)
    if item is None or location is None:
        done.unmatched.append(level.item if item is None else level.location)
        return
    held = cells.get((item.sku, location), Held())
    if not item.tracked:
        done.untracked += 1
    elif item.sku in bundles:
        done.bundles += 1
    elif held is None:
        done.known += 1
    else:
        lacking = level.level - held.units
        fact = Fact.OPENED if lacking >= 0 else Fact.OPENED_BELOW_ZERO
        done.opened += 1
        lines[item.sku, HUB if held.others else channel].append(
            Line(fact=fact, sku=item.sku, quantity=abs(lacking), at=level.observed_at, location=location)
        )


def _claim(channel: str, opener: str, sku: str, lines: tuple[Line, ...]) -> Claim:
    more = f"+{len(lines) - 1}" if len(lines) > 1 else ""
    name = f"opening/{channel}/{sku}/{lines[0].location}{more}"
    return Claim(
        transaction=name,
        channel=opener,
        topic="import",
        occurred_at=lines[0].at,
        documents=(Document(id=name, version=1, lines=lines),),
    )
