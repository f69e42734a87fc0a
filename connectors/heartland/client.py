"""What a channel asks Heartland: its items and locations, its levels, and the documents that changed.

Webhooks are not used. Heartland sends one about stock (`sales_transaction_completed`): unsigned, and only the head of a
ticket, without a line. Anybody who learns the URL could send it, and it moves nothing by itself. So documents are polled,
and read from Heartland itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson

from connectors.contract import ChannelSettings, Level, Payload, Secrets
from connectors.directory import Directory, Item
from connectors.errors import Malformed, Unreachable
from connectors.heartland.api import Api, Row, available
from connectors.heartland.reading import FEEDS, Reader
from connectors.heartland.settings import HeartlandSettings

DOCUMENTS = 10
"""Documents that are read between two cursors: so many are read again where Heartland asks to wait among them."""

SAME_SECOND = timedelta(seconds=2)
"""How old a change is before no other can have the same `updated_at`: Heartland's whole second, and one for its clocks."""


class Key(NamedTuple):
    """A document as it was: `updated_at` has whole seconds, within which it may have become something else."""

    id: int
    updated_at: str
    status: str


class HeartlandClient:
    """One account, seen with one user's token: that user's permissions and locations."""

    def __init__(self, settings: ChannelSettings, secrets: Secrets) -> None:
        assert isinstance(settings, HeartlandSettings)
        self.settings = settings
        self.api = Api(
            settings.api, secrets["token"].get_secret_value(), settings.paced(), private=settings.private
        )
        self.reader = Reader(self.api, settings)
        self._taken: dict[str, set[Key]] = {}
        self._told: dict[tuple[str, int], Payload] = {}

    async def directory(self) -> Directory:
        """Items by SKU, locations by name. What two of them share names neither: nothing is guessed."""
        items = [(row, sku) for row in await self.api.rows("items") if (sku := self._sku(row))]
        places = [row for row in await self.api.rows("locations") if row.get("name")]
        skus = Counter(sku for _, sku in items)
        names = Counter(row["name"] for row in places)
        items = [(row, sku) for row, sku in items if skus[sku] == 1]
        places = [row for row in places if names[row["name"]] == 1]
        return Directory(
            items={f"item:{row['id']}": Item(sku, sku not in self.settings.untracked) for row, sku in items},
            locations={f"location:{row['id']}": row["name"] for row in places},
            handles={sku: str(row["id"]) for row, sku in items},
            places={row["name"]: str(row["id"]) for row in places},
        )

    def _sku(self, row: Row) -> str:
        """The SKU of an item: its Item #, or a custom field."""
        owner, _, name = self.settings.sku_field.rpartition("@")
        holder = row.get(owner) if owner else row
        found = holder.get(name) if isinstance(holder, Mapping) else None
        return str(found).strip() if isinstance(found, str | int) and not isinstance(found, bool) else ""

    async def levels(self) -> AsyncIterator[Sequence[Level]]:
        """What may be sold of every item everywhere. Heartland dates no level, so each is as old as the answer it came in.

        A cell that moved to a later page while they were read comes once.
        """
        seen: set[tuple[str, str]] = set()
        async for rows, at in self.api.values(filled=True):
            found = [
                Level(
                    item=f"item:{row['item_id']}",
                    location=f"location:{row['location_id']}",
                    level=available(row),
                    version=int(at.timestamp() * 1_000),
                    observed_at=at,
                )
                for row in rows
            ]
            yield [level for level in found if (level.item, level.location) not in seen]
            seen.update((level.item, level.location) for level in found)

    async def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Documents changed since `cursor`, list by list; the cursor is how far each list was read.

        Each list is read from `poll_overlap` seconds before that; what the caller has taken already (it came back for the
        next page) is not handed out again. What was changed in the very second in which it was read may be changed once more
        in it, and look no newer: it is read again, and handed out if it says something else.
        """
        reached, told = _opened(cursor), self._told
        self._told = {}
        for path in FEEDS:
            known = self._taken[path] = set() if cursor is None else self._taken.get(path, set())
            async for rows, at in self.api.changed(path, self._since(reached.get(path))):
                fresh = [row for row in rows if _key(row) not in known]
                for start in range(0, len(fresh), DOCUMENTS):
                    some = fresh[start : start + DOCUMENTS]
                    read = {
                        (one.topic, one.body["id"]): one for one in await self.reader.payloads(path, some)
                    }
                    news = [one for key, one in read.items() if cursor is None or told.get(key) != one]
                    reached[path] = max(reached.get(path, ""), some[-1]["updated_at"])
                    if news:
                        yield news, orjson.dumps(reached).decode()
                    settled = _written(at - SAME_SECOND)
                    known.update(_key(row) for row in some if row["updated_at"] < settled)
                    if some[-1]["updated_at"] >= settled:
                        self._told.update(read)
                behind = self._since(reached.get(path)) or ""
                known -= {key for key in known if key.updated_at < behind}

    def _since(self, reached: str | None) -> str | None:
        """From when a list is read on. Raises `Unreachable` where it was read to what is no instant."""
        if reached is None:
            since = self.settings.since
        else:
            try:
                since = datetime.fromisoformat(reached) - timedelta(seconds=self.settings.poll_overlap)
            except (ValueError, OverflowError):
                raise Unreachable("Heartland answered an updated_at that is no instant") from None
        if since is None:
            return None
        return _written(since)

    async def subscribe(self, url: str) -> None:
        """Nothing: see above why webhooks are not used."""

    async def close(self) -> None:
        """Closes the connections."""
        await self.api.http.close()


def _opened(cursor: str | None) -> dict[str, str]:
    """How far each list was read. Raises `Malformed` for a cursor that is not ours."""
    if cursor is None:
        return {}
    try:
        found = orjson.loads(cursor)
        return {path: str(at) for path, at in found.items() if path in FEEDS}
    except (orjson.JSONDecodeError, AttributeError):
        raise Malformed("the cursor is not one of Heartland's") from None


def _written(at: datetime) -> str:
    """An instant as Heartland writes it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _key(row: Row) -> Key:
    return Key(row["id"], row["updated_at"], str(row.get("status")))
