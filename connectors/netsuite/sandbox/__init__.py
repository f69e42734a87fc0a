"""A double of one NetSuite account on real sockets: its sign-in, its SuiteQL, its records, its arithmetic of stock."""

from __future__ import annotations

from connectors.netsuite.sandbox.server import NetSuiteSandbox

__all__ = ["NetSuiteSandbox"]
