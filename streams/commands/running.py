"""Commands that run the system, or a part of it: `up`, `worker`, `serve`, `demo`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from streams import keys as api_keys
from streams.commands.opened import ONHAND_TOML, Config, Json, err, out, run, show, spoken
from streams.keys import Keys
from streams.settings import api_keys as keys_of
from streams.settings import load, secrets_of, vault_keys
from streams.system import System, addresses, end_with_parent, on_signal


def up(config: Config = ONHAND_TOML) -> None:
    """Run everything until stopped: engines, sandboxes, a worker, the server."""

    async def body() -> None:
        settings = load(config)
        for name, channel in settings.channels.items():
            secrets_of(name, settings.connector(name).secrets, channel)
        vault_keys(settings.data)
        key = None if keys_of(settings.data) else api_keys.generate(settings.data)
        stopping = on_signal(asyncio.get_running_loop())
        system = System(settings, config.resolve(), lambda text: err.print(f"  {text}", highlight=False))
        began = asyncio.get_running_loop().time()
        try:
            if not await _unless(stopping, system.start()):
                return
            seconds = asyncio.get_running_loop().time() - began
            err.print(f"ready in {seconds:.1f} s: {system.address}", style="bold green", highlight=False)
            err.print(f"API key: {key or settings.data / 'api-key'}", highlight=False, soft_wrap=True)
            await stopping.wait()
            err.print("stopping", highlight=False)
        finally:
            await system.stop()

    run(body())


async def _unless(stopping: asyncio.Event, body: Coroutine[Any, Any, None]) -> bool:
    """Runs a body to its end, and says so; or until somebody asks us to stop: it may wait for long."""
    doing, told = asyncio.create_task(body), asyncio.create_task(stopping.wait())
    await asyncio.wait([doing, told], return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not doing.done():
        doing.cancel()
        return False
    await doing
    return True


Hidden = Annotated[bool, typer.Option("--until-parent-ends", hidden=True)]


def worker_command(
    config: Config = ONHAND_TOML,
    name: Annotated[str, typer.Option(help="This worker's name, the same at every start.")] = "worker-0",
    until_parent_ends: Hidden = False,
) -> None:
    """Run a worker: the agents, the recorder, the sinks."""
    from streams.parts import worker

    if until_parent_ends:
        end_with_parent()

    async def body() -> None:
        settings = load(config)
        found = addresses(settings)
        await worker(settings, found.bootstrap, found.dsn, name, lambda: _say("ready"))

    run(body())


def serve_command(config: Config = ONHAND_TOML, until_parent_ends: Hidden = False) -> None:
    """Run the server: webhooks, polls, the query API."""
    from streams.parts import serve

    if until_parent_ends:
        end_with_parent()

    async def body() -> None:
        settings = load(config)
        found = addresses(settings)
        accepted = Keys(keys_of(settings.data))
        await serve(settings, config, found.bootstrap, found.dsn, accepted, lambda at: _say(f"ready {at}"))

    run(body())


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def demo(
    events: Annotated[int, typer.Option(min=100, help="Documents the platforms send.")] = 1_800,
    kill: Annotated[
        int, typer.Option(min=0, max=20, help="How often the worker is killed (SIGKILL) on the way.")
    ] = 0,
    rate: Annotated[
        float, typer.Option(min=1, help="Documents a second, whatever the answer (open loop).")
    ] = 50.0,
    keep: Annotated[bool, typer.Option(help="Leave everything running afterwards, until Ctrl-C.")] = False,
    data: Annotated[Path, typer.Option(help="Where the demo keeps its files.")] = Path(".onhand/demo"),
    as_json: Json = False,
) -> None:
    """Play real sales through real Kafka and PostgreSQL, and prove that every number is right."""
    from streams.demo import Demo

    report = run(
        Demo(events=events, kills=kill, rate=rate, keep=keep, data=data.resolve(), console=err).run()
    )
    if as_json:
        show(report)
    else:
        out.print(_demo_table(report))
    if not report["verify"]["ok"] or report["lost"]:
        raise typer.Exit(1)


def _demo_table(report: dict[str, Any]) -> Table:
    table = Table(title="A trading day", show_header=False)
    for name, value in report.items():
        table.add_row(name.replace("_", " "), spoken(value))
    return table
