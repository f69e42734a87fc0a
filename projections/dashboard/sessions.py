"""Who is signed in: sessions in this process's memory, of bounded life and number. The clock is an argument."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from projections.access import Caller, Scope

LIFE = timedelta(hours=12)
"""After so long one signs in again, whatever one does."""

IDLE = timedelta(hours=2)
"""After so long without a page one is signed out."""

SESSIONS_MAX = 1_000
"""Sessions that are kept; the one that was unused for longest goes first."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. `csrf` stands in every form of theirs; `means` says how they signed in."""

    caller: Caller
    csrf: str
    means: str
    began: datetime

    def may(self, scope: str) -> bool:
        """Whether the session's caller has a scope."""
        return Scope(scope) in self.caller.scopes

    def sent(self, csrf: str) -> bool:
        """Whether a form is one of this session's own."""
        return hmac.compare_digest(csrf.encode(), self.csrf.encode())


@dataclass(slots=True)
class _Kept:
    session: Session
    proof: Callable[[], Caller | None]
    used: datetime


class Sessions:
    """The sessions of this process, known by the digest of what the browser keeps. A restart ends them all."""

    def __init__(self, life: timedelta = LIFE, idle: timedelta = IDLE, most: int = SESSIONS_MAX) -> None:
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._life, self._idle, self._most = life, idle, most

    def open(
        self, caller: Caller, means: str, proof: Callable[[], Caller | None], now: datetime
    ) -> tuple[str, Session]:
        """A session, and what the browser keeps of it. `proof` is asked again at every page: None ends the session."""
        cookie = secrets.token_urlsafe(32)
        session = Session(caller, secrets.token_urlsafe(32), means, now)
        self._kept[_digest(cookie)] = _Kept(session, proof, now)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return cookie, session

    def find(self, cookie: str, now: datetime) -> Session | None:
        """The session that a browser has; None where it is over, or its caller is nobody any more."""
        key = _digest(cookie)
        kept = self._kept.get(key)
        if kept is None:
            return None
        over = now - kept.session.began >= self._life or now - kept.used >= self._idle
        caller = None if over else kept.proof()
        if caller is None:
            del self._kept[key]
            return None
        if caller != kept.session.caller:
            kept.session = Session(caller, kept.session.csrf, kept.session.means, kept.session.began)
        kept.used = now
        self._kept.move_to_end(key)
        return kept.session

    def close(self, cookie: str) -> None:
        """Ends a session, if it is one."""
        self._kept.pop(_digest(cookie), None)


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()
