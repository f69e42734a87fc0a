"""Checks an export with nothing but its files: who signed it, whether they are as they were written, and whether the stock that it
ends with follows from the movements.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from projections.audit.manifest import AROUND, MANIFEST, SIGNATURE, SUMS, File, Manifest, sums
from projections.audit.once import Once
from projections.audit.retracing import Cell, Problem, Retraced, Unreadable, batches_of
from projections.audit.shapes import (
    CLOSING,
    CLOSING_FILE,
    MOVEMENTS,
    OPENING_FILE,
    STOCK_FILES,
    Shape,
    files_of,
    movements_file,
)
from projections.audit.signing import BadKey, PublicKey
from schemas.codec import Undecodable
from schemas.seals import FIRST

PROBLEMS_MAX = 1_000
"""Problems that are listed one by one; all are counted."""


@dataclass(slots=True)
class Report:
    """What a check found. `signature` is `pinned` (by the key that was given), `consistent` (by a key that nobody vouched for),
    `missing` or `wrong`. `cells` counts those of the closing stock.
    """

    signature: str = "missing"
    public_key: str | None = None
    since: Any = None
    until: Any = None
    files: int = 0
    movements: int = 0
    within: int = 0
    cells: int = 0
    problems: list[Problem] = field(default_factory=list)
    found: int = 0

    @property
    def ok(self) -> bool:
        """Whether all is as it should be."""
        return self.found == 0

    def note(self, *problems: Problem) -> None:
        """Notes problems."""
        self.found += len(problems)
        self.problems.extend(problems[: max(0, PROBLEMS_MAX - len(self.problems))])

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        plain = {
            name: getattr(self, name) for name in ("ok", "signature", "public_key", "since", "until", "files")
        }
        counted = {name: getattr(self, name) for name in ("movements", "within", "cells", "found")}
        return {**plain, **counted, "problems": [one._asdict() for one in self.problems]}


def check(folder: Path, public_key: PublicKey | None = None, *, unsigned: bool = False) -> Report:
    """Checks an export. `public_key` is whose it must be. Memory grows with the number of cells. Raises `OSError`."""
    report = Report()
    try:
        content = (folder / MANIFEST).read_bytes()
        manifest = Manifest.read(content)
    except FileNotFoundError:
        report.note(Problem(MANIFEST, "is missing"))
        return report
    except Undecodable as error:
        report.note(Problem(MANIFEST, f"is not what onhand writes, or of a newer version: {error}"))
        return report
    report.public_key, report.since, report.until = manifest.public_key, manifest.since, manifest.until
    signed = _signed(folder, manifest, content, public_key, report)
    report.note(*(one for one in signed if not (unsigned and report.signature == "missing")))
    report.note(*_around(folder, manifest, content, report.signature))
    shapes = files_of(list(manifest.chain), opening=manifest.since is not None)
    if shapes.keys() != manifest.files.keys():
        report.note(Problem(MANIFEST, "lists other files than an export of this kind has"))
        return report
    report.note(*_listed(folder, manifest))
    report.files = len(manifest.files)
    present = {name: shape for name, shape in shapes.items() if shape and (folder / name).is_file()}
    with Once() as once:
        _contents(folder, manifest, present, report, Retraced(once))
    return report


def _signed(
    folder: Path, manifest: Manifest, content: bytes, pinned: PublicKey | None, report: Report
) -> Iterator[Problem]:
    """Whether the manifest was signed by whom it says, and that is who it must be."""
    signature = folder / SIGNATURE
    if not signature.is_file():
        yield Problem(SIGNATURE, "is missing: nobody vouches for this export")
        return
    report.signature = "wrong"
    try:
        stated = PublicKey.read(manifest.public_key)
    except BadKey as error:
        yield Problem(MANIFEST, f"has no public key: {error}")
        return
    if not stated.made(signature.read_bytes(), content):
        yield Problem(_changed(folder, content), "the signature is not that of the manifest as it is")
    elif pinned is not None and stated != pinned:
        yield Problem(SIGNATURE, f"is made with another key than the one that was given: {stated.text}")
    else:
        report.signature = "consistent" if pinned is None else "pinned"


def _changed(folder: Path, manifest: bytes) -> str:
    """Which of two files was changed, of a manifest and its signature: the digest of the one stands elsewhere too."""
    noted = f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()
    beside = folder / SUMS
    return MANIFEST if beside.is_file() and noted not in beside.read_bytes() else SIGNATURE


def _around(folder: Path, manifest: Manifest, content: bytes, signature: str) -> Iterator[Problem]:
    """The digests once more, for other programs."""
    beside = folder / SUMS
    if not beside.is_file():
        yield Problem(SUMS, "is missing")
    elif signature != "wrong" and beside.read_bytes() != sums(manifest.files, content):
        yield Problem(SUMS, "says other digests than the manifest")


def _listed(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    """Nothing is missing, nothing is there that does not belong there, and every file is as it was written."""
    for path in sorted(folder.iterdir()):
        if path.name not in manifest.files.keys() | AROUND:
            yield Problem(path.name, "is not in the manifest")
    for name, listed in sorted(manifest.files.items()):
        path = folder / name
        if path.is_symlink() or not path.is_file():
            yield Problem(name, "is missing")
        elif (found := File.of(path, listed.rows)) != listed:
            yield Problem(
                name,
                "was changed: it has other content than the manifest says"
                if found.bytes == listed.bytes
                else f"was changed: it has {found.bytes} bytes, and the manifest says {listed.bytes}",
            )


def _contents(
    folder: Path, manifest: Manifest, present: Mapping[str, Shape], report: Report, retraced: Retraced
) -> None:
    """What the files say, taken together."""
    whole = True
    for partition, its in sorted(manifest.chain.items()):
        name = movements_file(partition)
        if manifest.since is None and its.before != FIRST.hex():
            report.note(
                Problem(MANIFEST, f"the chain of partition {partition} does not begin at its beginning")
            )
        try:
            before = retraced.movements
            for problem in retraced.file(folder / name, partition, manifest) if name in present else ():
                report.note(problem)
        except Unreadable as error:
            report.note(Problem(name, f"{error}"))
            whole = False
        else:
            whole = whole and name in present
            report.note(*_counted(name, retraced.movements - before, manifest) if name in present else ())
    report.movements, report.within = retraced.movements, retraced.within
    report.note(*_once(retraced))
    for name, shape in present.items():
        if shape is not MOVEMENTS and name not in STOCK_FILES:
            report.note(*_readable(folder, name, shape, manifest))
    whole = whole and (manifest.since is None) is (OPENING_FILE not in present)
    _stock(folder, manifest, present, retraced.cells, report, whole=whole)


def _once(retraced: Retraced) -> Iterator[Problem]:
    """Every movement is there once."""
    if repeats := retraced.once.repeats():
        yield Problem("movements", f"{repeats} of them are there more than once, by their ids")


def _readable(folder: Path, name: str, shape: Shape, manifest: Manifest) -> Iterator[Problem]:
    """Whether a file's rows can be read, and are as many as they should be."""
    try:
        found = sum(batch.num_rows for batch in batches_of(folder / name, shape))
    except Unreadable as error:
        yield Problem(name, f"{error}")
    else:
        yield from _counted(name, found, manifest)


