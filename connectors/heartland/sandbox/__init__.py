"""A double of one Heartland Retail account on real sockets: its API, its documents, its stock."""

from __future__ import annotations

from connectors.heartland.sandbox.server import HeartlandSandbox

__all__ = ["HeartlandSandbox"]
