"""A partner's folder as one channel sees it: the inbox is what is new, and the folder itself is the cursor.

There are no webhooks, no rate limits and no credentials: who may use the folder is the operating system's matter (for SFTP, the
server's).
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from connectors.contract import ChannelSettings, Level, Payload, Secrets
from connectors.directory import Directory, Item
from connectors.errors import Refused
from connectors.rlm import outgoing
from connectors.rlm.allowlist import TOPICS, cut
from connectors.rlm.folder import Folder, LocalFolder
from connectors.rlm.mapping import read
from connectors.rlm.outbox import Mailbox
from connectors.rlm.partner import opened
from connectors.rlm.settings import RlmSettings
from connectors.rlm.x12 import interchanges
from schemas.accounts import NETWORK
from schemas.claims import Observation

FILE_MAX = 32 * 1024 * 1024
"""Bytes of the largest file that is read."""

HALF = (".tmp", ".part", ".partial", ".filepart", ".writing")
"""How names of files end that are still being written."""

OURS = re.compile(r"OH[A-Z2-7]{20}")
"""Our depositor order numbers: an X12 order number has 22 characters at most (element 285)."""

PARCELS = ("945", "856")
"""Documents by which a warehouse tells that it has carried an order out."""

ALL = ""
"""The place that a report without a warehouse is about."""


class RlmClient:
    """The files of one channel."""

    def __init__(self, settings: ChannelSettings, secrets: Secrets, folder: Folder | None = None) -> None:  # noqa: ARG002  # every platform's client is made this way
        assert isinstance(settings, RlmSettings)
        self.settings = settings
        self.folder: Folder = folder or LocalFolder(settings.root)
        self.mailbox = Mailbox(self.folder, settings)

    async def directory(self) -> Directory:
        """The items and warehouses of the newest 846 files, and the items that the settings call untracked.

        An item's SKU is what the partner calls SKU (SK), else its first reference. A reference that two items have is left
        out: its documents are refused rather than guessed.
        """
        untracked = self.settings.untracked
        owners: dict[str, set[str]] = defaultdict(set, {f"SK:{sku}": {sku} for sku in untracked})
        handles: dict[str, str] = {}
        places: set[str] = set(self.settings.locations)
        async for document in self._catalogue():
            references = _references(document, self.settings.item_qualifiers)
            if not references:
                continue
            handle = next((one for one in references if one.startswith("SK:")), references[0])
            sku = handle.partition(":")[2]
            for reference in references:
                owners[reference].add(sku)
            handles[sku] = handle
            places.update(party["id"] for party in document["parties"] if party.get("code") in ("WH", "SF"))
        return Directory(
            items={
                reference: Item(sku, tracked=sku not in untracked)
                for reference, (sku, *others) in owners.items()
                if not others
            },
            locations={place: place for place in places},
            handles=handles,
            places={**{place: place for place in places}, NETWORK: ALL},
        )

    async def levels(self) -> AsyncIterator[Sequence[Level]]:
        """The newest level of each item at each warehouse, in one page."""
        newest: dict[tuple[str, str], Observation] = {}
        async for document in self._catalogue():
            try:
                seen = read("", Payload("846", document))
            except Refused:  # told when its file is polled
                continue
            assert isinstance(seen, Observation)
            held = newest.get((seen.sku, seen.location))
            if held is None or seen.version > held.version:
                newest[seen.sku, seen.location] = seen
        yield [
            Level(
                item=seen.sku,
                location=seen.location,
                level=seen.level or 0,
                version=seen.version,
                observed_at=seen.observed_at,
            )
            for seen in newest.values()
        ]

    async def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:  # noqa: ARG002  # the folder is the cursor
        """The files of the inbox in the order of their names, a page each.

        A file is acknowledged and moved to `done` when the caller has come back for the next page; before that, a crash
        repeats it. A file that cannot be read goes to `bad` with its reason beside it. Files still being written stay.
        """
        for name in await self.ready():
            raw = await self.folder.read(f"{self.settings.inbox}/{name}")
            if raw is None:  # another process took it
                continue
            try:
                documents = opened(self.settings, name, raw)
            except Refused as refusal:
                await self._reject(name, str(refusal))
                continue
            for document in documents:
                await self._recognise(document)
            payloads = [Payload(document["set"], cut(document["set"], document)) for document in documents]
            yield payloads, name
            await self._acknowledge(raw)  # first: an acknowledgement twice is better than none
            await self.folder.rename(f"{self.settings.inbox}/{name}", _done(documents, name, raw))

    async def ready(self) -> list[str]:
        """The names of the inbox's files that are complete."""
        found = []
        for entry in await self.folder.list(self.settings.inbox):
            if entry.name.startswith(".") or entry.name.lower().endswith(HALF):
                continue
            if entry.idle < self.settings.quiet:
                continue
            if entry.size > FILE_MAX:
                await self._reject(entry.name, f"the file is larger than {FILE_MAX} bytes")
                continue
            found.append(entry.name)
        return found

    async def subscribe(self, url: str) -> None:
        """Does nothing: a folder is polled."""

    async def close(self) -> None:
        """Does nothing: a folder holds no connection."""

    async def _catalogue(self) -> AsyncIterator[dict[str, Any]]:
        """The items of the 846 files that are known: the newest done ones, oldest first, and those still in the inbox."""
        done = sorted(await self.folder.list("done/846"), key=lambda entry: -entry.idle)
        paths = [f"done/846/{entry.name}" for entry in done[-self.settings.catalogue :]]
        paths += [f"{self.settings.inbox}/{name}" for name in await self.ready()]
        for path in paths:
            raw = await self.folder.read(path)
            if raw is not None:
                for document in self._levels_in(path, raw):
                    yield document

    def _levels_in(self, path: str, raw: bytes) -> Iterator[dict[str, Any]]:
        try:
            documents = opened(self.settings, PurePosixPath(path).name, raw)
        except Refused:  # a poll moves it to `bad`
            return
        yield from (one for one in documents if one["set"] == "846" and "fault" not in one)

    async def _recognise(self, document: dict[str, Any]) -> None:
        """Adds the deal of an order that we created, by whichever field has our number of it. One that was carried out is noted in
        `parcels`: it cannot be taken back any more.
        """
        numbers = (document.get(name, "") for name in ("order", "purchase_order", "reference"))
        ref = next((number for number in numbers if OURS.fullmatch(number)), None)
        deal = None if ref is None else await self.folder.read(f"deals/{ref}")
        if deal is not None:
            document["deal"] = deal.decode()
            if document["set"] in PARCELS:
                await self.folder.create(f"parcels/{ref}")

    async def _reject(self, name: str, reason: str) -> None:
        await self.folder.write(f"bad/{name}.reason", f"{reason}\n".encode())
        await self.folder.rename(f"{self.settings.inbox}/{name}", f"bad/{name}")

    async def _acknowledge(self, raw: bytes) -> None:
        """Answers every group of an X12 file, except acknowledgements: those would go on for ever."""
        if not self.settings.acknowledge or not raw.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"ISA"):
            return
        groups = [group for one in interchanges(raw) for group in one.groups if group.kind != "FA"]
        if groups:
            sets = [outgoing.acknowledgement(group) for group in groups]
            await self.mailbox.send(await self.mailbox.number(), "997", datetime.now(UTC), sets)


def _references(document: dict[str, Any], qualifiers: Sequence[str]) -> list[str]:
    """All references of a level's item that can be looked up: our SKU qualifier and those of the settings."""
    rows = [item for line in document.get("lines", ()) for item in line["items"]]
    wanted = ("SK", *qualifiers)
    return [f"{row['qualifier']}:{row['id']}" for row in rows if row["qualifier"] in wanted]


def _done(documents: Sequence[Mapping[str, Any]], name: str, raw: bytes) -> str:
    """Where a file goes: a folder for each kind; what has levels goes where the catalogue looks. A partner may use a name
    again, so the content's digest is part of it.
    """
    kinds = [one["set"] for one in documents]
    kind = "846" if "846" in kinds else kinds[0]
    kind = kind if kind in TOPICS else "other"  # what a file calls its sets names no folder of ours
    stem, dot, suffix = name.rpartition(".")
    digest = hashlib.sha256(raw).hexdigest()[:8]
    return f"done/{kind}/{stem}.{digest}.{suffix}" if dot else f"done/{kind}/{name}.{digest}"
