"""The names that the code reads from the environment."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

import streams.settings
from streams.settings import Settings

NAMED = re.findall(r'"(ONHAND_[A-Z_]+)"', Path(streams.settings.__file__).read_text())
SECRETS = {*NAMED, *(f"{name}_FILE" for name in NAMED)}
"""Secrets, and the files they may stand in. Those of channels are named after them and are none of these."""


def settings() -> set[str]:
    """Every setting as a variable: what `onhand.toml` may say of a section, the environment may."""
    found = set()
    for name, its in Settings.model_fields.items():
        found.add(f"ONHAND_{name.upper()}")
        if isinstance(its.annotation, type) and issubclass(its.annotation, BaseModel):
            found |= {f"ONHAND_{name.upper()}__{one.upper()}" for one in its.annotation.model_fields}
    return found
