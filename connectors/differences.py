"""How numbers to tell become signed differences, for a platform without an absolute write, and how batches are written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from connectors.contract import Answer, Target
from connectors.directory import Directory
from connectors.errors import SlowDown, Unreachable
from schemas.receipts import Outcome


class Cell(NamedTuple):
    """An item at a place, as the platform names them when it is written to."""

    item: str
    place: str


class Due(NamedTuple):
    """A level to move: `delta` units more or less."""

    target: Target
    cell: Cell
    delta: int


class Told(Protocol):
    """A line of a batch."""

    @property
    def target(self) -> Target:
        """What it tells."""


T = TypeVar("T", bound=Told)


def cell_of(target: Target, directory: Directory) -> Cell | None:
    """Where the platform keeps a target's number; None where it has no such item or place."""
    item, place = directory.handles.get(target.sku), directory.places.get(target.place)
    return None if item is None or place is None else Cell(item, place)


def differences(
    targets: Sequence[Target], directory: Directory, nowhere: str
) -> tuple[list[Answer], list[Due]]:
    """What every cell lacks, and answers for the targets where that is nothing, or that have no cell (`nowhere` says why)."""
    answers: list[Answer] = []
    due: list[Due] = []
    for target in targets:
        cell, base = cell_of(target, directory), target.expected or 0
        if cell is None:
            answers.append(refused(target, nowhere))
        elif target.wanted == base:
            answers.append(Answer(target=target, outcome=Outcome.UNCHANGED, level=base))
        else:
            due.append(Due(target, cell, target.wanted - base))
    return answers, due


async def written(
    batches: Iterable[Sequence[T]],
    write: Callable[[Sequence[T]], Awaitable[Sequence[Answer] | str]],
    platform: str,
) -> list[Answer]:
    """Writes every batch. `write` answers for a batch, or says why the platform refuses it: then it is written in
    halves, until it is known which line is meant. Raises `SlowDown` if nothing was done, and `Unreachable`.
    """
    answers: list[Answer] = []
    done, left = False, list(batches)
    while left:
        batch = left.pop()
        try:
            found = await write(batch)
        except SlowDown as wait:
            if done:  # to the caller `SlowDown` means that nothing was done
                raise Unreachable(f"{platform} asked to wait in the middle of a batch") from wait
            raise
        if not isinstance(found, str):
            answers += found
            done = True
        elif len(batch) == 1:
            answers.append(refused(batch[0].target, found))
        else:
            half = len(batch) // 2
            left += [batch[half:], batch[:half]]
    return answers


def pushed(due: Due, ref: str | None) -> Answer:
    """The level was moved, by the document `ref`."""
    return Answer(target=due.target, outcome=Outcome.PUSHED, level=due.target.wanted, ref=ref)


def refused(target: Target, detail: str) -> Answer:
    """The platform does not take it, for this reason."""
    return Answer(target=target, outcome=Outcome.REFUSED, level=target.expected or 0, detail=detail)
