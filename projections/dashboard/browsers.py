"""What every browser is told beside a page: what it may load, keep and send; and what of its requests is believed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Nothing inline, nothing from elsewhere, nowhere inside another site."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

FORM_MAX = 1_048_576
FORM_SECONDS = 10.0
FIELDS_MAX = 20
"""Bytes, seconds and fields that a form may have."""

OWN = re.compile(r"/(?![/\\])[\x21-\x7e]*")


class NotShown(Exception):
    """A page that cannot be shown as asked. `detail` is for whoever asked and never quotes what was sent."""

    def __init__(self, status: int, title: str, detail: str, retry_after: int | None = None) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status, self.title, self.detail, self.retry_after = status, title, detail, retry_after


def dressed(response: Response) -> Response:
    """An answer with what every one of them says. What a page shows is nobody else's: no cache keeps it, unless it says so."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def own_path(wanted: str | None) -> str:
    """Where to go on: a path of this server, or the start."""
    return wanted if wanted and OWN.fullmatch(wanted) and "\\" not in wanted else "/"


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, each once. Raises `NotShown` for what is none, is too large, or takes too long."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip().lower()
        != "application/x-www-form-urlencoded"
    ):
        raise NotShown(415, "Not a form", "a form of this site is expected")
    body = bytearray()
    try:
        async with asyncio.timeout(FORM_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > FORM_MAX:
                    raise NotShown(413, "Form too large", f"at most {FORM_MAX} bytes are read")
    except TimeoutError:
        raise NotShown(408, "Form too slow", f"it must arrive within {FORM_SECONDS:g} s") from None
    try:
        return dict(
            parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
        )
    except ValueError:
        raise NotShown(400, "Not a form", "a form of this site is expected") from None
