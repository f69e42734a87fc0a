"""What the OpenAPI document says of every operation: problems, headers, tags. The routes say the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from projections.problems import BY_NAME, KINDS, MEDIA, Kind
from schemas.codec import adapter

Responses = dict[int | str, dict[str, Any]]

ABOUT = """How many of this can be sold, where, on which channel, and why that number.

Errors are problem details (RFC 9457). `type` is stable, `detail` is for people, `instance` names the request as `X-Request-Id` does.
Lists have `items` and `next`, the cursor to the next page, which a `Link` header leads to as well. Instants have a zone. A key may
ask so many times a second (`RateLimit-Policy`, `RateLimit`); after that it is told how long to wait (`Retry-After`).
"""

TAGS = {
    "stock": "What there is, what may be sold, and why.",
    "why": "Why a number is what it is, and what went wrong with it.",
    "lists": "Page by page: SKUs, deals, what platforms were told and what they show.",
    "journal": "What happened: movements and deals, and what went wrong.",
    "reservations": "Units held for a time. A request may be refused; what is granted is never sold twice.",
    "shop front-ends": "Which stores have it, and how a basket reaches a shopper.",
    "rules": "How much channels may sell, and who decided it.",
    "platforms": "Webhooks, under each platform's own signature.",
    "health": "How this process is.",
}

BEHIND_A_KEY = (
    *("bad-value", "not-authorised", "missing-scope", "invalid-request", "too-many-requests"),
    *("internal-error", "not-available"),
)
"""What any operation that asks for a key may answer: all under `/v1`, and `/metrics`."""

ELSEWHERE = ("internal-error", "not-available")

WITH_BODY = ("malformed-body", "body-too-slow", "body-too-large")
"""What one with a body may answer as well."""

TEXT = {"type": "string"}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The caller's own, if it was up to 128 visible ASCII characters; else one of ours.",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    },
    "RateLimit-Policy": {
        "description": "How many requests (`q`) in how many seconds (`w`), where there is a limit.",
        "schema": TEXT,
    },
    "RateLimit": {
        "description": "How many are left (`r`), and in how many seconds all are again (`t`).",
        "schema": TEXT,
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
    "Link": {"description": 'The next page (`rel="next"`), where there is one.', "schema": TEXT},
    "ETag": {"description": "A digest of the answer, strong.", "required": True, "schema": TEXT},
    "Cache-Control": {"description": "Ask again, with the ETag.", "required": True, "schema": TEXT},
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": TEXT},
}


IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "ETags that the caller has: with the one that holds, the answer is 304 and nothing.",
    "schema": TEXT,
}


def _named(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


class ProblemDetails(BaseModel):
    """A problem (RFC 9457). `type` is one of those listed at the operation, and never changes."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(json_schema_extra={"enum": [kind.type for kind in KINDS]})
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    instance: str = Field(pattern="^urn:request:")
    scope: str | None = Field(None, description="The scope that the key lacks, of a 403.")


Next = Annotated[str | None, Field(description="The cursor to the next page; null at the end.")]


def like(example: Any, *, open_ended: bool = False) -> ConfigDict:
    """The configuration of a model that has an example, and with `open_ended` fields that are not named."""
    return ConfigDict(json_schema_extra={"examples": [example]}, extra="allow" if open_ended else "ignore")


def refuses(*names: str) -> Responses:
    """The problems of some kinds, for a route's `responses`."""
    found: Responses = {}
    for kind in (BY_NAME[name] for name in names):
        said = found.setdefault(kind.status, {"content": {MEDIA: {"schema": SCHEMA, "examples": {}}}})
        examples = said["content"][MEDIA]["examples"]
        examples[kind.name] = {"$ref": f"#/components/examples/{kind.name}"}
        said["description"] = "; ".join(BY_NAME[one].title for one in examples)
    return found


def tells(
    model: type[Any],
    status: int = 200,
    *,
    pages: bool = False,
    etag: bool = False,
    onward: dict[str, Any] | None = None,
) -> Responses:
    """What a route answers when all is well. With `pages` it may have a Link header, with `etag` there is an ETag, and 304. `onward` are
    links to what can be asked next.
    """
    headers = _named(*(("Link",) if pages else ()), *(("ETag", "Cache-Control") if etag else ()))
    found: Responses = {status: {"model": model, "description": _first(model), "headers": headers}}
    if onward:
        found[status]["links"] = onward
    if etag:
        found[304] = {"description": "It is as the caller has it", "headers": headers}
    return found


