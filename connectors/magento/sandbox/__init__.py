"""A double of one Magento shop on real sockets: its REST API, its sources and reservations."""

from __future__ import annotations

from connectors.magento.sandbox.server import MagentoSandbox

__all__ = ["MagentoSandbox"]
