"""A double of one ShipStation account on real sockets: both APIs, its inventory, its webhooks."""

from __future__ import annotations

from connectors.shipstation.sandbox.server import ShipStationSandbox

__all__ = ["ShipStationSandbox"]
