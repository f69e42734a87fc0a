"""Bugs to plant in the core, to see that the simulator finds them: each is a line of a module, and what it becomes."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple


class Mutant(NamedTuple):
    """In a module's source, this text becomes that one."""

    module: str
    text: str
    becomes: str


MUTANTS: dict[str, Mutant] = {
    "sign-flipped": Mutant(
        "schemas.postings",
        "posted.append(Leg(*_account(*source, places), -amount))",
        "posted.append(Leg(*_account(*source, places), amount))",
    ),
    "dedupe-removed": Mutant(
        "schemas.ledger", "return offset <= stock.offset or stock.applied", "return False and stock.applied"
    ),
    "cause-not-checked": Mutant(
        "schemas.ledger",
        "return offset <= stock.offset or stock.applied",
        "return offset <= stock.offset or () and stock.applied",
    ),
    "offset-committed-early": Mutant(
        "streams.chunks",
        "        try:\n            if folded.outputs:",
        "        self.progress[partition].next = then\n        await self.commit()\n        try:\n            if folded.outputs:",
    ),
    "state-before-outputs": Mutant(
        "streams.chunks",
        "            if folded.outputs:\n                await self.writer.write(folded.outputs)\n"
        "            last, strange = await self._write_changelog(partition, epoch, folded)",
        "            last, strange = await self._write_changelog(partition, epoch, folded)\n"
        "            if folded.outputs:\n                await self.writer.write(folded.outputs)",
    ),
    "hole-stepped-over": Mutant("streams.chunks", "if first > expected and not", "if False and not"),
    "restore-takes-the-last": Mutant(
        "streams.tables", "if held is not None and held.offset > offset:", "if False:"
    ),
    "stranger-stands": Mutant("streams.chunks", "        if strange is not None:\n", "        if False:\n"),
    "older-version-replaces": Mutant(
        "schemas.settling", "return offered.document.version > held.document.version", "return True"
    ),
    "witnesses-add-up": Mutant(
        "schemas.witnesses",
        "        return f\"{item.channel}/{item.document.partition('/')[0]}\"\n    return item.channel",
        "        return f\"{item.channel}/{item.document.partition('/')[0]}\"\n    return ''",
    ),
    "twins-not-known": Mutant(
        "schemas.witnesses",
        "twin = TWINS.get(item.line.fact) if item.line.sku in ordered else None",
        "twin = None",
    ),
    "unheard-of-demand-dropped": Mutant("schemas.desks", "    if unheard_of > 0:", "    if False:"),
    "routing-left-out": Mutant(
        "schemas.desks", "for here, item in sorted(last_parcel.items()):", "for here, item in ():"
    ),
    "count-as-delta": Mutant(
        "schemas.counts", "yield count, count.units - before", "yield count, count.units"
    ),
    "late-sale-not-restated": Mutant(
        "schemas.ledger",
        "restate(location, count, variance - count.variance)",
        "restate(location, count, variance - count.variance if movement.counted is not None else 0)",
    ),
    "count-before-its-instant": Mutant(
        "schemas.counts",
        "end = _until(self.moved, micros(count.at))",
        "end = len(self.moved)",
    ),
    "uncounted-is-forgotten": Mutant(
        "schemas.counts", "return between + self.moved[recent:]", "return self.moved[recent:]"
    ),
    "the-count-before-is-forgotten": Mutant(
        "schemas.counts",
        "counts = counts[max(0, final - 1) :]",
        "counts = counts[min(final, len(counts) - 1) if counts else 0 :]",
    ),
    "forgotten-but-not-noted": Mutant(
        "schemas.counts", "return max(self.since, newest - FORGETS)", "return newest - FORGETS"
    ),
    "old-count-withdrawn": Mutant(
        "schemas.ledger",
        "if micros(movement.occurred_at) < shelf.horizon(movement.recorded_at):",
        "if movement.voids is None and micros(movement.occurred_at) < shelf.horizon(movement.recorded_at):",
    ),
    "void-adds": Mutant(
        "schemas.postings",
        "Leg(leg.location, leg.state, -leg.quantity) for leg in posted",
        "Leg(leg.location, leg.state, leg.quantity) for leg in posted",
    ),
    "surplus-relieves-too-much": Mutant(
        "schemas.desks", "relieved = min(item.line.quantity, expected[here])", "relieved = item.line.quantity"
    ),
    "joined-but-left-behind": Mutant(
        "schemas.settling",
        "moved = () if joined is None or transaction.joined is not None else transaction.documents.items()",
        "moved = ()",
    ),
    "news-of-the-joined-lost": Mutant(
        "schemas.settling",
        "told.append(replace(claim, transaction=root, joins=None))",
        "told.extend(())",
    ),
    "bundle-as-its-most-plentiful": Mutant(
        "schemas.bundles",
        "quantity=min(place.quantity // units",
        "quantity=max(place.quantity // units",
    ),
    "one-of-each-in-a-bundle": Mutant(
        "schemas.bundles", "quantity=line.quantity * each, bundle", "quantity=line.quantity, bundle"
    ),
    "nothing-left-not-told": Mutant(
        "streams.stages",
        "if before is None or before.places[channel] != places:",
        "if places and (before is None or before.places[channel] != places):",
    ),
    "bundle-not-told-of-its-parts": Mutant(
        "streams.stages", "if before is None or not same_part(", "if before is None and not same_part("
    ),
    "closed-without-looking": Mutant(
        "schemas.settling",
        "archive.documents and archive.documents == transaction.documents",
        "archive.documents and transaction.documents",
    ),
    "reopened-posts-again": Mutant(
        "schemas.settling",
        "if claim.archive is not None or after.documents",
        "if claim.archive is not None and claim.archive.reopens is None or after.documents",
    ),
    "reopened-as-it-once-was": Mutant(
        "schemas.settling",
        "closed is not None and closed.offset == archive.reopens",
        "closed is not None and archive.reopens is not None",
    ),
    "late-news-applied-to-nothing": Mutant(
        "schemas.settling",
        "    if transaction.closed is not None:\n        return transaction.at(offset)\n",
        "",
    ),
    "late-news-taken-for-a-repeat": Mutant(
        "schemas.settling",
        "if known is None or offered.document.version > known.version:",
        "if known is None:",
    ),
    "late-link-passed-over": Mutant("schemas.settling", "if not linked and not any(", "if not any("),
    "only-the-believed-have-counted": Mutant("schemas.settling", "if len(channels) > 1 or", "if False or"),
    "noted-the-wrong-way": Mutant(
        "schemas.flows", "units if grows != one.negative else -units", "units if grows else -units"
    ),
    "reserved-twice": Mutant(
        "schemas.granting", "        elif known is not None:\n            self._again(known)\n", ""
    ),
    "reserved-without-looking": Mutant(
        "schemas.granting",
        "(found := free(self.book.closed(), line)) >= line.quantity",
        "(found := line.quantity) >= line.quantity",
    ),
    "half-a-basket-stays": Mutant(
        "schemas.granting", "for index in range(self.request.index):", "for index in range(0):"
    ),
    "never-expires": Mutant("schemas.granting", "if hold.expires_at <= self.now:", "if False:"),
    "owed-is-forgotten": Mutant(
        "schemas.allowances",
        "max(0, self.preorder + self.backorder - self.owed)",
        "self.preorder + self.backorder",
    ),
    "ahead-of-what-never-comes": Mutant(
        "schemas.allowances",
        "return Allowance(coming, min(preorder, coming),",
        "return Allowance(coming, preorder,",
    ),
    "percent-rounded-down": Mutant(
        "schemas.rules",
        "-(-max(0, available) * (self.safety_percent or 0) // 100)",
        "max(0, available) * (self.safety_percent or 0) // 100",
    ),
    "showroom-is-shipped-from": Mutant(
        "schemas.rules", "return self.closed is not None and location in", "return False and location in"
    ),
    "buffer-is-collected": Mutant(
        "schemas.rules", '"in_store_buffer": (self.buffers or {}).get(location, 0)', '"in_store_buffer": 0'
    ),
    "converted-and-ordered": Mutant("schemas.desks", "covered = min(reserved, quantity)", "covered = 0"),
}


def plant(name: str) -> None:
    """Plants a bug in the module, which may be in use already: its functions go on with the code of the changed source."""
    mutant = MUTANTS[name]
    module = importlib.import_module(mutant.module)
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    assert source.count(mutant.text) == 1, f"the text of {name} stands {source.count(mutant.text)} times"
    changed = dict(
        _functions(compile(source.replace(mutant.text, mutant.becomes), str(module.__file__), "exec"))
    )
    gc.unfreeze()  # what is frozen is not listed
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__globals__ is vars(module) and one.__qualname__ in changed:
            one.__code__ = changed[one.__qualname__]


def _functions(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """The functions and methods of a module; what is made inside of a function comes with it."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType) and "<" not in inner.co_qualname:
            yield inner.co_qualname, inner
            yield from _functions(inner)
