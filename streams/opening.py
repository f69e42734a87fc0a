"""Opening stock from a platform: `onhand import CHANNEL`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from connectors.contract import Client, Level
from connectors.directory import Directory
from projections.queries import Queries
from schemas.claims import Claim, Document, Fact, Line
from streams.intake import Intake

CLAIM_LINES_MAX = 500


@dataclass(slots=True)
class Imported:
    """What an import did, in cells (a SKU at a location). `bundles` are not opened: what there
    is of one follows from its components. `unmatched` lists references nobody knows, never guessed.
    """

    opened: int = 0
    known: int = 0
    untracked: int = 0
    bundles: int = 0
    claims: int = 0
    unmatched: list[str] = field(default_factory=list)


async def import_levels(
    channel: str,
    client: Client,
    intake: Intake,
    queries: Queries,
    progress: Callable[[int], None] = lambda _cells: None,
) -> Imported:
    """Takes the platform's levels as the opening stock of every cell that is not tracked yet. Again changes nothing."""
    done = Imported()
    await intake.directories.known(channel)
    directory = intake.directories.of(channel)
    tracked = {(stock.sku, location) async for stock in queries.all_stock() for location in stock.tracked}
    lines: dict[str, list[Line]] = defaultdict(list)
    async for page in client.levels():
        for level in page:
            _take(level, directory, tracked, intake.directories.settings.bundles, lines, done)
    pending: list[Claim] = []
    for sku, its_lines in sorted(lines.items()):
        its_lines.sort(key=lambda line: line.location or "")
        pending.extend(
            _claim(channel, sku, tuple(its_lines[start : start + CLAIM_LINES_MAX]))
            for start in range(0, len(its_lines), CLAIM_LINES_MAX)
        )
        if len(pending) >= 500:
            await intake.claims(pending)
            done.claims += len(pending)
            pending.clear()
            progress(done.opened)
    await intake.claims(pending)
    done.claims += len(pending)
    return done


def _take(
    level: Level,
    directory: Directory,
    tracked: set[tuple[str, str]],
    bundles: Container[str],
    lines: dict[str, list[Line]],
    done: Imported,
) -> None:
    item, location = directory.items.get(level.item), directory.locations.get(level.location)
    if item is None or location is None:
        done.unmatched.append(level.item if item is None else level.location)
    elif not item.tracked:
        done.untracked += 1
    elif item.sku in bundles:
        done.bundles += 1
    elif (item.sku, location) in tracked:
        done.known += 1
    else:
        fact = Fact.OPENED if level.level >= 0 else Fact.OPENED_BELOW_ZERO
        done.opened += 1
        lines[item.sku].append(
            Line(fact=fact, sku=item.sku, quantity=abs(level.level), at=level.observed_at, location=location)
        )


def _claim(channel: str, sku: str, lines: tuple[Line, ...]) -> Claim:
    more = f"+{len(lines) - 1}" if len(lines) > 1 else ""
    name = f"opening/{channel}/{sku}/{lines[0].location}{more}"
    return Claim(
        transaction=name,
        channel=channel,
        topic="import",
        occurred_at=lines[0].at,
        documents=(Document(id=name, version=1, lines=lines),),
    )
