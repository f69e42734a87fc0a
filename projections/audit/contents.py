"""What the files of an export say: can all be read, is every movement as it was sealed, and does the closing stock follow?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from projections.audit.manifest import MANIFEST, Manifest
from projections.audit.report import Problem, Report
from projections.audit.retracing import Cell, Retraced, Unreadable, batches_of
from projections.audit.shapes import (
    CLOSING,
    CLOSING_FILE,
    MOVEMENTS,
    OPENING_FILE,
    STOCK_FILES,
    Shape,
    movements_file,
)
from schemas.seals import FIRST


def contents(
    folder: Path, manifest: Manifest, present: Mapping[str, Shape], report: Report, retraced: Retraced
) -> None:
    """Notes what is wrong with what the files say, taken together. `present` are those that are there."""
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
