"""What routes are asked with."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AwareDatetime, BeforeValidator, Field

from projections.queries import PAGE_MAX
from schemas.claims import REFERENCE_MAX

INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)", re.ASCII)

NAME_PATTERN = r"^[^\x00]+$"
"""What PostgreSQL can hold: anything but NUL."""

Name = Annotated[str, Field(min_length=1, max_length=REFERENCE_MAX, pattern=NAME_PATTERN)]
"""Of a SKU, a location or a channel."""

InPath = Annotated[
    str, Path(min_length=1, max_length=REFERENCE_MAX, pattern=NAME_PATTERN, examples=["TEE-BLACK-M"])
]
Transaction = Annotated[
    str, Path(min_length=1, max_length=REFERENCE_MAX, pattern=NAME_PATTERN, examples=["order/web/1001"])
]
Ident = Annotated[
    str, Path(min_length=1, max_length=64, pattern=NAME_PATTERN, description="The `id` of a reservation.")
]
Channel = Annotated[str, Query(min_length=1, max_length=REFERENCE_MAX, examples=["web"])]
Sku = Annotated[Name | None, Query(description="Only of this SKU.", examples=["TEE-BLACK-M"])]
Location = Annotated[Name | None, Query(description="Only at this location.", examples=["SOHO"])]


def _whole(given: Any) -> Any:
    """A number as JSON has it: neither a text that looks like one nor true, which is 1 to Python."""
    if isinstance(given, str | bool):
        raise ValueError("a whole number")  # noqa: TRY004  # pydantic tells a ValueError, and fails of a TypeError
    return given


WHOLE = BeforeValidator(_whole)
"""Of a number in a body."""


def _written(given: Any) -> Any:
    """An instant as it is written: a bare number would be read as seconds since 1970, which nobody means."""
    if not isinstance(given, str) or not INSTANT.fullmatch(given):
        raise ValueError("an instant with its offset, such as 2026-11-20T12:00:00Z")
    return given


Instant = Annotated[
    Annotated[AwareDatetime, BeforeValidator(_written)] | None, Query(examples=["2026-11-20T12:00:00Z"])
]
Cursor = Annotated[
    str | None, Query(max_length=2_000, description="`next` of the page before. Without it: the first page.")
]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items of a page at most.")]
