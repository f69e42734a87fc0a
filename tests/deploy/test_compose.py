from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deploy import kafka

COMPOSE = Path(kafka.__file__).with_name("compose.yaml").read_text()


def service(name: str) -> str:
    """The lines of one service."""
    found = re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", COMPOSE, re.MULTILINE)
    assert found is not None
    return found[1]


def environment(name: str) -> dict[str, str]:
    """The environment of a service. Every line is `NAME: "value"`: YAML that reads as JSON does, strings only."""
    found = re.search(r"^    environment:\n((?:      .*\n)+)", service(name), re.MULTILINE)
    assert found is not None
    lines = [line.strip() for line in found[1].splitlines() if not line.strip().startswith("#")]
    pairs = [line.partition(": ") for line in lines]
    values = {key: json.loads(value) for key, _, value in pairs}
    assert len(values) == len(pairs), "a name stands twice"
    assert all(isinstance(value, str) for value in values.values())
    return values


def variable(name: str) -> str:
    """What the image of Apache Kafka calls a property."""
    return "KAFKA_" + name.upper().replace(".", "_")


HERE = {"listeners", "advertised.listeners", "controller.quorum.voters", "log.dirs"}
"""What each way of running Kafka says for itself."""


def test_given_compose_then_its_kafka_has_the_properties_of_the_embedded_one_and_no_others():
    said = environment("kafka")
    assert {name: said.get(variable(name)) for name in kafka.PROPERTIES} == dict(kafka.PROPERTIES)
    assert said.keys() == {variable(name) for name in {*kafka.PROPERTIES, *HERE}}


def test_given_compose_then_its_kafka_is_the_version_that_the_pom_pins():
    assert f'image: "apache/kafka:{kafka.version()}"' in service("kafka")


@pytest.mark.parametrize(("name", "port"), [("kafka", 9092), ("postgres", 5432)])
def test_given_compose_then_each_server_is_on_loopback_only_keeps_its_data_and_says_when_it_is_ready(
    name, port
):
    lines = service(name)
    ports = re.search(r"^    ports:\n((?:      .*\n)+)", lines, re.MULTILINE)
    assert ports[1] == f'      - "127.0.0.1:{port}:{port}"\n'
    assert f'- "{name}:/var/lib/' in lines
    assert re.search(rf"^volumes:\n(?:  \w+:\n)*  {name}:\n", COMPOSE, re.MULTILINE)
    assert "healthcheck:\n      test:" in lines


def test_given_compose_then_kafkas_data_and_address_are_where_the_volume_and_the_port_are():
    said = environment("kafka")
    assert f"kafka:{said['KAFKA_LOG_DIRS']}" in service("kafka")
    assert said["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:9092"


def test_given_compose_then_the_password_comes_from_the_environment_or_nothing_starts():
    assert environment("postgres")["POSTGRES_PASSWORD"].startswith("${ONHAND_POSTGRES_PASSWORD:?")
