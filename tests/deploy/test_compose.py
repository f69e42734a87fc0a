"""compose.yaml says what the code says: the same Kafka, the same settings, and nobody but this machine gets in."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from named import SECRETS, settings

from deploy import kafka

FOLDER = Path(kafka.__file__).parent
TEXT = (FOLDER / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
OURS = ("serve", "worker-0", "worker-1")


def variable(name: str) -> str:
    """What the image of Apache Kafka calls a property."""
    return "KAFKA_" + name.upper().replace(".", "_")


HERE = {
    *("listeners", "advertised.listeners", "listener.security.protocol.map"),
    *("controller.quorum.voters", "log.dirs"),
}
"""What each way of running Kafka says for itself."""


def test_given_compose_then_its_kafka_has_the_properties_of_the_embedded_one_and_no_others():
    said = SERVICES["kafka"]["environment"]
    same = kafka.PROPERTIES.keys() - HERE
    assert {name: said.get(variable(name)) for name in same} == {
        name: kafka.PROPERTIES[name] for name in same
    }
    assert said.keys() == {variable(name) for name in {*kafka.PROPERTIES, *HERE}}


def test_given_compose_then_its_kafka_is_the_version_that_the_pom_pins():
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka.version()}"


@pytest.mark.parametrize("name", SERVICES)
def test_given_an_image_then_its_version_is_exact(name):
    assert re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_given_a_port_then_it_is_on_loopback(name):
    assert [port for port in SERVICES[name].get("ports", ()) if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", ["kafka", "postgres"])
def test_given_a_server_then_it_keeps_its_data_in_a_volume_and_says_when_it_is_ready(name):
    its = SERVICES[name]
    assert any(volume.startswith(f"{name}:/var/lib/") for volume in its["volumes"])
    assert name in COMPOSE["volumes"]
    assert its["healthcheck"]["test"]


def test_given_compose_then_kafkas_data_and_addresses_are_where_the_volume_the_port_and_the_workers_are():
    said = SERVICES["kafka"]["environment"]
    assert f"kafka:{said['KAFKA_LOG_DIRS']}" in SERVICES["kafka"]["volumes"]
    assert said["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:9092,INSIDE://kafka:19092"
    for name in OURS:
        assert (
            f"INSIDE://{SERVICES[name]['environment']['ONHAND_KAFKA__ADDRESS']}"
            in said["KAFKA_ADVERTISED_LISTENERS"]
        )


def test_given_compose_then_the_password_comes_from_the_environment_or_nothing_starts():
    its = SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert its.startswith("${ONHAND_POSTGRES_PASSWORD:?")
    assert {SERVICES[name]["environment"]["ONHAND_POSTGRES_PASSWORD"] for name in OURS} == {its}


@pytest.mark.parametrize("name", OURS)
def test_given_a_part_of_ours_then_every_variable_is_a_setting_or_a_secret_of_the_code(name):
    said = SERVICES[name]["environment"]
    unknown = {one for one in said if one not in SECRETS and one not in settings()}
    assert unknown == set()


@pytest.mark.parametrize("name", OURS)
def test_given_a_part_of_ours_then_it_may_write_to_its_volume_alone_and_has_no_privilege(name):
    its = SERVICES[name]
    assert (its["read_only"], its["cap_drop"], its["tmpfs"]) == (True, ["ALL"], ["/tmp"])
    assert its["security_opt"] == ["no-new-privileges:true"]
    assert [one.partition(":")[0] for one in its["volumes"] if not one.endswith(":ro")] == ["onhand"]


def test_given_two_workers_then_each_has_a_name_of_its_own_and_prometheus_asks_both():
    names = [SERVICES[name]["command"][-1] for name in OURS[1:]]
    assert names == ["worker-0", "worker-1"]
    scraped = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    targets = {target for job in scraped for group in job["static_configs"] for target in group["targets"]}
    port = SERVICES["worker-0"]["environment"]["ONHAND_WORKER__METRICS_PORT"]
    assert targets == {"serve:8765", *(f"{name}:{port}" for name in OURS[1:])}
    for name in OURS[1:]:
        assert SERVICES[name]["healthcheck"]["test"][-1] == port


def test_given_a_file_that_is_mounted_from_here_then_it_is_here():
    volumes = [volume for its in SERVICES.values() for volume in its.get("volumes", ())]
    mounted = [volume.partition(":")[0] for volume in volumes if volume.startswith("./")]
    assert len(mounted) == 4
    assert [one for one in mounted if not (FOLDER / one).exists()] == []


WAITS = FOLDER / "kubernetes" / "await-space.sh"


def on_a_small_disk(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Runs a script with a disk of 80 MB mounted on `folder`, of which 40 are taken for the first two seconds."""
    folder.mkdir()
    quick = folder.parent / "await-space.sh"
    quick.write_text(WAITS.read_text().replace("sleep 5", "sleep 0.2"))
    inside = (
        f"mount -t tmpfs -o size=80m tmpfs {folder}; head -c 40M /dev/zero > {folder}/taken\n"
        f"(sleep 2; rm {folder}/taken) &\n{script}"
    )
    return subprocess.run(
        ["unshare", "--mount", "--map-root-user", "bash", "-ec", inside],
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "script",
    [
        "sh await-space.sh {disk} 64 echo started",
        "export BASH_ENV=await-space.sh ONHAND_SPACE='{disk} 64'; bash ./kafka_run.sh",
    ],
)
def test_given_a_full_disk_then_kafka_is_started_when_there_is_room_and_not_before(tmp_path, script):
    disk = tmp_path / "disk"
    (tmp_path / "kafka_run.sh").write_text("echo started\n")
    began = time.monotonic()
    done = on_a_small_disk(disk, script.format(disk=disk))
    if "unshare" in done.stderr:
        pytest.skip(f"this kernel lets nobody mount: {done.stderr.strip()}")
    assert (done.returncode, done.stdout) == (0, "started\n"), done.stderr
    assert time.monotonic() - began > 1.5
    assert re.search(r"waiting: \S+ has 40 MB of room, Kafka starts with 64", done.stderr)


def test_given_another_script_in_that_container_then_it_waits_for_nothing(tmp_path):
    (tmp_path / "kafka_liveness.sh").write_text("echo alive\n")
    script = "export BASH_ENV=await-space.sh ONHAND_SPACE='{disk} 64'; bash ./kafka_liveness.sh"
    done = on_a_small_disk(tmp_path / "disk", script.format(disk=tmp_path / "disk"))
    if "unshare" in done.stderr:
        pytest.skip(f"this kernel lets nobody mount: {done.stderr.strip()}")
    assert (done.stdout, done.stderr) == ("alive\n", "")


def test_given_compose_then_kafka_starts_by_what_waits_and_then_as_its_image_says():
    its = SERVICES["kafka"]
    shell, script, folder, megabytes = its["entrypoint"]
    assert (shell, folder, int(megabytes) >= 64) == ("/bin/sh", its["environment"]["KAFKA_LOG_DIRS"], True)
    assert f"./kubernetes/await-space.sh:{script}:ro" in its["volumes"]
    assert its["command"] == ["/etc/kafka/docker/run"]
