"""Answers as bytes: made without the framework's validation, which would take longer than the question."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response

from projections.queries import Page

JSON = "application/json"
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def answer(value: Any, status: int = 200) -> Response:
    """A value as JSON; instants of UTC end in Z."""
    return Response(orjson.dumps(value, option=OPTIONS), status, media_type=JSON)


def revalidated(request: Request, value: Any) -> Response:
    """The same with a strong ETag, which is a digest of its bytes; 304 and nothing where the caller has these already."""
    body = orjson.dumps(value, option=OPTIONS)
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if (known := request.headers.get("if-none-match")) and _has(known, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=JSON)


def _has(known: str, etag: str) -> bool:
    """Whether an If-None-Match header names an ETag: as weak ones are compared, which is what it asks for (RFC 9110, 13.1.2)."""
    offered = (one.strip().removeprefix("W/") for one in known.split(","))
    return any(one in {"*", etag} for one in offered)


def paged(request: Request, page: Page, *, etag: bool = False, **more: Any) -> Response:
    """Some items and the cursor to the next ones, which a Link header leads to as well (RFC 8288)."""
    value = {**more, "items": page.items, "next": page.next}
    found = revalidated(request, value) if etag else answer(value)
    if page.next is not None:
        onward = request.url.include_query_params(cursor=page.next)
        found.headers["Link"] = f'<{onward.path}?{onward.query}>; rel="next"'
    return found
