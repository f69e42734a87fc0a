"""Who may ask, how often, and what."""

from __future__ import annotations

import re
from itertools import product

import pytest
from counter import KEY, serving

from projections.access import ROLES, Role, Scope
from projections.limits import Limits, Meter

OPEN = {"/livez", "/readyz", "/webhooks/{channel}", "/webhooks/{channel}/{path}"}
"""The routes for which no key is asked."""


def operations(counter):
    """Method, path, and what the document says of each operation."""
    return [
        (method.upper(), path, operation)
        for path, item in counter.document["paths"].items()
        for method, operation in item.items()
    ]


def asked(path):
    return re.sub(r"{\w+}", "TEE", path)


def scope_of(operation):
    (wanted,) = operation["security"]
    (scope,) = wanted["apiKey"]
    return Scope(scope)


async def test_given_any_v1_route_then_it_demands_a_key_before_anything_else(api):
    for method, path, operation in operations(api):
        if path in OPEN:
            continue
        assert path.startswith(("/v1/", "/metrics")), "another route needs a key, or a line above"
        for offered in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": f"Basic {KEY}"},
            {"Authorization": KEY},
            {"Authorization": f"Bearer {KEY}x"},
            {"Authorization": "Bearer"},
        ):
            for query in ("", "?limit=x&cursor=x"):
                answer = await api.ask(method, asked(path) + query, key=None, headers=offered)
                assert answer.status == 401, (operation["operationId"], offered)
                assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert api.desk.claims == []


async def test_given_any_v1_route_then_exactly_its_scope_opens_it_and_questions_need_to_read(api):
    for method, path, operation in operations(api):
        if path in OPEN:
            assert "security" not in operation
            continue
        its = scope_of(operation)
        assert method != "GET" or its is (Scope.WATCH if path == "/metrics" else Scope.READ)
        for scope in Scope:
            answer = await api.ask(method, asked(path), key=scope.value)
            assert (answer.status == 403) == (scope is not its), (method, path, scope, answer.text)
            if answer.status == 403:
                assert answer.json["scope"] == its.value
                assert its.value in answer.json["detail"]


async def test_given_what_changes_something_then_its_scope_is_the_one_that_is_meant(api):
    found = {op["operationId"]: scope_of(op) for _, path, op in operations(api) if path not in OPEN}
    meant = {
        "post_movements": Scope.POST,
        "place_reservation": Scope.RESERVE,
        "release_reservation": Scope.RESERVE,
        "convert_reservation": Scope.RESERVE,
        "change_rules": Scope.RULE,
        "find_fulfilment_options": Scope.READ,
    }
    assert found.items() >= meant.items()


async def test_given_roles_then_each_may_do_what_its_scopes_say(api):
    for role, (method, path, operation) in product(Role, operations(api)):
        if path in OPEN:
            continue
        answer = await api.ask(method, asked(path), key=role.value)
        assert (answer.status == 403) == (scope_of(operation) not in ROLES[role])


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def metered(pool):
    """The API with limits, on a clock that stands still unless somebody moves it."""
    clock = Clock()
    async for counter in serving(pool, Limits(rate=5.0, failures=2.0, meter=Meter(clock))):
        counter.clock = clock
        yield counter


async def test_given_a_key_that_asks_too_often_then_it_is_told_how_long_to_wait_and_others_are_not(metered):
    for left in range(9, -1, -1):
        answer = await metered.get("/v1/channels")
        assert answer.status == 200
        assert answer.headers["RateLimit-Policy"] == '"key";q=10;w=2'
        assert answer.headers["RateLimit"] == f'"key";r={left};t={-(-(10 - left) // 5)}'
    answer = await metered.get("/v1/channels")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    assert answer.headers["RateLimit"] == '"key";r=0;t=2'
    assert (await metered.ask("GET", "/v1/channels", key="viewer")).status == 200
    assert (await metered.ask("GET", "/livez", key=None)).status == 200
    metered.clock.now += 0.2
    assert (await metered.get("/v1/channels")).status == 200
    assert (await metered.get("/v1/channels")).status == 429


async def test_given_a_key_with_a_rate_of_its_own_then_that_one_holds(metered):
    statuses = [(await metered.ask("GET", "/v1/channels", key="slow")).status for _ in range(7)]
    assert statuses == [200] * 6 + [429]


async def test_given_somebody_who_tries_keys_then_the_address_is_slowed_down_and_a_good_key_from_there_is_not(
    metered,
):
    statuses = [(await metered.ask("GET", "/v1/channels", key=f"guess-{n}")).status for n in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    assert (await metered.get("/v1/channels")).status == 200
    metered.clock.now += 0.5
    assert (await metered.ask("GET", "/v1/channels", key="guess")).status == 401


async def test_given_no_limits_then_nobody_is_told_of_any(api):
    answer = await api.get("/v1/channels")
    assert not {"RateLimit", "RateLimit-Policy"} & answer.headers.keys()
