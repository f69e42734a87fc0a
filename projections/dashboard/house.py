"""What all pages work with, and the door in front of them: nobody sees anything without having signed in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from psycopg import DataError
from psycopg.errors import QueryCanceled
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from projections.access import Caller, Scope
from projections.dashboard.attempts import Attempts
from projections.dashboard.browsers import NotShown, dressed, form_of
from projections.dashboard.letters import Letters
from projections.dashboard.live import Hub
from projections.dashboard.oidc import Oidc
from projections.dashboard.pages import Pages
from projections.dashboard.reading import Reading
from projections.dashboard.sessions import Session, Sessions
from projections.pool import DatabaseError
from projections.problems import Problem
from projections.queries import BadCursor
from schemas.rules import Rules

COOKIE = "onhand_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """What the dashboard is given. Without `letters` nothing is retried from it, without `oidc` one signs in with a key only.
    `secure`: it is reached by https, whatever this process sees of that. `stopping` says that the server ends: what is live ends then.
    """

    letters: Letters | None = None
    oidc: Oidc | None = None
    secure: bool = False
    stopping: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the pages work with."""

    reading: Reading
    rules: Callable[[], Rules]
    events: Callable[[], Sequence[Rules]]
    skews: Callable[[], Mapping[str, float]]
    clock: Callable[[], datetime]
    keys: Callable[[str], Caller | None]
    given: Dashboard
    hub: Hub
    pages: Pages = field(default_factory=Pages)
    sessions: Sessions = field(default_factory=Sessions)
    attempts: Attempts = field(default_factory=Attempts)

    def secure(self, request: Request) -> bool:
        """Whether the browser came by https."""
        return self.given.secure or request.url.scheme == "https"

    def cookie(self, request: Request) -> str:
        """What the session's cookie is called: by https it is bound to this very host."""
        return f"__Host-{COOKIE}" if self.secure(request) else COOKIE

    def entered(self, request: Request) -> Session | None:
        """Whose browser this is; None where nobody has signed in."""
        cookie = request.cookies.get(self.cookie(request))
        return self.sessions.find(cookie, self.clock()) if cookie else None

    async def version(self, sku: str) -> str:
        """What a SKU's page was made from."""
        return (await self.reading.versions([sku], list(self.rules().channels))).get(sku, "")

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page for whoever has signed in."""
        me = getattr(request.state, "session", None)
        return self.pages.page(template, status, me=me, path=request.url.path, now=self.clock(), **values)

    def needs(self, request: Request, scope: Scope) -> Session:
        """The session, where it has a scope. Raises `NotShown`."""
        session: Session = request.state.session
        if scope not in session.caller.scopes:
            raise NotShown(403, "Not allowed", f"your role lacks the right to {scope.value}")
        return session


def told_of(error: Exception) -> NotShown | None:
    """What a person is told of an error; None where it is a mistake of ours."""
    match error:
        case NotShown():
            return error
        case Problem():
            return NotShown(error.status, error.title, error.detail, error.retry_after)
        case QueryCanceled():
            return NotShown(503, "This took too long", "ask for less at once, or again later", retry_after=5)
        case DataError() | BadCursor() | RequestValidationError():
            return NotShown(400, "Bad request", "the address has a value that cannot be read")
        case _ if isinstance(error, DatabaseError):
            return NotShown(503, "Not available", "the database does not answer", retry_after=5)
    return None


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def open_to_all(house: House) -> type[APIRoute]:
    """Routes that need no session: problems are pages, and all answers are dressed."""

    class Open(APIRoute):
        def get_route_handler(self) -> Handler:
            return _told(house, super().get_route_handler())

    return Open


def guarded(house: House) -> type[APIRoute]:
    """Routes of those who have signed in: others are asked to, and a form must be one of the session's own."""

    class Guarded(APIRoute):
        def get_route_handler(self) -> Handler:
            inner = super().get_route_handler()

            async def handle(request: Request) -> Response:
                session = house.entered(request)
                if session is None:
                    return _sign_in_first(request)
                request.state.session = session
                request.state.body_larger()
                if request.method == "POST":
                    request.state.form = form = await form_of(request)
                    if not session.sent(form.get("csrf", "")):
                        raise NotShown(
                            403, "Not from here", "the form was not one of this session; load the page again"
                        )
                return await inner(request)

            return _told(house, handle)

    return Guarded


def _told(house: House, inner: Callable[[Request], Awaitable[Response]]) -> Handler:
    async def handle(request: Request) -> Response:
        try:
            return dressed(await inner(request))
        except Exception as error:
            problem = told_of(error)
            if problem is None:
                raise
        answer = house.page(request, "problem.html", problem.status, problem=problem)
        if problem.retry_after is not None:
            answer.headers["Retry-After"] = str(problem.retry_after)
        return dressed(answer)

    return handle


def _sign_in_first(request: Request) -> Response:
    """Where somebody signs in, and comes back from to where they wanted. A script is told so that it can go there itself."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if (
        request.method == "GET"
        and "hx-request" not in request.headers
        and not request.url.path.startswith("/live/")
    ):
        return RedirectResponse(f"/sign-in?next={quote(wanted, safe='')}", 303)
    return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
