"""What the log lines of all processes look like: one JSON object each, on standard error, with nothing secret and nothing personal in it.

Connectors drop what is personal at the door, and settings keep secrets out of what is printed. This is the second line: whatever a library
quotes, and whatever a mistake of ours hands to a log call, is taken out before it is written.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, TextIO, cast

import structlog

HIDDEN = "***"

SECRET = re.compile(
    r"authori[sz]ation|password|passwd|secret|token|hmac|signature|cookie|credential|private|dsn|(api|access|vault|export|master)[-_]?key",
    re.IGNORECASE,
)
"""Names of values that are never shown, wherever they stand in a name."""

PERSONAL = frozenset(
    {
        *(
            "name",
            "first_name",
            "last_name",
            "full_name",
            "company",
            "recipient",
            "customer",
            "buyer",
            "contact",
        ),
        *("email", "phone", "mobile", "street", "address", "address1", "address2", "city", "postcode", "zip"),
        *("shipping_address", "billing_address", "birthday", "note", "ip", "user_agent"),
    }
)
"""Names of values that are somebody's own."""

PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"(://[^\s/@:]*):[^\s/]*@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"\bonhand_[\w-]{20,}|\bwhsec_[\w+/=-]+|\bshp(at|ss|ca|pa)_\w{8,}"), HIDDEN),
    (
        re.compile(
            r"""((?:authori[sz]ation|password|passwd|secret|token|hmac(?:-sha256)?|signature|api[-_]?key)["']?\s*[:=]\s*["']?)"""
            r"""(?!\*\*\*|(?:bearer|basic)\b)[^\s"',;&}]+""",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), HIDDEN),
)
"""What is taken out of any text: credentials, keys of ours and of platforms, `name=value` of a secret, and addresses of people."""

DEPTH = 8
"""How deep values are looked into; what lies deeper is hidden."""

SHORT = 8
"""Characters that a secret of this process must have to be looked for in every text: `sandbox` is a word of its own."""


def redacted(value: Any, hidden: Sequence[str] = (), depth: int = DEPTH) -> Any:
    """A value without what nobody may read, whatever it is made of. `hidden` are the very secrets of this process."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0:
        return HIDDEN
    if isinstance(value, Mapping):
        return {
            _text(str(name), hidden): HIDDEN if _is_hidden(name) else redacted(its, hidden, depth - 1)
            for name, its in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(one, hidden, depth - 1) for one in value]
    return _text(value if isinstance(value, str) else repr(value), hidden)


def _is_hidden(name: Any) -> bool:
    return isinstance(name, str) and (SECRET.search(name) is not None or name.lower() in PERSONAL)


def _text(text: str, hidden: Sequence[str]) -> str:
    for secret in hidden:
        text = text.replace(secret, HIDDEN)
    for pattern, instead in PATTERNS:
        text = pattern.sub(instead, text)
    return text


Processor = Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]


def redacting(secrets: Callable[[], Sequence[str]]) -> Processor:
    """The processor that every line goes through last before it is written. `secrets` are those that this process has read."""

    def process(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        hidden = sorted((one for one in secrets() if len(one) >= SHORT), key=len, reverse=True)
        found: MutableMapping[str, Any] = redacted(event, hidden)
        return found

    return process


class Lossy(io.TextIOBase):
    """Says what can be said: a log that lies on a full disk, or was closed, must not stop what it is about."""

    def __init__(self, there: TextIO) -> None:
        self._there = there

    def write(self, text: str) -> int:
        """Writes, if it can."""
        with contextlib.suppress(OSError, ValueError):
            self._there.write(text)
        return len(text)

    def flush(self) -> None:
        """As above."""
        with contextlib.suppress(OSError, ValueError):
            self._there.flush()


def configure(secrets: Callable[[], Sequence[str]], stream: TextIO | None = None) -> None:
    """Has this process write its log, and that of the libraries, to standard error: a JSON object on each line, and nothing else."""
    out = cast("TextIO", Lossy(stream or sys.stderr))
    first: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = [
        structlog.processors.format_exc_info,
        redacting(secrets),
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*first, *last],
        logger_factory=structlog.PrintLoggerFactory(out),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*first, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
