"""A double of a trading partner that works on a folder: a warehouse that ships and receives, and a buyer that orders."""

from __future__ import annotations

from connectors.rlm.sandbox.server import RlmSandbox

__all__ = ["RlmSandbox"]