def _counted(name: str, found: int, manifest: Manifest) -> Iterator[Problem]:
    if found != manifest.files[name].rows:
        yield Problem(name, f"has {found} rows, and the manifest says {manifest.files[name].rows}")


def _stock(
    folder: Path,
    manifest: Manifest,
    present: Mapping[str, Shape],
    cells: Counter[Cell],
    report: Report,
    *,
    whole: bool,
) -> None:
    """Whether the opening stock and the movements come to the closing stock, cell by cell; where any of it cannot be read, only
    what the files say by themselves.
    """
    for name in (OPENING_FILE, CLOSING_FILE):
        if name not in present:
            continue
        found, last = 0, None
        try:
            for cell, units in _cells(folder / name):
                if last is not None and cell <= last:
                    report.note(Problem(name, "stands where it should not, or twice", "/".join(cell)))
                found, last = found + 1, cell
                if name == OPENING_FILE:
                    cells[cell] += units
                elif (due := cells.pop(cell, 0)) != units and whole:
                    what = f"says {units} units, and the movements come to {due}"
                    report.note(Problem(name, what, "/".join(cell)))
        except Unreadable as error:
            report.note(Problem(name, f"{error}"))
            return
        report.note(*_counted(name, found, manifest))
    report.cells = found
    for cell, due in cells.items() if whole else ():
        if due:
            what = f"says nothing, and the movements come to {due}"
            report.note(Problem(CLOSING_FILE, what, "/".join(cell)))


def _cells(path: Path) -> Iterator[tuple[Cell, int]]:
    """The cells of a file and their units. Raises `Unreadable`."""
    for batch in batches_of(path, CLOSING):
        sku, location, state, units = (column.to_pylist() for column in batch.columns)
        yield from zip(zip(sku, location, state, strict=True), units, strict=True)
