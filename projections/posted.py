"""What an application of one's own posts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from schemas.claims import STRICT, Line, Reference


@dataclass(frozen=True, slots=True)
class Custom:
    """The body of `POST /v1/movements`: the lines of one document, in our SKUs and locations.

    A key is one document of one transaction, unless `transaction` names the deal it belongs to, and `document` and
    `version` say of which document this is which version. `joins` names another transaction that is the same deal.
    """

    __pydantic_config__ = STRICT

    lines: Annotated[tuple[Line, ...], Field(max_length=1_000)]
    transaction: Reference | None = None
    document: Reference | None = None
    version: Annotated[int, Field(ge=0, lt=2**63)] = 1
    joins: Reference | None = None
    demand_class: Literal["retail", "wholesale"] = "retail"
