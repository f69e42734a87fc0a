"""Problems as RFC 9457 tells them, and the table of all that there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import HTTPException
from fastapi.responses import Response

MEDIA = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: what callers can rely on is `type`. `example` is a detail as it may read, `retry_after` seconds."""

    status: int
    title: str
    example: str
    retry_after: int | None = None

    @property
    def name(self) -> str:
        """Its name: the title in lower case, with dashes."""
        return named(self.title)

    @property
    def type(self) -> str:
        """What `type` says. It never changes for a kind of problem."""
        return f"urn:onhand:problem:{self.name}"


def named(title: str) -> str:
    """The name of the kind of problem with a title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


KINDS: tuple[Kind, ...] = (
    Kind(400, "Bad value", "a value that the database can hold is expected"),
    Kind(400, "Bad cursor", "not a cursor of this API"),
    Kind(400, "No idempotency key", "send an Idempotency-Key header of 1 to 255 characters"),
    Kind(400, "Malformed body", "There was an error parsing the body"),
    Kind(400, "Malformed claim", "lines.0.quantity: Field required"),
    Kind(400, "Malformed upload", "row 3: quantity: Input should be a valid integer"),
    Kind(400, "Unknown location", "'SOHO ' is none of: HARLEM, SOHO"),
    Kind(400, "A bundle has no shelf", "GIFT-SET is a bundle: its components are counted"),
    Kind(400, "Which country?", "that postcode is in DE, US; send one of them as country"),
    Kind(401, "Not authorised", "send a valid API key as a bearer token"),
    Kind(401, "Signature not accepted", "the signature is not that of the body"),
    Kind(403, "Missing scope", "this key may not do that: it lacks the scope rule"),
    Kind(404, "Not found", "there is nothing at this address"),
    Kind(404, "Unknown SKU", "it has not moved"),
    Kind(404, "Unknown channel", "channels are: web, tills"),
    Kind(404, "Unknown transaction", "nothing has moved for it"),
    Kind(404, "Unknown dead letter", "its id is `partition-offset`, as the list has it"),
    Kind(404, "Unknown oversell", "no movement of that id took more than there was"),
    Kind(404, "Unknown reservation", "there is no such reservation"),
    Kind(404, "Unknown postcode", "postcodes are loaded of: DE, US"),
    Kind(404, "No webhooks", "magento sends none: it is polled"),
    Kind(405, "Method not allowed", "the Allow header lists the methods"),
    Kind(408, "Body too slow", "it must arrive within 10 s"),
    Kind(409, "Not reserved", "3 of 4 units of TEE-BLACK-M are free"),
    Kind(409, "Not released", "the reservation is converted"),
    Kind(409, "Not converted", "the reservation is expired"),
    Kind(413, "Body too large", "at most 1048576 bytes are read"),
    Kind(422, "Invalid request", "query.limit: Input should be less than or equal to 1000"),
    Kind(422, "Bad rules", "safety_stock: Input should be greater than or equal to 0"),
    Kind(429, "Too many requests", "this key may ask 500 times a second", retry_after=1),
    Kind(500, "Internal error", "the request failed here; the log has the reason"),
    Kind(503, "Not available", "the database does not answer", retry_after=5),
    Kind(503, "Not ready", "Kafka has not answered yet", retry_after=2),
    Kind(503, "No answer", "the ledger did not answer in time; ask again with the same key", retry_after=2),
    Kind(503, "The log is not reachable", "nothing was acknowledged", retry_after=5),
    Kind(503, "The vault is not reachable", "whom it is for was not kept", retry_after=5),
)
"""Every kind of problem, by status. Whoever raises another adds it here: a test compares them."""

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}


class Problem(HTTPException):
    """A request that cannot be answered as asked. `detail` is for the caller and never quotes what was sent. `more` are members of
    the answer beside those that all problems have.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        retry_after: int | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status, detail)
        self.status, self.title, self.retry_after, self.more = status, title, retry_after, more or {}

    def __str__(self) -> str:
        return f"{self.status} {self.title}: {self.detail}"


def response(problem: Problem, request_id: str | None = None) -> Response:
    """The problem as an HTTP answer to a request."""
    body: dict[str, Any] = {
        "type": f"urn:onhand:problem:{named(problem.title)}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail.encode(
            "utf-8", "replace"
        ).decode(),  # a name in JSON may be half a character
    }
    if request_id is not None:
        body["instance"] = f"urn:request:{request_id}"
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after is not None else {}
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(body | dict(problem.more)), problem.status, headers, media_type=MEDIA)
