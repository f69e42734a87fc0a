"""A double of one Lightspeed R-Series account on real sockets: its API V3, its OAuth server, its levels and log."""

from __future__ import annotations

from connectors.lightspeed_r.sandbox.server import LightspeedRSandbox

__all__ = ["LightspeedRSandbox"]
