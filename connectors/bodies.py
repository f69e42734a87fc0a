"""Bodies of webhooks: JSON of a bounded depth, and signatures in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from pydantic import SecretStr

from connectors.errors import Malformed

DEPTH_MAX = 32
NESTED = (dict, list)

TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,99}")


def json_object(raw: bytes | str) -> dict[str, Any]:
    """The JSON object in a body. Raises `Malformed` for anything else, and for nesting that no platform sends."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Malformed("the body is not JSON") from None
    if not isinstance(found, dict):
        raise Malformed("the body is not a JSON object")
    if _deeper_than(DEPTH_MAX, found):
        raise Malformed(f"the body is nested deeper than {DEPTH_MAX}")
    return found


def topic_named(said: str) -> str:
    """A topic that a webhook's header or path names, which goes into the log with a document that nobody understands. Raises
    `Malformed` for what no platform calls one.
    """
    if not TOPIC.fullmatch(said):
        raise Malformed("the topic is none")
    return said


def _deeper_than(most: int, found: dict[str, Any]) -> bool:
    """Whether there are objects or lists more than so deep. Level by level: every webhook is looked at, part by part."""
    level: list[Any] = [found]
    for _ in range(most):
        level = [
            part
            for value in level
            for part in (value.values() if isinstance(value, dict) else value)
            if isinstance(part, NESTED)
        ]
        if not level:
            return False
    return True


def in_force(secrets: Mapping[str, SecretStr], name: str) -> list[str]:
    """The values of a secret that may sign: the secret, and `<name>_previous` while it is being rotated. One that is empty signs
    nothing.
    """
    found = (secrets[one].get_secret_value() for one in (name, f"{name}_previous") if one in secrets)
    return [value for value in found if value]


def signature(secret: str, body: bytes) -> bytes:
    """HMAC-SHA256 of a body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


def signed_by(offered: str, secrets: Iterable[str], body: bytes, *, hexadecimal: bool = False) -> bool:
    """Whether a signature is one of the secrets' over the body, in base64 (or, if allowed, in hex); constant time."""
    good = False
    for secret in secrets:
        digest = signature(secret, body)
        good |= hmac.compare_digest(offered.encode(), base64.b64encode(digest))
        if hexadecimal:
            good |= hmac.compare_digest(offered.lower().encode(), digest.hex().encode())
    return good
