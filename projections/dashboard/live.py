"""What is new, for all browsers at once: one look at PostgreSQL a second, however many watch, and none while nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress

import structlog

from projections.pool import DatabaseError

log = structlog.get_logger()

EVERY = 1.0
"""Seconds between two looks."""

WATCHERS_MAX = 64
"""Browsers that may watch at the same time."""

PIECES = 20
"""Pieces of pages that are made in a second for all browsers together; with many of them each hears less often, and of all at once."""

CELLS = ("stock", "channel-quantities", "receipts")
"""Topics whose news may be about a SKU that somebody watches."""

Marks = dict[str, int]


class TooMany(Exception):
    """No more browsers can watch."""


class Watcher:
    """One browser: the SKUs that it shows, and what it was not told yet. However slow it is, this does not grow."""

    def __init__(self, skus: Collection[str]) -> None:
        self.skus = frozenset(skus)
        self._news: set[str] = set()
        self._changed: set[str] = set()
        self._any = asyncio.Event()

    def tell(self, topics: Collection[str], changed: Collection[str]) -> None:
        """Notes what is new."""
        mine = self.skus.intersection(changed)
        if topics or mine:
            self._news.update(topics)
            self._changed.update(mine)
            self._any.set()

    async def told(self, within: float) -> tuple[set[str], set[str]]:
        """The topics with news and the SKUs that changed since it was last asked; both empty where nothing came in time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._any.wait(), within)
        self._any.clear()
        news, self._news = self._news, set()
        changed, self._changed = self._changed, set()
        return news, changed


class Hub:
    """Looks for all watchers: at how far the topics are recorded, and, where that moved, at the SKUs that anybody shows."""

    def __init__(
        self,
        marks: Callable[[], Awaitable[Marks]],
        versions: Callable[[Sequence[str]], Awaitable[dict[str, str]]],
        every: float = EVERY,
        most: int = WATCHERS_MAX,
    ) -> None:
        self._marks, self._versions, self._every, self._most = marks, versions, every, most
        self._watchers: set[Watcher] = set()
        self._before: Marks | None = None
        self._known: dict[str, str] = {}
        self._turn = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None

    @property
    def pace(self) -> float:
        """Seconds that a browser waits after a piece of a page, so that others have time."""
        return len(self._watchers) / PIECES

    @property
    def full(self) -> bool:
        """Whether no more browsers can watch."""
        return len(self._watchers) >= self._most

    @asynccontextmanager
    async def watch(self, skus: Collection[str] = ()) -> AsyncIterator[Watcher]:
        """Tells a browser what changes from here on, as long as it is there; what its page shows is read after this has begun, or is compared
        with what is so now. Raises `TooMany`, and `DatabaseError`.
        """
        watcher = Watcher(skus)
        try:
            async with self._turn:
                if self.full:
                    raise TooMany
                self._watchers.add(watcher)
                if self._before is None or not watcher.skus <= self._known.keys():
                    await self._look()  # a change is seen only against what was so before it
                if self._looking is None or self._looking.done():
                    self._looking = asyncio.create_task(self._look_on())
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def _look_on(self) -> None:
        await asyncio.sleep(self._every)
        while self._watchers:
            try:
                async with self._turn:
                    await self._look()
            except DatabaseError as error:
                log.warning("nothing live", reason=type(error).__name__)
            await asyncio.sleep(self._every)
        self._before, self._known = None, {}

    async def _look(self) -> None:
        marks, before = await self._marks(), self._before
        news = set() if before is None else {name for name, mark in marks.items() if before.get(name) != mark}
        shown = {sku for watcher in self._watchers for sku in watcher.skus}
        changed: set[str] = set()
        if shown and (news.intersection(CELLS) or not shown <= self._known.keys()):
            found = await self._versions(sorted(shown))
            changed = {sku for sku in shown if self._known.get(sku) not in (None, found.get(sku, ""))}
            self._known = {sku: found.get(sku, "") for sku in shown}
        for watcher in self._watchers:
            watcher.tell(news, changed)
        self._before = marks
