"""Scripts and styles, from the package itself: read once, named by their content, kept by browsers for ever."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent. `digest` changes with its content."""

    body: bytes
    packed: bytes
    media_type: str
    digest: str


@cache
def assets() -> dict[str, Asset]:
    """All of them, by name."""
    folder = files("projections") / "dashboard" / "static"
    found = {}
    for item in folder.iterdir():
        kind = item.name.rpartition(".")[2]
        if kind in TYPES:
            body = item.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:12]
            found[item.name] = Asset(
                body, gzip.compress(body, mtime=0), f"{TYPES[kind]}; charset=utf-8", digest
            )
    return found


def url(name: str) -> str:
    """Where a browser finds one."""
    return f"/static/{assets()[name].digest}/{name}"


def answer(request: Request, digest: str, name: str) -> Response:
    """One of them; 404 for another content of it than ours."""
    found = assets().get(name)
    if found is None or found.digest != digest:
        return Response(status_code=404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            found.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=found.media_type
        )
    return Response(found.body, headers=headers, media_type=found.media_type)