REF = "#/components/schemas/{model}"
SCHEMA = {"$ref": REF.format(model="Problem")}


def _first(model: type[Any]) -> str:
    return (model.__doc__ or model.__name__).strip().partition("\n")[0]


def _example(kind: Kind) -> dict[str, Any]:
    """A problem of a kind, as it may come."""
    said = {"type": kind.type, "title": kind.title, "status": kind.status, "detail": kind.example}
    instance = "urn:request:7d1f0c5a9b3e4f6280d4c1a2b3e4f567"
    return {"summary": kind.title, "value": said | {"instance": instance}}


def _schemas(model: type[Any]) -> dict[str, Any]:
    """The schema of a model that no route declares, and of what it consists of, under names of their own."""
    name = model.__name__
    schema = adapter(model).json_schema(ref_template=REF.format(model=f"{name}{{model}}"))
    return {f"{name}{part}": its for part, its in schema.pop("$defs", {}).items()} | {name: schema}


def _examples(shapes: Sequence[ModuleType]) -> dict[str, list[Any]]:
    """The examples of the models in some modules. The framework drops null from them, which may be what is required."""
    found: dict[str, list[Any]] = {}
    for model in (one for module in shapes for one in vars(module).values()):
        if isinstance(model, type) and issubclass(model, BaseModel):
            said: Any = model.model_config.get("json_schema_extra")
            found |= {model.__name__: said["examples"]} if said and "examples" in said else {}
    return found


def describe(api: FastAPI, *models: type[Any], shapes: Sequence[ModuleType]) -> None:
    """Has the application's document say of every operation what holds for all. `models` are types that it names besides, `shapes` the
    modules of the models that the routes name.
    """
    plain: Callable[[], dict[str, Any]] = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            document = plain()
            document["info"]["description"] = ABOUT
            document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
            schemas = document["components"]["schemas"]
            for framework in ("HTTPValidationError", "ValidationError"):
                schemas.pop(framework, None)
            for name, examples in _examples(shapes).items():
                schemas.get(name, {})["examples"] = examples
            schemas["Problem"] = ProblemDetails.model_json_schema()
            for model in models:
                schemas |= _schemas(model)
            document["components"]["headers"] = HEADERS
            document["components"]["examples"] = {kind.name: _example(kind) for kind in KINDS}
            for item in document["paths"].values():
                for operation in item.values():
                    _complete(operation, BEHIND_A_KEY if "security" in operation else ELSEWHERE)
            api.openapi_schema = document
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]  # the framework's own way to extend it


def _complete(operation: dict[str, Any], usual: tuple[str, ...]) -> None:
    """Adds the usual problems and the headers, and takes the framework's own error away, which this API never answers."""
    responses = operation["responses"]
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        parameter["schema"] = _without_null(parameter["schema"])
    if "304" in responses:
        parameters.append(IF_NONE_MATCH)
    responses.get("422", {}).get("content", {}).pop("application/json", None)
    own = [name for said in responses.values() for name in _kinds(said)]
    body = WITH_BODY if "requestBody" in operation else ()
    problems = refuses(*dict.fromkeys((*own, *usual, *body)))
    responses |= {str(status): said for status, said in problems.items()}
    for said in responses.values():
        headers = said.setdefault("headers", {})
        headers |= _named("X-Request-Id")
        if "too-many-requests" in usual:
            headers |= _named("RateLimit-Policy", "RateLimit")
        if any(BY_NAME[name].retry_after for name in _kinds(said)):
            headers |= _named("Retry-After")
    if "401" in responses:
        responses["401"]["headers"] |= _named("WWW-Authenticate")


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that need not be there is left out: there is no null in an address."""
    some: list[dict[str, Any]] = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(some) != 1:
        return schema
    return {name: value for name, value in schema.items() if name != "anyOf"} | some[0]


def _kinds(said: dict[str, Any]) -> list[str]:
    """The kinds of problem that a response shows."""
    return list(said.get("content", {}).get(MEDIA, {}).get("examples", {}))
