"""Which orders are wholesale, as a channel's settings say it: by whom they are from, and by what people marked them with.

What marks an order may be personal (a tag that somebody wrote, a customer's group). So it is judged where the raw document is
still whole, and only the verdict goes on, as the document's `demand_class`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from schemas.rules import WHOLESALE

RETAIL = "retail"

VERDICT = "demand_class"
"""The field of a reduced document that holds the verdict, where the settings say other than the document by itself."""


def _written(mark: object) -> object:
    """A mark as text: ids are numbers in some platforms, and TOML may write them so."""
    return str(mark) if isinstance(mark, int) and not isinstance(mark, bool) else mark


Mark = Annotated[
    str, BeforeValidator(_written), StringConstraints(strip_whitespace=True, to_lower=True, min_length=1)
]
Marks = frozenset[Mark]


class Wholesale(BaseModel):
    """What makes a channel's order wholesale: any one of these. Marks are compared without case and surrounding blanks.

    `companies`: a company placed it, where its platform says so by itself. `tags` it bears, `groups` of the customer, `sources`
    it comes from (a store, an application, a partner), `payments` it is to be paid by, `types` of order. What of these a
    platform's documents say is in its settings' `marks`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    companies: bool = True
    tags: Marks = frozenset()
    groups: Marks = frozenset()
    sources: Marks = frozenset()
    payments: Marks = frozenset()
    types: Marks = frozenset()

    def verdict(self, *, company: bool = False, **said: Iterable[object]) -> dict[str, str]:
        """What to add to a document that says these marks by itself, and whether it is a company's: its `demand_class`, where that
        is not what `demand_class` would find anyway.
        """
        marked = any(getattr(self, name) & _marks(found) for name, found in said.items())
        wholesale = marked or (company and self.companies)
        return {} if wholesale is company else {VERDICT: WHOLESALE if wholesale else RETAIL}


def demand_class(body: Mapping[str, Any], *, company: bool = False) -> str:
    """The class of a reduced document's demand: the verdict on it, else whether it is a `company`'s by itself."""
    found = body.get(VERDICT)
    if found in (RETAIL, WHOLESALE):
        return str(found)
    return WHOLESALE if company else RETAIL


def _marks(found: Iterable[object]) -> set[str]:
    """Marks as they are compared. What is neither text nor number marks nothing."""
    return {
        str(mark).strip().lower()
        for mark in found
        if isinstance(mark, str | int) and not isinstance(mark, bool)
    }
