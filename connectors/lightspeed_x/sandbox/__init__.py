"""A double of one Lightspeed X-Series retailer on real sockets: its API, its levels, its webhooks."""

from __future__ import annotations

from connectors.lightspeed_x.sandbox.server import LightspeedXSandbox

__all__ = ["LightspeedXSandbox"]
