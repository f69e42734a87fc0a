"""Tells a partner what it may sell: absolute levels, by an 846.

An 846 has no base to compare with. So what the partner has sold and we have not taken in yet, the original 850s of its inbox, is
taken off what it is told; what it sells after that it takes off by itself until the next 846 [inferred]. Whether it also counts what it
receives, ships and corrects on top of an 846 nobody says. So it is told anew after each of its own documents that moved something,
which also mends the two gaps: a sale whose file is not there yet, and one that has been taken in while its number is still on
the way. Sent again, an 846 says the same.

What was told last is kept in `told.json`, because nobody can be asked what a partner shows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.contract import Answer, Client, Payload, Seen, Target
from connectors.directory import Directory
from connectors.errors import Refused
from connectors.rlm import codes, outgoing
from connectors.rlm.client import ALL, RlmClient
from connectors.rlm.mapping import read
from connectors.rlm.partner import opened
from schemas.claims import Claim, Fact
from schemas.receipts import Outcome

TOLD = "told.json"


class RlmSink:
    """Sends levels to one partner."""

    batch_max = 1_000
    """Lines of one 846: a matter of taste, X12 sets no limit."""

    def __init__(self, client: Client) -> None:
        assert isinstance(client, RlmClient)
        self._client = client

    async def look(self, targets: Sequence[Target], directory: Directory) -> Sequence[Seen]:
        """What the partner was told last, moved on by its own documents since; what it reported itself where it was never told
        anything; None where it did neither.
        """
        told = await self._told()
        cells = [(target.sku, directory.places.get(target.place)) for target in targets]
        known = {(sku, place): level for place, levels in told.items() for sku, level in levels.items()}
        reported = {} if known.keys() >= set(cells) else await self._reported(directory)
        found = []
        for target, cell in zip(targets, cells, strict=True):
            if cell in known:
                level, own = known[cell]
                found.append(Seen(level + target.own - own))
            else:
                found.append(Seen(reported.get(cell)))
        return found

    async def _reported(self, directory: Directory) -> dict[tuple[str, str | None], int]:
        """The levels that the partner reported itself, by our SKU and its place."""
        return {
            (directory.items[level.item].sku, level.location): level.level
            async for page in self._client.levels()
            for level in page
            if level.item in directory.items
        }

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Sends one 846 for all targets. Raises `Unreachable`."""
        answers: list[Answer] = []
        due: dict[str, list[Target]] = defaultdict(list)
        told = await self._told()
        for target in targets:
            place = directory.places.get(target.place)
            if target.sku not in directory.handles:
                answers.append(_refused(target, f"the partner has no item {target.sku}"))
            elif place is None:
                answers.append(_refused(target, f"the partner has no warehouse {target.place}"))
            elif target.wanted == target.expected and _stands(target, told.get(place, {})):
                answers.append(Answer(target=target, outcome=Outcome.UNCHANGED, level=target.wanted))
            else:
                due[place].append(target)
        if due:
            ref = await self._send(due, directory)
            answers += [
                Answer(target=target, outcome=Outcome.PUSHED, level=target.wanted, ref=ref)
                for told in due.values()
                for target in told
            ]
        return answers

    async def _send(self, due: dict[str, list[Target]], directory: Directory) -> str:
        told, unseen = await self._told(), await self._unseen(directory)
        mailbox, at = self._client.mailbox, datetime.now(UTC)
        number = await mailbox.number()
        sets = []
        for place, targets in due.items():
            quantities = {
                directory.handles[target.sku]: max(0, target.wanted - unseen[target.sku])
                for target in targets
            }
            sets.append(outgoing.levels(number, at, None if place == ALL else place, quantities))
            told.setdefault(place, {}).update({target.sku: (target.wanted, target.own) for target in targets})
        ref = await mailbox.send(number, "846", at, sets)
        await self._client.folder.write(TOLD, orjson.dumps(told))
        return ref

    async def _told(self) -> dict[str, dict[str, tuple[int, int]]]:
        """What was wanted when the partner was told last, and its own part in it, by its place and our SKU."""
        raw = await self._client.folder.read(TOLD)
        found: dict[str, dict[str, tuple[int, int]]] = orjson.loads(raw) if raw else {}
        return found

    async def _unseen(self, directory: Directory) -> Counter[str]:
        """The units of each SKU that the original purchase orders in the inbox take."""
        taken: Counter[str] = Counter()
        settings, folder = self._client.settings, self._client.folder
        for name in await self._client.ready():
            raw = await folder.read(f"{settings.inbox}/{name}")
            try:
                documents = opened(settings, name, raw or b"")
            except Refused:
                continue
            for document in documents:
                if document["set"] == "850" and document.get("purpose") == codes.ORIGINAL:
                    taken += _ordered(document, directory)
        return taken


def _stands(target: Target, told: Mapping[str, Sequence[int]]) -> bool:
    """Whether the partner was told nothing since whose effect its own documents may have changed."""
    return target.sku not in told or tuple(told[target.sku]) == (target.wanted, target.own)


def _ordered(document: dict[str, Any], directory: Directory) -> Counter[str]:
    try:
        claim = read("", Payload("850", document))
    except Refused:
        return Counter()
    assert isinstance(claim, Claim)
    found: Counter[str] = Counter()
    for line in claim.documents[0].lines:
        item = directory.item(line.sku)
        if item is not None and line.fact is Fact.ORDERED:
            found[item.sku] += line.quantity
    return found


def _refused(target: Target, why: str) -> Answer:
    return Answer(target=target, outcome=Outcome.REFUSED, level=target.expected or 0, detail=why)
