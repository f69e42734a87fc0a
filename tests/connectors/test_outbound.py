"""Where we call: nobody's metadata, and nothing of our own network that is not configured."""

from __future__ import annotations

import ast
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import web
from pydantic import SecretStr

from connectors.errors import Malformed, Unreachable
from connectors.loopback import serve
from connectors.oidc import OidcClient
from connectors.outbound import Kind, kind_of, reach
from connectors.polite import Http

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    Kind.NEVER: [
        *("169.254.169.254", "169.254.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "::"),
        *("fe80::1", "fe80::1%eth0", "ff02::1", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200"),
        *("168.63.129.16", "192.0.0.192", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254"),
        *("2002:a9fe:a9fe::1", "::ffff:0.0.0.0"),
    ],
    Kind.LOOPBACK: ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
    Kind.PRIVATE: [
        *("10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "198.18.0.1", "fd12::1", "::ffff:10.0.0.1"),
        *("64:ff9b::a00:1", "2002:a00:1::"),
    ],
    Kind.PUBLIC: ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"],
}


@pytest.mark.parametrize(("kind", "address"), [(kind, one) for kind, some in KINDS.items() for one in some])
def test_given_an_address_then_it_is_known_what_it_is_to_us_however_it_is_written(kind, address):
    assert kind_of(address) is kind


def test_given_a_configured_url_then_it_reaches_what_it_names_itself_and_the_public():
    assert reach("https://shop.example.com") == {Kind.PUBLIC}
    assert (
        reach("http://127.0.0.1:8801/api") == reach("http://localhost:8801") == {Kind.PUBLIC, Kind.LOOPBACK}
    )
    assert reach("http://[::1]:8801") == {Kind.PUBLIC, Kind.LOOPBACK}
    assert reach("http://10.1.2.3") == {Kind.PUBLIC, Kind.PRIVATE}
    assert reach("https://erp.internal", private=True) == {Kind.PUBLIC, Kind.PRIVATE}
    assert reach("http://169.254.169.254", private=True) == {Kind.PUBLIC, Kind.PRIVATE}


@pytest.fixture
async def server():
    """Somebody's server on this machine, which says where to go on."""
    found = SimpleNamespace(asked=[], elsewhere="http://169.254.169.254/latest/meta-data/")

    async def take(request):
        found.asked.append(request.path)
        if request.path == "/away":
            raise web.HTTPFound(found.elsewhere)
        return web.json_response({"at": request.path})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", take)
    runner, found.url = await serve(app, 0)
    found.port = found.url.rpartition(":")[2]
    yield found
    await runner.cleanup()


@pytest.fixture
def named(monkeypatch):
    """What a name stands for, as whoever owns the name likes."""
    means = {}
    real = socket.getaddrinfo

    def looked_up(host, port, *arguments, **more):
        return real(means.get(host, host), port, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return means


async def outcome(base: str, path: str = "/", **more: bool) -> object:
    http = Http(base, {}, **more)
    try:
        return (await http.call("GET", path)).body
    except (Unreachable, Malformed) as error:
        return str(error)
    finally:
        await http.close()


async def test_given_a_sandbox_on_this_machine_then_it_is_called_by_its_number_and_as_localhost(server):
    assert await outcome(server.url) == {"at": "/"}
    assert await outcome(f"http://localhost:{server.port}") == {"at": "/"}


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "127.0.0.1", "10.0.0.7", "::ffff:127.0.0.1", "fe80::1"]
)
async def test_given_a_harmless_name_then_what_it_stands_for_counts(server, named, address):
    named["shop.example.com"] = address
    said = await outcome(f"http://shop.example.com:{server.port}")
    assert "may not be called" in said
    assert server.asked == []


async def test_given_metadata_then_it_is_never_called_whatever_is_configured():
    for base in ("http://169.254.169.254", "http://[::ffff:a9fe:a9fe]", "http://100.100.100.200"):
        assert "may not be called" in await outcome(base, "/latest/meta-data/", private=True)


async def test_given_a_redirect_to_metadata_then_it_is_not_followed(server):
    http = Http(server.url, {})
    assert (await http.call("GET", "/away", reads=False)).status == 302
    await http.close()
    assert server.asked == ["/away"]


@pytest.mark.parametrize(
    "path", ["@evil.example/", ".evil.example/", ":80@evil.example/", "0/", "\\\\evil.example"]
)
async def test_given_a_path_that_leads_away_from_the_configured_host_then_nobody_is_called(server, path):
    assert "may lead to another host" in await outcome(server.url, path)
    assert server.asked == []


async def test_given_a_provider_whose_document_names_metadata_then_it_gets_no_secret(server):
    client = OidcClient("https://idp.example.com", "onhand", SecretStr("secret"))
    for uri in (
        "https://169.254.169.254/token",
        "https://10.0.0.7/token",
        f"https://127.0.0.1:{server.port}/t",
    ):
        with pytest.raises(Unreachable, match="may not be called"):
            await client.token(uri, {})
    with pytest.raises(Unreachable, match="by another scheme"):
        await client.token("http://idp.example.com/token", {})
    assert server.asked == []


def test_given_the_code_then_no_session_is_opened_but_by_the_one_place():
    """A sandbox sends its webhooks to us, it is nobody's but its own; and an image's health check asks its own container."""
    found = set()
    for room in ("schemas", "connectors", "projections", "streams", "deploy"):
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if called.endswith(
                    ("ClientSession", "TCPConnector", "urlopen", "HTTPConnection", "aiohttp.request")
                ):
                    found.add(str(file.relative_to(ROOT)))
    assert found == {"connectors/outbound.py", "connectors/emitter.py", "deploy/alive.py"}
