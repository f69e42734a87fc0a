"""`/sign-in` and `/sign-out`: with an API key, or by OpenID Connect."""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from projections.access import Caller, Scope
from projections.dashboard.browsers import NotShown, form_of, own_path
from projections.dashboard.house import House, guarded, open_to_all
from projections.dashboard.oidc import NotSignedIn, Oidc, ProviderAway
from projections.dashboard.sessions import IDLE, LIFE

FORM_COOKIE = "onhand_form"
BACK_COOKIE = "onhand_oidc"
BACK = "/sign-in/back"

Next = Annotated[str | None, Query(max_length=2_000)]


def sign_in_pages(house: House) -> APIRouter:
    """The door."""
    router = APIRouter(route_class=open_to_all(house), include_in_schema=False)

    @router.get("/sign-in")
    async def form(request: Request, next: Next = None) -> Response:  # noqa: A002  # the name in the address
        """The form."""
        if house.entered(request) is not None:
            return RedirectResponse(own_path(next), 303)
        return _form(house, request, own_path(next))

    @router.post("/sign-in")
    async def enter(request: Request) -> Response:
        """Signs in with an API key."""
        sent = await form_of(request)
        wanted, kept = own_path(sent.get("next")), request.cookies.get(FORM_COOKIE, "")
        if not kept or not hmac.compare_digest(kept.encode(), sent.get("csrf", "").encode()):
            return _form(house, request, wanted, "The form was not one of this browser. Try again.", 403)
        address, now = request.client.host if request.client else "", house.clock()
        if wait := house.attempts.wait(address, now):
            answer = _form(house, request, wanted, f"Too many attempts. Try again in {wait} s.", 429)
            answer.headers["Retry-After"] = str(wait)
            return answer
        token = sent.get("key", "").strip()
        caller = house.keys(token)
        if caller is None or Scope.READ not in caller.scopes:
            house.attempts.failed(address, now)
            return _form(house, request, wanted, "That is no valid API key that may read.", 401)
        cookie, _ = house.sessions.open(caller, "an API key", lambda: house.keys(token), now)
        answer = RedirectResponse(wanted, 303)
        _keep(house, request, answer, cookie)
        return answer

    if house.given.oidc is not None:
        _oidc_routes(router, house, house.given.oidc)
    return router


def sign_out_pages(house: House) -> APIRouter:
    """The way out."""
    router = APIRouter(route_class=guarded(house), include_in_schema=False)

    @router.post("/sign-out")
    async def leave(request: Request) -> Response:
        """Ends the session."""
        house.sessions.close(request.cookies.get(house.cookie(request), ""))
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(
            house.cookie(request), path="/", secure=house.secure(request), httponly=True, samesite="strict"
        )
        return answer

    return router


def _oidc_routes(router: APIRouter, house: House, oidc: Oidc) -> None:
    @router.get("/sign-in/oidc")
    async def go(request: Request, next: Next = None) -> Response:  # noqa: A002  # the name in the address
        """Sends the browser to the provider."""
        try:
            where, browser = await oidc.begin(_back(request), own_path(next), house.clock())
        except ProviderAway as error:
            raise NotShown(503, "The provider does not answer", str(error), retry_after=10) from None
        answer = RedirectResponse(where, 303)
        # The provider sends the browser back from another site, where a strict cookie stays behind.
        answer.set_cookie(
            BACK_COOKIE,
            browser,
            max_age=600,
            path="/sign-in",
            secure=house.secure(request),
            httponly=True,
            samesite="lax",
        )
        return answer

    @router.get(BACK)
    async def back(request: Request) -> Response:
        """The browser comes back. From a page of our own it goes on: only then it sends its new cookie."""
        query, browser = dict(request.query_params), request.cookies.get(BACK_COOKIE, "")
        try:
            caller, wanted = await oidc.end(_back(request), query, browser, house.clock())
        except NotSignedIn as error:
            return _form(house, request, "/", f"Not signed in: {error}.", 403)
        except ProviderAway as error:
            raise NotShown(503, "The provider does not answer", str(error), retry_after=10) from None
        known: Caller | None = caller
        cookie, _ = house.sessions.open(caller, oidc.title, lambda: known, house.clock())
        answer = house.page(request, "landing.html", wanted=wanted)
        _keep(house, request, answer, cookie)
        answer.delete_cookie(BACK_COOKIE, path="/sign-in")
        return answer


def _back(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{BACK}"


def _form(house: House, request: Request, wanted: str, fault: str = "", status: int = 200) -> Response:
    """The form, bound to this browser by a cookie that only its own pages send."""
    csrf = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(32)
    oidc = None if house.given.oidc is None else house.given.oidc.title
    answer = house.page(request, "sign_in.html", status, csrf=csrf, wanted=wanted, fault=fault, oidc=oidc)
    answer.set_cookie(
        FORM_COOKIE, csrf, path="/sign-in", secure=house.secure(request), httponly=True, samesite="strict"
    )
    return answer


def _keep(house: House, request: Request, answer: Response, cookie: str) -> None:
    answer.set_cookie(
        house.cookie(request),
        cookie,
        max_age=int(max(LIFE, IDLE).total_seconds()),
        path="/",
        secure=house.secure(request),
        httponly=True,
        samesite="strict",
    )
    answer.delete_cookie(FORM_COOKIE, path="/sign-in")
