"""What routes are asked with."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import AwareDatetime, Field

from projections.queries import PAGE_MAX
from schemas.claims import REFERENCE_MAX

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
Instant = Annotated[AwareDatetime | None, Query(examples=["2026-11-20T12:00:00Z"])]
Cursor = Annotated[
    str | None, Query(max_length=2_000, description="`next` of the page before. Without it: the first page.")
]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items of a page at most.")]
