"""Kafka is reached in one way by everything of ours."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pydantic import SecretStr

import streams
from streams.cluster import Cluster, access, faust_broker

HERE = Path(streams.__file__).parent
CLIENTS = {"AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient", "AIOKafkaClient"}
SIGNED = Cluster("one:9092,two:9092", user="onhand", password=SecretStr("hush"))


def calls(tree: ast.AST) -> list[ast.Call]:
    named = (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    return [call for call in named if call.func.id in CLIENTS]


def is_told(call: ast.Call) -> bool:
    """Whether the first thing a client is told is `**access(...)`."""
    told = [word.value for word in call.keywords if word.arg is None]
    return any(isinstance(one, ast.Call) and getattr(one.func, "id", "") == "access" for one in told)


def test_given_a_client_of_kafka_anywhere_then_it_is_told_how_by_the_one_place_that_knows():
    found = {
        f"{file.name}:{call.lineno}": is_told(call)
        for file in HERE.rglob("*.py")
        for call in calls(ast.parse(file.read_text()))
    }
    assert len(found) >= 8
    assert [where for where, told in found.items() if not told] == []
    spelled = {
        file.name
        for file in HERE.rglob("*.py")
        for word in ("bootstrap_servers", "kafka://")
        if word in file.read_text()
    }
    assert spelled == {"cluster.py"}


def test_given_an_address_alone_then_nothing_is_encrypted_and_nobody_signs_in():
    assert access("here:9092") == {
        "bootstrap_servers": "here:9092",
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }
    assert faust_broker("here:9092") == {"broker": ["kafka://here:9092"], "broker_credentials": None}


def test_given_a_user_then_aiokafka_and_faust_sign_in_alike():
    told, faust = access(SIGNED), faust_broker(SIGNED)
    its = faust["broker_credentials"]
    assert faust["broker"] == ["kafka://one:9092", "kafka://two:9092"]
    assert (its.protocol.value, its.mechanism.value) == (told["security_protocol"], told["sasl_mechanism"])
    assert (its.username, its.password) == (told["sasl_plain_username"], told["sasl_plain_password"])


@pytest.mark.parametrize("shown", [repr, str, "{}".format])
def test_given_a_cluster_that_is_printed_then_its_password_is_not(shown):
    assert "hush" not in shown(SIGNED)
    assert "hush" not in shown(faust_broker(SIGNED))
