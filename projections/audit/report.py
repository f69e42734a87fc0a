"""What a check of an export found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

PROBLEMS_MAX = 1_000
"""Problems that are listed one by one; all are counted."""


class Problem(NamedTuple):
    """Something that is not as it should be: the file, what is wrong with it, and the movement or the cell that it is about."""

    file: str
    what: str
    about: str | None = None

    @property
    def spoken(self) -> str:
        """The problem in one line."""
        return (
            f"{self.file}: {self.what}" if self.about is None else f"{self.file}: {self.about}: {self.what}"
        )


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
