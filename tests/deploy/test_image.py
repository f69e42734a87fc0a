"""The image: small, nobody's in particular, read-only. Built by an engine where one answers; without one its steps are run here."""

from __future__ import annotations

import re
import shutil
import subprocess
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from containers import Container, stages

from deploy import bom
from deploy.processes import free_port

ROOT = Path(bom.__file__).resolve().parents[1]
TEXT = (ROOT / "deploy" / "Dockerfile").read_text()
STAGES = stages(TEXT)
FINAL = STAGES[""]
USER = "10001:10001"


def said(verb: str, its: list | None = None) -> list[str]:
    return [one.rest for one in (FINAL if its is None else its) if one.verb == verb]


def test_given_the_dockerfile_then_its_base_is_an_exact_version_of_the_python_that_the_lock_is_for():
    named = re.findall(r"^FROM (\S+)|^ARG PYTHON=(\S+)", TEXT, re.MULTILINE)
    assert {one for pair in named for one in pair if one} == {"${PYTHON}", "python:3.11.14-slim-bookworm"}


def test_given_the_last_stage_then_it_is_nobody_has_one_volume_and_brings_no_tool_of_the_first():
    assert said("USER") == [USER]
    assert said("VOLUME") == said("WORKDIR") == ["/var/lib/onhand"]
    assert said("COPY") == ["--from=build /opt/onhand /opt/onhand"]
    assert not any("pip" in one for one in said("RUN"))


def test_given_an_installation_in_the_image_then_everything_has_its_hash():
    installs = [
        one for step in said("RUN", STAGES["build"]) for one in re.findall(r"pip .*?install [^&]+", step)
    ]
    assert len(installs) == 3
    assert [one for one in installs if "--require-hashes" not in one and "--no-index" not in one] == []


@pytest.mark.parametrize("file", bom.LOCKS)
def test_given_a_lock_of_the_image_then_it_is_what_the_one_lock_says(file):
    due = bom.lock_of(bom.LOCKS[file], bom.LOCK.read_text())
    assert (ROOT / file).read_text() == due, "run: python -m deploy.bom locks"


def test_given_what_the_image_is_built_from_then_no_state_and_no_environment_of_a_machine_is_sent_along():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    sources = {word for one in said("COPY", STAGES["build"]) for word in one.split()[:-1]}
    opened = {line[1:] for line in rules if line.startswith("!")}
    assert {source.partition("/")[0] for source in sources} == opened
    assert all((ROOT / one).exists() for one in sources)


# -- by an engine


def docker() -> str | None:
    found = shutil.which("docker")
    answers = found and subprocess.run([found, "info"], capture_output=True, check=False).returncode == 0
    return found if answers else None


@pytest.mark.timeout(1_200)
def test_given_an_engine_then_it_builds_the_image_and_the_image_runs_read_only():
    engine = docker()
    if engine is None:
        pytest.skip("no Docker engine answers: the steps are run without one, below")
    tag = f"onhand-test-{uuid.uuid4().hex[:8]}"
    subprocess.run([engine, "build", "--file", "deploy/Dockerfile", "--tag", tag, "."], cwd=ROOT, check=True)
    try:
        run = [engine, "run", "--rm", "--read-only", "--tmpfs", "/tmp", tag, "--help"]
        assert "worker" in subprocess.run(run, check=True, capture_output=True, text=True).stdout
        size = subprocess.run(
            [engine, "image", "inspect", "--format", "{{.Size}}", tag],
            check=True,
            capture_output=True,
            text=True,
        )
        assert int(size.stdout) < 600 * 1024 * 1024
    finally:
        subprocess.run([engine, "image", "rm", "--force", tag], check=False)


# -- without one


@pytest.fixture(scope="module")
def configured(image) -> Container:
    """The image with an `onhand.toml` where it looks for one, and nothing kept."""
    image.forget()
    (image.root / "etc/onhand/onhand.toml").write_text(
        f"[kafka]\npartitions = 2\n[serve]\nport = {free_port()}\n[locations.SOHO]\n"
    )
    return image


@pytest.mark.timeout(900)
def test_given_a_clean_root_then_the_steps_build_what_has_exactly_what_is_locked(image):
    listed = image.run(
        "python", "-c", "import importlib.metadata as m; print(*sorted({d.name for d in m.distributions()}))"
    )
    assert listed.returncode == 0, listed.stderr
    locked = bom.pins((ROOT / "deploy/image.lock").read_text()).keys()
    assert {bom.canonicalize_name(name) for name in listed.stdout.split()} == {"onhand", *locked}
    size = subprocess.run(["du", "-sm", str(image.root / "opt")], capture_output=True, text=True, check=True)
    assert int(size.stdout.split()[0]) < 450


def test_given_the_built_image_then_its_command_works_as_nobody_on_a_read_only_root(configured):
    entry, command = (next(one for one in FINAL if one.verb == verb).listed for verb in ("ENTRYPOINT", "CMD"))
    assert (entry, command) == (["onhand"], ["serve"])
    helped = configured.run(*entry, *command, "--help", read_only=True)
    assert (helped.returncode, "Run the server" in helped.stdout) == (0, True), helped.stderr
    who = configured.run("id", "-u", read_only=True)
    assert who.stdout.strip() == "10001"
    for path, may in {
        "/etc/onhand/x": False,
        "/opt/onhand/x": False,
        "/var/lib/onhand/x": True,
        "/tmp/x": True,
    }.items():
        assert (configured.run("touch", path, read_only=True).returncode == 0) is may, path


@pytest.mark.engines
@pytest.mark.system
def test_given_the_built_image_then_a_worker_and_a_server_become_ready_in_it_and_its_healthcheck_sees_that(
    configured, addresses, databases, tmp_path
):
    check = next(one for one in FINAL if one.verb == "HEALTHCHECK").listed
    port = re.search(
        r"^port = (\d+)", (configured.root / "etc/onhand/onhand.toml").read_text(), re.MULTILINE
    )[1]
    assert check[-1] == "8765"
    with databases() as dsn:
        password = urlsplit(dsn).password
        env = {
            "ONHAND_KAFKA__ADDRESS": addresses.bootstrap,
            "ONHAND_KAFKA__PREFIX": f"t{uuid.uuid4().hex[:8]}.",
            "ONHAND_POSTGRES__ADDRESS": dsn.replace(f":{password}@", "@"),
            "ONHAND_POSTGRES_PASSWORD": password,
            "ONHAND_WORKER__STORE": "rocksdict",
        }
        healthy = [*check[:-1], port]
        assert configured.run(*healthy).returncode == 1
        parts = [
            configured.start("onhand", "worker", env=env, log=tmp_path / "worker.log"),
            configured.start("onhand", "serve", env=env, log=tmp_path / "serve.log"),
        ]
        try:
            for part in parts:
                logs = "".join(file.read_text()[-2_000:] for file in tmp_path.glob("*.log"))
                assert part.stdout.readline().startswith("ready"), logs
            assert configured.run(*healthy).returncode == 0
            kept = Path(f"{configured.root}.volumes") / "var/lib/onhand/faust/worker-0"
            assert kept.stat().st_uid == 10001
        finally:
            for part in parts:
                configured.stop(part)
