"""Tells people, by the log and by a signed webhook, what they should look at.

The webhook is one of the Standard Webhooks specification (standardwebhooks.com, version 1): `webhook-id`, the same however
often it is sent, `webhook-timestamp` and `webhook-signature`, HMAC-SHA256 over all three parts with the secret after `whsec_`; several, while a secret
is rotated.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog
from pydantic import SecretStr

from connectors.errors import ConnectorError
from connectors.polite import Http
from projections.alerts import CONDITIONS, Alert, Alerts
from projections.pool import DatabaseError, leadership
from projections.queries import Queries
from streams.settings import AlertSettings

log = structlog.get_logger()

PREFIX = "whsec_"
AGED_EVERY = 600.0
"""Seconds between two looks for aged commitments, which go over all that is open."""


def signed(secrets: Sequence[str], ident: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of a webhook, with a signature by each secret: while one is rotated its receiver may know either. A secret that is
    not `whsec_` and base64 is taken as it is.
    """
    said = f"{ident}.{at}.".encode() + body
    digests = (hmac.new(_key(secret), said, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": ident,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX)) if secret.startswith(PREFIX) else secret.encode()


def body_of(alert: Alert) -> dict[str, Any]:
    """What is sent of an alert."""
    return {
        "type": f"io.onhand.alert.{alert.kind}",
        "timestamp": alert.since.isoformat(),
        "data": {"id": alert.id, **alert.detail},
    }


@dataclass(slots=True, kw_only=True)
class Alerting:
    """Looks for what stands, at one server at a time."""

    settings: AlertSettings
    secrets: Sequence[SecretStr]
    alerts: Alerts
    queries: Queries
    dsn: str
    role: str
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _aged_at: float = field(default=float("-inf"))

    async def run(self) -> None:
        """Looks for ever. What cannot be sent is sent later; nothing is lost by that."""
        http = (
            None if self.settings.url is None else Http(self.settings.url, {}, private=self.settings.private)
        )
        while True:
            try:
                async with leadership(self.dsn, self.role):
                    while True:
                        await self.once(http)
                        await asyncio.sleep(self.settings.every)
            except (ConnectorError, *DatabaseError) as error:
                log.warning("alerts pause", reason=f"{type(error).__name__}: {error}")
                await asyncio.sleep(self.settings.every)

    async def once(self, http: Http | None) -> None:
        """Raises what stands and was not told yet, and sends what was not sent. Raises `ConnectorError`, `DatabaseError`."""
        now = self.clock()
        limits = {
            "stuck_after": timedelta(seconds=self.settings.stuck_after),
            "dead_letters": self.settings.dead_letters,
        }
        fresh = [alert for kind in CONDITIONS for alert in await self.alerts.raised(kind, now, limits)]
        for alert in fresh + await self._aged(now):
            log.warning("alert", kind=alert.kind, id=alert.id, since=alert.since.isoformat(), **alert.detail)
        for alert in await self.alerts.unsent():
            if http is not None:
                await self._send(http, alert)
            await self.alerts.sent(alert, self.clock())

    async def _aged(self, now: datetime) -> list[Alert]:
        """Commitments that are older than they should get."""
        if time.monotonic() - self._aged_at < AGED_EVERY:
            return []
        self._aged_at = time.monotonic()
        page = await self.queries.commitments(now, older_than_days=self.settings.commitment_days)
        found = [
            Alert(
                id="/".join(("commitment", row["transaction"], row["sku"], row["location"])),
                kind="aged_commitment",
                since=row["since"],
                detail={name: row[name] for name in ("transaction", "sku", "location", "units", "age_days")},
            )
            for row in page.items
        ]
        return [alert for alert in found if await self.alerts.add(alert, now)]

    async def _send(self, http: Http, alert: Alert) -> None:
        body = body_of(alert)
        headers = {}
        if self.secrets:
            keys = [secret.get_secret_value() for secret in self.secrets]
            headers = signed(keys, alert.id, int(self.clock().timestamp()), orjson.dumps(body))
        reply = await http.call("POST", "", body=body, headers=headers, reads=False)
        if not 200 <= reply.status < 300:
            raise ConnectorError(f"the receiver of alerts answers {reply.status}")
