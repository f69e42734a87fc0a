"""Every refusal leaves as a problem, and none tells what was sent."""

from __future__ import annotations

import re

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from psycopg import DataError
from starlette.exceptions import HTTPException

from projections.pool import DatabaseError
from projections.problems import Problem, response
from projections.queries import BadCursor

TITLES = {400: "Malformed body", 404: "Not found", 405: "Method not allowed", 413: "Body too large"}
"""What the framework refuses by itself, by status."""

DETAILS = {
    404: "there is nothing at this address",
    405: "the Allow header lists the methods",
}


def handle(api: FastAPI) -> None:
    """Makes problems of what the routes raise."""

    def answered(request: Request, problem: Problem) -> Response:
        return response(problem, request.state.request_id)

    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return answered(request, error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = error.status_code
        title, detail = TITLES.get(status, str(error.detail)), DETAILS.get(status, str(error.detail))
        answer = answered(request, Problem(status, title, detail))
        answer.headers.update(error.headers or {})
        if status == 405 and (several := _methods(api, request.url.path)):  # one route knows its own only
            answer.headers["Allow"] = ", ".join(several)
        return answer

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        return answered(request, Problem(422, "Invalid request", faults))

    async def away(request: Request, error: Exception) -> Response:  # noqa: ARG001  # its text may name the server
        return answered(request, Problem(503, "Not available", "the database does not answer", retry_after=5))

    async def unfit(request: Request, error: Exception) -> Response:  # noqa: ARG001  # its text quotes what was sent
        return answered(request, Problem(400, "Bad value", "a value that the database can hold is expected"))

    async def cursor(request: Request, error: Exception) -> Response:
        return answered(request, Problem(400, "Bad cursor", str(error)))

    api.add_exception_handler(Problem, problem)
    api.add_exception_handler(HTTPException, http)
    api.add_exception_handler(RequestValidationError, invalid)
    api.add_exception_handler(BadCursor, cursor)
    for kind in DatabaseError:
        api.add_exception_handler(kind, away)
    api.add_exception_handler(DataError, unfit)
    api.add_exception_handler(UnicodeEncodeError, unfit)  # JSON may have half a character


def _methods(api: FastAPI, path: str) -> list[str]:
    """The methods of an address, as the document has them: of several that it may be, the one with the fewest parameters."""
    for parameter in ("[^/]+", ".+"):
        found = {
            template.count("{"): item
            for template, item in api.openapi()["paths"].items()
            if re.fullmatch(re.sub(r"\\{\w+\\}", parameter, re.escape(template)), path)
        }
        if found:
            return sorted(method.upper() for method in found[min(found)])
    return []
