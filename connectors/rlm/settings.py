"""What an RLM channel, or one of any warehouse that trades by files, needs to be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from connectors.contract import ChannelSettings
from connectors.rlm.codes import EFFECTS

Ident = Annotated[str, Field(min_length=1, max_length=15, pattern=r"^[^*~>]+$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class RlmSettings(ChannelSettings):
    """One trading partner and the folder in which files are exchanged with it.

    `folder` is the drop folder (`base_url`, a `file:` URL, replaces it): the partner writes to `inbox` in it and fetches from
    `outbox`; all other folders in it are ours. A `sandbox` works there too; its port means nothing. `ours` and `theirs` are the
    ids of ISA06 and ISA08, with their qualifiers. A file is read when nothing was written to it for `quiet` seconds.
    `acknowledge` answers files by a 997. Files whose name ends in `.csv` are read as CSV: of movements where the name begins
    with `movements`, else of stock. `columns` maps our column names (`connectors.rlm.tables`) to the partner's headings.

    X12 leaves to the partners what these say: `zone` is the zone of their dates (IANA). `warehouse` is the place of documents
    that name none (N1 WH or SF). `item_qualifiers` says by which of an item's references it is looked up, the first that it
    has. `packs` gives the units in one case for an item's reference (`UP:099999000122 = 12`). `level_qualifier` is the QTY01
    that is the level. `shipped_by` is which document tells that goods left; the other kind moves nothing, or a parcel would
    count twice. `damaged_within` is whether W07's quantity includes the units that W13 calls damaged. `reasons` gives an effect
    to the reason codes of a 947, and to the reasons of CSV adjustments. `untracked` lists items that are shipped but whose
    stock the partner does not keep. `catalogue` is how many of the newest 846 files are read for what items and levels there
    are.

    A purchase order (850) is a company's, so `wholesale` unless `companies = false`; then it is where `sources` has the sender of
    its file (ISA06), or `types` its type (BEG02, element 92: `SA` stand-alone, `DS` drop ship).
    """

    marks: ClassVar = frozenset({"companies", "sources", "types"})

    platform: Literal["rlm"]
    folder: Path | None = None
    inbox: Name = "inbox"
    outbox: Name = "outbox"
    ours: Ident = "ONHAND"
    ours_qualifier: str = Field("ZZ", pattern=r"^[A-Z0-9]{2}$")
    theirs: Ident = "PARTNER"
    theirs_qualifier: str = Field("ZZ", pattern=r"^[A-Z0-9]{2}$")
    quiet: float = Field(5.0, ge=0)
    acknowledge: bool = True
    columns: dict[str, str] = Field(default_factory=dict)
    zone: str = "UTC"
    warehouse: str | None = None
    item_qualifiers: tuple[str, ...] = ("UP", "UK", "EN", "SK", "VN", "IN")
    packs: dict[str, Annotated[int, Field(ge=1, le=10_000)]] = Field(default_factory=dict)
    level_qualifier: str = "33"
    shipped_by: Literal["945", "856"] = "945"
    damaged_within: bool = False
    reasons: dict[str, str] = Field(default_factory=dict)
    untracked: tuple[str, ...] = ()
    catalogue: int = Field(10, ge=1)

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("zone is no IANA time zone, such as America/New_York") from None
        return zone

    @field_validator("reasons")
    @classmethod
    def _have_effects(cls, reasons: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(set(reasons.values()) - set(EFFECTS)):
            raise ValueError(f"no effect is {unknown[0]!r}; effects are: {', '.join(EFFECTS)}")
        return reasons

    @model_validator(mode="after")
    def _is_somewhere(self) -> RlmSettings:
        if self.folder is None and not (self.base_url or "").startswith("file:"):
            raise ValueError("folder is missing: the folder in which files are exchanged")
        if self.sandbox is not None and self.folder is None:
            raise ValueError("a sandbox needs folder: it works there")
        return self

    @property
    def root(self) -> Path:
        """The drop folder."""
        if (self.base_url or "").startswith("file:") or self.folder is None:
            return Path(unquote(urlsplit(self.base_url or "").path))
        return self.folder
