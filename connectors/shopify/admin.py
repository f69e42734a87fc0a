"""Shopify's Admin GraphQL API: one call, its failures named by what to do next, and pages to the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.errors import ConnectorError, Malformed, SlowDown, Unreachable
from connectors.polite import Http, patiently
from connectors.tokens import Tokens

Node = Mapping[str, Any]

TRANSIENT = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"})
"""Top-level error codes after which it is unknown whether anything was done."""


class TooCostly(ConnectorError):
    """One query may cost 1,000 points at most (shopify.dev rate limits): ask for a smaller page."""


class Admin:
    """One shop's GraphQL API. `seen_at` is the platform's own clock at its last answer."""

    def __init__(self, http: Http, path: str, tokens: Tokens) -> None:
        self._http = http
        self._path = path
        self._tokens = tokens
        self.seen_at = datetime.now(UTC)

    async def call(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data of one document. Raises `SlowDown`, `Unreachable`, `TooCostly`, or `ConnectorError` for good."""
        body = {"query": document, "variables": dict(variables)}
        reply = await self._tokens.call(
            lambda token: self._http.call(
                "POST", self._path, body=body, headers={"X-Shopify-Access-Token": token}
            )
        )
        if reply.status in {401, 403}:
            raise ConnectorError(f"Shopify does not accept the access token (HTTP {reply.status})")
        if reply.status != 200:
            raise ConnectorError(
                f"Shopify answers HTTP {reply.status}: check the shop's name and the API version"
            )
        self.seen_at = reply.answered_at
        if not isinstance(reply.body, dict):
            raise Malformed("the answer is not a JSON object")
        _raise_errors(reply.body)
        data = reply.body.get("data")
        if not isinstance(data, dict):
            raise Malformed("the answer has neither data nor errors")
        return data

    async def patient(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data of one document of a long read, which would never end if each empty cost bucket began it again."""
        return await patiently(lambda: self.call(document, variables))

    async def pages(
        self, document: str, root: str, first: int, variables: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Sequence[Node]]:
        """Every page of the connection `root`, at most `first` nodes each; smaller ones where they cost too much.

        Waits by itself when the cost bucket is empty.
        """
        after: str | None = None
        while True:
            try:
                data = await self.patient(document, {**(variables or {}), "first": first, "after": after})
            except TooCostly:
                if first == 1:
                    raise
                first //= 2
                continue
            page = data[root]
            yield page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    async def whole(self, owner: Node, field: str, more: str) -> Sequence[Node]:
        """All nodes of a connection inside a node; `more` reads the pages after the first as `part`."""
        page = owner[field]
        nodes = list(page["nodes"])
        while page["pageInfo"]["hasNextPage"]:
            data = await self.patient(more, {"id": owner["id"], "after": page["pageInfo"]["endCursor"]})
            page = data["node"]["part"]
            nodes.extend(page["nodes"])
        return nodes

    async def close(self) -> None:
        """Gives the connections back."""
        await self._http.close()


def _raise_errors(body: Mapping[str, Any]) -> None:
    """Top-level errors. THROTTLED comes with HTTP 200 (shopify.dev rate limits) and says what the call would cost."""
    errors = body.get("errors")
    if not errors:
        return
    found = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    codes = {(error.get("extensions") or {}).get("code") for error in found}
    if "THROTTLED" in codes:
        raise SlowDown(_wait((body.get("extensions") or {}).get("cost") or {}))
    if "MAX_COST_EXCEEDED" in codes:
        raise TooCostly("the query costs more than Shopify allows one query")
    if codes & TRANSIENT:
        raise Unreachable(f"Shopify failed: {', '.join(sorted(map(str, codes)))}")
    said = "; ".join(str(error.get("message")) for error in found) or str(errors)
    if "ACCESS_DENIED" in codes:
        said += " Give the token that scope, or take what needs it out of the channel's settings (polls, customers, wholesale)."
    raise ConnectorError(said)


def _wait(cost: Mapping[str, Any], fallback: float = 1.0) -> float:
    """Seconds until the bucket holds what the call costs."""
    status = cost.get("throttleStatus") or {}
    try:
        missing = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"])
        return max(0.05, missing / float(status["restoreRate"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return fallback
