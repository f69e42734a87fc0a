"""One polite HTTP client for every platform: bounded waits, no redirects, and failures named by what to do next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
import orjson
from yarl import URL

from connectors.errors import Malformed, SlowDown, Unreachable
from connectors.outbound import reach, session, why
from connectors.pacing import Pace

BODY_MAX = 32 * 1024 * 1024
"""Bytes of the largest answer that is read."""
WAITS_MAX = 20
"""How often one call of a long read is put off before it is given up."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Reply:
    """A platform's answer: HTTP status, headers, and the decoded JSON body (None where it is empty)."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def answered_at(self) -> datetime:
        """The instant of the answer by the platform's own clock; ours where it does not say."""
        try:
            return parsedate_to_datetime(self.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError, TypeError):
            return datetime.now(UTC)


class Http:
    """A session against one platform's base URL, with its authentication headers.

    `pace` is how often it may be asked. `timeout` is the total in seconds for one call. `wait_header` is where the platform
    says how long to wait. `private` says that it may be in a private network (`connectors.outbound`). Redirects are not followed: a
    platform's API has none, and a redirect could lead anywhere; nor is a path that leads away from the base.
    """

    def __init__(
        self,
        base: str,
        headers: Mapping[str, str],
        pace: Pace | None = None,
        timeout: float = 20.0,
        wait_header: str = "Retry-After",
        *,
        private: bool = False,
    ) -> None:
        self._reach = reach(base, private=private)
        self._wait_header = wait_header
        self._base = base.rstrip("/")
        self._headers = {"User-Agent": "onhand", "Accept": "application/json", **headers}
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=5.0)
        self._session: aiohttp.ClientSession | None = None
        self.pace = pace or Pace()

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | str | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        reads: bool = True,
    ) -> Reply:
        """One request: `body` goes as JSON, `form` as a form, `headers` with this request only. A `query` in one piece is sent
        as it is, where a signature covers it. Without `reads` an answer's body does not matter, whatever it is.

        Raises `SlowDown` on 429 and 503 with a delay, and without asking where it would come too early for the pace;
        `Unreachable` without a usable answer.
        """
        if path and path[0] not in "/?":
            raise Malformed(f"{method}: what follows the base is no path: it may lead to another host")
        await self.pace.turn()
        if self._session is None:
            self._session = session(self._reach, self._timeout, self._headers)
        kind = {} if body is None else {"Content-Type": "application/json"}
        whole = isinstance(query, str)
        url = URL(f"{self._base}{path}?{query}" if whole else self._base + path, encoded=whole)
        try:
            async with self._session.request(
                method,
                url,
                data=form if body is None else orjson.dumps(body),
                params=None if isinstance(query, str) else query,
                headers={**kind, **(headers or {})},
                allow_redirects=False,
            ) as answer:
                status, found, raw = answer.status, answer.headers, bytearray()
                async for part in answer.content.iter_any():
                    raw += part
                    if len(raw) > BODY_MAX:
                        raise Malformed(f"{method} {path}: the answer is larger than {BODY_MAX} bytes")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"{method} {path}: {why(error)}") from error
        if status == 429 or (status == 503 and self._wait_header in found):
            wait = _seconds(found, self._wait_header)
            self.pace.rest(wait)
            raise SlowDown(wait)
        if status >= 500:
            raise Unreachable(f"{method} {path}: HTTP {status}")
        return Reply(status, found, _json(bytes(raw), method, path) if reads else None)

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def patiently(ask: Callable[[], Awaitable[Result]]) -> Result:
    """What a call of a long read finds, which would never end if each wait began it again. Raises `SlowDown` in the end."""
    for _ in range(WAITS_MAX):
        try:
            return await ask()
        except SlowDown as wait:
            await asyncio.sleep(wait.retry_after)
    return await ask()


def _json(raw: bytes, method: str, path: str) -> Any:
    if not raw:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Unreachable(f"{method} {path}: the answer is not JSON") from error


def _seconds(found: Mapping[str, str], header: str, fallback: float = 1.0) -> float:
    """How long to wait in seconds: a number, or an HTTP date, measured against the answer's own `Date`."""
    value = found.get(header, "")
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        until, now = parsedate_to_datetime(value), parsedate_to_datetime(found["Date"])
    except (ValueError, KeyError, TypeError):
        return fallback
    return max(0.0, (until - now).total_seconds())
