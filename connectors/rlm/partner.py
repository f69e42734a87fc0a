"""What the settings of a channel add to a document, because X12 leaves it to the partners. Pure.

It is laid on the document when its file is read, so that what is read from it later (a dead letter tried again) needs nothing
but the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.rlm import tables
from connectors.rlm.sets import documents as sets
from connectors.rlm.settings import RlmSettings


def documents(topic: str, raw: bytes) -> list[dict[str, Any]]:
    """The documents of a topic in a file, X12 or CSV, without any settings. Raises `Refused`."""
    return (
        sets(topic, raw) if raw.lstrip(b"\xef\xbb\xbf \r\n\t")[:3] == b"ISA" else tables.documents(topic, raw)
    )


def opened(settings: RlmSettings, name: str, raw: bytes) -> list[dict[str, Any]]:
    """All documents of a partner's file. Raises `Refused`."""
    if name.lower().endswith(".csv"):
        topic = tables.MOVEMENTS if name.lower().startswith("movements") else tables.STOCK
        found = tables.documents(topic, raw, settings.columns)
    else:
        found = sets("", raw)
    return [laid_on(settings, document) for document in found]


def laid_on(settings: RlmSettings, document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with what the settings say of it."""
    parties = [
        {**party, "ours": True} if party.get("id") in settings.locations else party
        for party in document.get("parties", ())
        if party.get("code") in ("WH", "SF") or party.get("id") in settings.locations  # else it is a customer
    ]
    if settings.warehouse and not {"WH", "SF"} & {party.get("code") for party in parties}:
        parties.append({"code": "WH", "id": settings.warehouse})
    added: dict[str, Any] = {
        "zone": settings.zone,
        "item_qualifiers": " ".join(settings.item_qualifiers),
        "parties": parties,
    }
    kind = document["set"]
    if kind == "850":
        sender = document.get("control", {}).get("sender")
        marks = {"sources": (sender,), "types": (document.get("order_type"),)}
        added |= settings.wholesale.verdict(company=True, **marks)
    if kind == "846":
        added["level_qualifier"] = settings.level_qualifier
    if kind == "944":
        added["damaged_within"] = settings.damaged_within
    if kind in ("945", "856"):
        added["elsewhere"] = kind != settings.shipped_by
    if "lines" in document:
        added["lines"] = [_line(settings, line) for line in document["lines"]]
    return {**document, **added}


def _line(settings: RlmSettings, line: Mapping[str, Any]) -> dict[str, Any]:
    references = (f"{item['qualifier']}:{item['id']}" for item in line.get("items", ()))
    pack = next((settings.packs[one] for one in references if one in settings.packs), None)
    effect = settings.reasons.get(line.get("reason", ""))
    return {
        **line,
        **({} if pack is None else {"pack": pack}),
        **({} if effect is None else {"effect": effect}),
    }
