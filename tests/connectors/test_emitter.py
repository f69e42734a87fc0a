"""How sandboxes deliver: as platforms do, with retries, repeats and disorder."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp import web

from connectors.emitter import Emitter, Faults


@pytest.fixture
async def hub():
    """Takes deliveries; answers with `.statuses` in turn, then 200. `.got` holds the bodies."""
    found = SimpleNamespace(statuses=[], got=[], busy=0, busiest=0)

    async def take(request: web.Request) -> web.Response:
        found.busy += 1
        found.busiest = max(found.busiest, found.busy)
        found.got.append((await request.read()).decode())
        await asyncio.sleep(0.005)
        found.busy -= 1
        return web.Response(status=found.statuses.pop(0) if found.statuses else 200)

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = "http://{}:{}/".format(*runner.addresses[0][:2])
    yield found
    await runner.cleanup()


@pytest.fixture
async def start():
    started = []

    async def emitter(**options) -> Emitter:
        started.append(Emitter(first_retry=0.01, **options))
        await started[-1].start()
        return started[-1]

    yield emitter
    for one in started:
        await one.stop()


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_given_no_acceptance_then_it_is_delivered_again_until_there_is(hub, start, status):
    accepted = []
    emitter = await start(accepted=lambda tag, _at: accepted.append(tag))
    hub.statuses = [status, status]
    emitter.send(hub.url, b"sale", {}, "1")
    await emitter.drain()
    assert hub.got == ["sale"] * 3
    assert (emitter.sent, emitter.refused, emitter.lost, accepted) == (1, 0, 0, ["1"])


@pytest.mark.parametrize("status", [301, 400, 401, 413])
async def test_given_a_refusal_then_it_is_counted_and_not_delivered_again(hub, start, status):
    emitter = await start()
    hub.statuses = [status]
    emitter.send(hub.url, b"sale", {})
    await emitter.drain()
    assert (len(hub.got), emitter.sent, emitter.refused) == (1, 0, 1)


async def test_given_nobody_who_accepts_then_it_is_lost_after_the_last_attempt(hub, start):
    emitter = await start(attempts=3)
    hub.statuses = [500] * 9
    emitter.send(hub.url, b"sale", {})
    emitter.send("http://127.0.0.1:9/", b"sale", {})
    await emitter.drain()
    assert (len(hub.got), emitter.sent, emitter.lost) == (3, 0, 2)


async def test_given_faults_then_repeats_and_disorder_are_the_same_in_every_run(hub, start):
    runs = []
    for _ in range(2):
        hub.got.clear()
        emitter = await start(faults=Faults(duplicated=0.5, delayed=0.5, delay=0.05, seed=7), parallel=1)
        for number in range(20):
            emitter.send(hub.url, str(number).encode(), {})
        await emitter.drain()
        runs.append(sorted(hub.got))
        assert set(hub.got) == {str(number) for number in range(20)}
        assert len(hub.got) > 20
        assert list(dict.fromkeys(hub.got)) != [str(number) for number in range(20)]
    assert runs[0] == runs[1]


async def test_given_many_deliveries_then_no_more_than_so_many_at_once(hub, start):
    emitter = await start(parallel=3)
    for number in range(30):
        emitter.send(hub.url, str(number).encode(), {})
    await emitter.drain()
    assert (len(hub.got), hub.busiest) == (30, 3)


async def test_given_a_stop_then_what_waits_is_dropped(hub, start):
    emitter = await start(faults=Faults(delayed=1.0, delay=60.0))
    emitter.send(hub.url, b"sale", {})
    await emitter.stop()
    assert hub.got == []
