"""deploy/README.md: from nothing to two workers, as it stands there; and what it says about this repository is so."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from containers import Container
from documented import ROOT, blocks, elsewhere, typed
from named import SECRETS, settings

from connectors.registry import CONNECTORS
from deploy.engines import remove
from deploy.processes import free_port

PAGE = ROOT / "deploy" / "README.md"
MACHINE, DOCKER, KUBERNETES = blocks(PAGE)


@pytest.mark.engines
@pytest.mark.system
def test_given_the_handbook_line_by_line_then_two_workers_share_the_work_and_everything_is_right(tmp_path):
    script, _ = elsewhere(MACHINE, ("8765",))
    try:
        done = typed(script, tmp_path, within=200.0)
    finally:
        remove(tmp_path / "onhand" / ".onhand" / "engines")
    assert done.returncode == 0, done.stdout + done.stderr
    members = re.findall(r"^onhand +\S*(worker-\d)\S* .* (\d+) *$", done.stdout, re.MULTILINE)
    assert {name for name, _ in members} == {"worker-0", "worker-1"}, done.stdout
    assert all(int(partitions) > 0 for _, partitions in members)
    assert '{"accepted":true,"transaction":' in done.stdout
    assert re.search(r"SOHO +│ +12 │ +0 │ +12", done.stdout), done.stdout
    assert "· Onhand</title>" in done.stdout
    assert "every number is right" in done.stdout


# -- Docker

PARTS = ("serve", "worker-0", "worker-1")


def engine_answers() -> bool:
    docker = shutil.which("docker")
    asked = [[docker, "compose", "version"], [docker, "info"]]
    return docker is not None and not any(
        subprocess.run(one, capture_output=True, check=False).returncode for one in asked
    )


@pytest.mark.system
@pytest.mark.timeout(1_800)
def test_given_a_docker_engine_then_the_handbooks_commands_bring_two_workers_and_the_dashboards(tmp_path):
    if not engine_answers():
        pytest.skip(
            "no Docker engine answers: what compose.yaml says of our own parts is done without one, below"
        )
    compose = ["docker", "compose", "--file", str(ROOT / "deploy/compose.yaml")]
    project = f"onhand-test-{uuid.uuid4().hex[:8]}"  # what this machine runs under the name in compose.yaml is not ours
    try:
        done = typed(DOCKER, tmp_path, within=1_700.0, COMPOSE_PROJECT_NAME=project)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "every number is right" in done.stdout
    finally:
        own = {"COMPOSE_PROJECT_NAME": project, "ONHAND_HOME": str(tmp_path)}
        env = {**os.environ, **own, "ONHAND_POSTGRES_PASSWORD": "gone"}
        subprocess.run([*compose, "down", "--volumes"], env=env, check=False)


@dataclass
class Composed:
    """compose.yaml without an engine: our own parts in the image's root, as it says, beside engines that run already.

    The parts share this machine's network here, so each gets ports of its own. Prometheus and Grafana are not here.
    """

    image: Container
    env: dict[str, str]
    engines: dict[str, str]
    logs: Path
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        text = (ROOT / "deploy/compose.yaml").read_text()
        needed = set(re.findall(r"\$\{(\w+):\?", text))
        assert needed <= self.env.keys(), "the handbook does not set what compose.yaml needs"
        text = re.sub(r"\$\{(\w+)(?::[?-][^}]*)?\}", lambda name: self.env.get(name[1], ""), text)
        self.services = yaml.safe_load(text)["services"]
        self.ports = {
            name: {"SERVE__PORT": free_port(), "WORKER__METRICS_PORT": free_port()} for name in PARTS
        }

    def environment(self, name: str) -> dict[str, str]:
        ports = {f"ONHAND_{setting}": str(port) for setting, port in self.ports[name].items()}
        return {**self.services[name]["environment"], **ports, **self.engines}

    def up(self) -> None:
        self.image.forget()
        for volume in self.services["serve"]["volumes"]:
            source, target, *only = volume.split(":")
            if only == ["ro"]:
                shutil.copy(source, self.image.root / target[1:])
        for name in PARTS:
            command = self.services[name]["command"]
            log = self.logs / f"{name}.log"
            self.running[name] = self.image.start("onhand", *command, env=self.environment(name), log=log)
        for name, process in self.running.items():
            assert process.stdout.readline().startswith("ready"), (self.logs / f"{name}.log").read_text()[
                -2_000:
            ]

    def inside(self, name: str, *words: str) -> None:
        command, _, into = " ".join(words).partition(" > ")
        done = self.image.run(*command.split(), read_only=True, env=self.environment(name))
        assert done.returncode == 0, done.stdout + done.stderr
        if into:
            Path(into.replace("~", self.env["HOME"])).write_text(done.stdout)
        else:
            self.said.append(done.stdout)

    def stop(self) -> None:
        while self.running:
            self.image.stop(self.running.popitem()[1])

    def do(self, line: str) -> None:
        """What one line of the handbook tells Docker to do."""
        match shlex.split(line):
            case ["docker", "compose", "--file", "deploy/compose.yaml", "up", *options]:
                assert set(options) == {"--build", "--detach", "--wait"}
                self.up()
            case ["docker", "compose", "--file", "deploy/compose.yaml", "exec", "-T", name, *command]:
                self.inside(name, *command)
            case ["docker", "compose", "--file", "deploy/compose.yaml", "stop"]:
                self.stop()
            case _:
                raise AssertionError(f"nobody knows how to do this without Docker: {line}")


@pytest.fixture
def apart(addresses, databases) -> Iterator[dict[str, str]]:
    """Where the engines of the run are, with topics and a database of one's own, in place of compose's."""
    with databases() as dsn:
        password = urlsplit(dsn).password
        yield {
            "ONHAND_KAFKA__ADDRESS": addresses.bootstrap,
            "ONHAND_KAFKA__PREFIX": f"t{uuid.uuid4().hex[:8]}.",
            "ONHAND_POSTGRES__ADDRESS": dsn.replace(f":{password}@", "@"),
            "ONHAND_POSTGRES_PASSWORD": password,
        }


@pytest.mark.engines
@pytest.mark.system
@pytest.mark.timeout(900)
def test_given_no_engine_then_what_the_handbook_tells_docker_is_done_as_compose_says(image, apart, tmp_path):
    lines = DOCKER.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith("docker"))
    before = typed("".join(lines[:first]) + "env -0\n", tmp_path)
    assert before.returncode == 0, before.stderr
    env = dict(one.split("=", 1) for one in before.stdout.split("\0") if "=" in one)
    composed = Composed(image, env, apart, tmp_path)
    try:
        for line in lines[first:]:
            composed.do(line)
    finally:
        composed.stop()
    [verified] = composed.said
    assert "every number is right" in verified
    assert len((tmp_path / "onhand" / "admin-key").read_text().strip()) >= 32
    assert composed.running == {}


# -- Kubernetes


def test_given_kubectl_then_the_handbooks_manifests_are_rendered_and_applied_where_a_cluster_answers(
    tmp_path,
):
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl: tests/deploy renders and checks the manifests without it")
    first, _, rest = KUBERNETES.partition("\n")
    done = typed(first.replace("> onhand.yaml", f"> {tmp_path}/onhand.yaml"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "kind: StatefulSet" in (tmp_path / "onhand.yaml").read_text()
    if os.environ.get("ONHAND_TEST_CLUSTER") != "mine":
        pytest.skip("rendered; ONHAND_TEST_CLUSTER=mine says that kubectl's cluster is there to be tested on")
    done = typed(rest.replace("onhand.yaml", f"{tmp_path}/onhand.yaml"), tmp_path, within=900.0)
    assert done.returncode == 0, done.stdout + done.stderr


def test_given_the_handbook_then_every_command_in_it_is_in_a_block_that_a_test_types():
    fenced = re.findall(r"^```(\w*)$", PAGE.read_text(), re.MULTILINE)
    assert fenced == ["bash", "", "bash", "", "bash", ""]


OF_COMPOSE = {"ONHAND_HOME", "ONHAND_GRAFANA_PASSWORD"}
OF_CHANNELS = {
    f"ONHAND_{channel}_{name.removesuffix('?')}".upper()
    for channel, platform in {"web": "shopify"}.items()
    for name in CONNECTORS[platform].secrets
}


def test_given_a_variable_in_the_handbook_then_somebody_reads_it():
    named = set(re.findall(r"\bONHAND_[A-Z][A-Z_]*[A-Z]\b", PAGE.read_text()))
    assert len(named) > 10
    assert named - SECRETS - settings() - OF_CHANNELS - OF_COMPOSE == set()


def test_given_a_file_that_the_handbook_names_then_it_is_there():
    text = PAGE.read_text()
    tests = set(re.findall(r"`(tests/[\w/.]+\.py)`", text))
    assert len(tests) > 15
    assert [name for name in sorted(tests) if not (ROOT / name).is_file()] == []
    beside = re.findall(r"`((?:kubernetes|grafana|prometheus)/[\w.]*)`", text)
    assert [name for name in beside if not (PAGE.parent / name).exists()] == []
