"""How a refused document is tried again. The log is not known here: who knows it is given."""

from __future__ import annotations

from typing import Any, Protocol


class Letters(Protocol):
    """What retries dead letters."""

    async def retry(self, ident: str, payload: dict[str, Any] | None, by: str) -> str | None:
        """Takes in again what a dead letter holds, or what somebody has made of its payload. `by` is who wants that. Returns why it is
        refused still, or None when it is in the log. Raises `Problem` where the log is away.
        """
