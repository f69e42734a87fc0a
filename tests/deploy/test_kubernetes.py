"""The manifests: rendered, valid by the schemas of Kubernetes and of the operators, and at one with the code.

The schemas are public (Kubernetes 1.34, Strimzi, CloudNativePG, KEDA; all Apache-2.0); `about` in them says which.
"""

from __future__ import annotations

import copy
import gzip
import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from jsonschema_rs import Draft202012Validator
from named import SECRETS, settings

from deploy import kafka
from deploy.topics import FOLDER, manifests
from schemas.topics import TOPICS
from streams.settings import load

SCHEMAS = json.loads(gzip.decompress(Path(__file__).with_name("kubernetes.json.gz").read_bytes()))
TOML = tomllib.loads((FOLDER / "onhand.toml").read_text())
PARTITIONS = TOML["kafka"]["partitions"]
Document = dict[str, Any]


def tool() -> list[str] | None:
    """What renders a kustomization here, if anything does."""
    for command in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(command[0]):
            return command
    return None


def merged() -> list[Document]:
    """What kustomize makes of our one folder: it has no patches, so the resources, the generated ones, and a namespace for each."""
    said = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    assert said.keys() == {"apiVersion", "kind", "namespace", "resources", "images", "configMapGenerator"}
    found = [one for file in said["resources"] for one in yaml.safe_load_all((FOLDER / file).read_text())]
    for one in said["configMapGenerator"]:
        data = {file: (FOLDER / file).read_text() for file in one.get("files", ())}
        data |= dict(literal.split("=", 1) for literal in one.get("literals", ()))
        found.append(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": one["name"]}, "data": data}
        )
    text = json.dumps(found)
    for image in said["images"]:
        text = text.replace(f'"image": "{image["name"]}"', f'"image": "{image["name"]}:{image["newTag"]}"')
    documents = json.loads(text)
    for one in documents:
        if one["kind"] != "Namespace":
            one["metadata"]["namespace"] = said["namespace"]
    return documents


def named(documents: list[Document]) -> dict[tuple[str, str], Document]:
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


@pytest.fixture(scope="module")
def rendered() -> list[Document]:
    command = tool()
    if command is None:
        return merged()
    done = subprocess.run([*command, str(FOLDER)], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def by_name(rendered) -> dict[tuple[str, str], Document]:
    return named(rendered)


def faults(document: Document) -> list[str]:
    """What the schema of its kind says against a document."""
    schema = SCHEMAS["kinds"][f"{document['apiVersion']} {document['kind']}"]
    checked = Draft202012Validator({**schema, "$defs": SCHEMAS["$defs"]})
    return [f"{error.instance_path}: {error.message}" for error in checked.iter_errors(document)]


def test_given_the_folder_then_every_file_of_it_is_rendered_and_every_document_is_valid(rendered):
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert {*listed, "kustomization.yaml"} == {file.name for file in FOLDER.glob("*.yaml")}
    found = {f"{one['kind']}/{one['metadata']['name']}": faults(one) for one in rendered}
    assert len(found) == len(rendered) > 30
    assert {name: said for name, said in found.items() if said} == {}


def test_given_kustomize_then_what_it_renders_is_what_the_merge_here_makes(rendered):
    if tool() is None:
        pytest.skip("neither kustomize nor kubectl is here: the merge is all there is")
    hashed = next(
        one["metadata"]["name"] for one in rendered if one["metadata"]["name"].startswith("onhand-")
    )
    theirs = json.loads(json.dumps(rendered).replace(f'"{hashed}"', '"onhand"'))
    assert named(theirs) == named(merged())


@pytest.mark.parametrize(
    ("kind", "name", "path", "value"),
    [
        ("StatefulSet", "worker", ("spec", "replicaz"), 2),
        (
            "StatefulSet",
            "worker",
            ("spec", "template", "spec", "containers", 0, "livenessProbe", "httpGett"),
            {},
        ),
        ("Deployment", "serve", ("spec", "replicas"), "two"),
        ("Kafka", "log", ("spec", "kafka", "listeners", 0, "authentication", "type"), "scram"),
        ("KafkaTopic", "claims", ("spec", "partition"), 3),
        ("KafkaUser", "onhand", ("spec", "authorization", "acls", 0, "operations"), ["Append"]),
        ("Cluster", "projections", ("spec", "storage", "siize"), "1Gi"),
        ("ScaledObject", "worker", ("spec", "maxReplicas"), 2),
        ("NetworkPolicy", "onhand", ("spec", "egres"), []),
    ],
)
def test_given_a_slip_in_a_manifest_then_the_schema_of_its_kind_sees_it(by_name, kind, name, path, value):
    wrong = copy.deepcopy(by_name[kind, name])
    at = wrong
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    assert faults(by_name[kind, name]) == []
    assert faults(wrong) != []


# -- at one with the code


def test_given_the_topics_then_they_are_those_of_the_table_as_the_settings_want_them(by_name):
    text = (FOLDER / "onhand.toml").read_text()
    assert (FOLDER / "topics.yaml").read_text() == manifests(text), "run: python -m deploy.topics"
    found = {
        one["spec"]["topicName"]: one["spec"] for (kind, _), one in by_name.items() if kind == "KafkaTopic"
    }
    assert found.keys() == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        its = found[topic.name]
        assert (its["partitions"], its["replicas"]) == (PARTITIONS, TOML["kafka"]["replication"])
        assert its["config"].items() >= topic.config.items()


def test_given_the_settings_then_the_code_reads_them_and_finds_servers_users_and_files_under_these_names(
    by_name,
):
    found = load(FOLDER / "onhand.toml")
    kafka_says = by_name["Kafka", "log"]["spec"]["kafka"]
    listener = kafka_says["listeners"][0]
    assert found.kafka.address == f"log-kafka-bootstrap:{listener['port']}"
    assert (found.kafka.tls, found.kafka.mechanism.lower()) == (
        listener["tls"],
        listener["authentication"]["type"],
    )
    assert ("KafkaUser", found.kafka.username) in by_name
    assert kafka_says["version"] == kafka.version()
    address = urlsplit(found.postgres.address)
    initdb = by_name["Cluster", "projections"]["spec"]["bootstrap"]["initdb"]
    assert (address.hostname, address.username, address.path[1:]) == (
        "projections-rw",
        initdb["owner"],
        initdb["database"],
    )
    asked = parse_qs(address.query)
    assert asked["sslmode"] == ["verify-full"]
    for pod in pods(by_name):
        assert {str(found.kafka.ca), asked["sslrootcert"][0]} <= mounted_files(pod)


def pods(by_name: dict[tuple[str, str], Document]) -> list[Document]:
    return [
        by_name[one]["spec"]["template"]["spec"]
        for one in (("StatefulSet", "worker"), ("Deployment", "serve"))
    ]


def mounted_files(pod: Document) -> set[str]:
    """The files that secrets bring into a pod."""
    places = {one["name"]: one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    return {
        f"{places[one['name']]}/{item['path']}"
        for one in pod["volumes"]
        if "secret" in one
        for item in one["secret"]["items"]
    }


def test_given_a_variable_of_a_pod_then_the_code_knows_it_and_a_file_it_names_is_mounted(by_name):
    for pod in pods(by_name):
        said = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
        assert {name for name in said if name.startswith("ONHAND")} <= SECRETS | settings()
        assert {value for name, value in said.items() if name.endswith("_FILE")} <= mounted_files(pod)


def test_given_secrets_then_pods_name_them_and_no_manifest_holds_one(by_name):
    assert [name for kind, name in by_name if kind == "Secret"] == []
    users = {name for kind, name in by_name if kind == "KafkaUser"}
    kept = {*users, "log-cluster-ca-cert", "projections-app", "projections-ca"}  # made by the operators
    for pod in pods(by_name):
        assert {one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one} <= kept
    asks = by_name["TriggerAuthentication", "log"]["spec"]
    assert {one["name"] for one in asks["secretTargetRef"]} <= kept


def test_given_the_lag_then_there_are_never_more_workers_than_partitions(by_name):
    its = by_name["ScaledObject", "worker"]["spec"]
    assert its["scaleTargetRef"]["name"] == "worker"
    assert its["maxReplicaCount"] == PARTITIONS
    [trigger] = its["triggers"]
    assert trigger["metadata"]["allowIdleConsumers"] == "false"
    assert trigger["metadata"]["consumerGroup"] == f"{load(FOLDER / 'onhand.toml').kafka.prefix}onhand"
    assert trigger["metadata"]["bootstrapServers"] == TOML["kafka"]["address"]
    assert "replicas" not in by_name["StatefulSet", "worker"]["spec"], "KEDA says how many there are"


def test_given_a_worker_then_its_name_and_its_disk_are_its_own_for_ever(by_name):
    its = by_name["StatefulSet", "worker"]["spec"]
    [container] = its["template"]["spec"]["containers"]
    assert container["args"] == ["worker", "--name", "$(POD_NAME)"]
    assert container["env"][0]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert its["persistentVolumeClaimRetentionPolicy"] == {"whenScaled": "Retain", "whenDeleted": "Retain"}
    [claim] = its["volumeClaimTemplates"]
    places = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert places[claim["metadata"]["name"]] == "/var/lib/onhand"


@pytest.mark.parametrize(("kind", "name"), [("StatefulSet", "worker"), ("Deployment", "serve")])
def test_given_a_pod_then_it_is_restricted_and_says_how_it_is(by_name, kind, name):
    """As the standard `restricted` asks: https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    pod = by_name[kind, name]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    port = TOML["serve"]["port"] if name == "serve" else TOML["worker"]["metrics_port"]
    assert container["ports"][0]["containerPort"] == port
    assert by_name["Service", name]["spec"]["ports"][0]["port"] == port
    probes = {
        one: container[one]["httpGet"]["path"] for one in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert probes == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert {"requests", "limits"} == container["resources"].keys()
    version = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text())["project"]["version"]
    assert container["image"] == f"onhand:{version}"


@pytest.mark.parametrize(("kind", "name"), [("StatefulSet", "worker"), ("Deployment", "serve")])
def test_given_a_pod_then_its_service_its_budget_and_its_network_find_it(by_name, kind, name):
    labels = by_name[kind, name]["spec"]["template"]["metadata"]["labels"].items()
    assert labels >= by_name["PodDisruptionBudget", name]["spec"]["selector"]["matchLabels"].items()
    assert labels >= by_name["Service", name]["spec"]["selector"].items()
    assert labels >= by_name["NetworkPolicy", "onhand"]["spec"]["podSelector"]["matchLabels"].items()
    assert by_name["NetworkPolicy", "onhand"]["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_given_the_network_then_what_is_ours_is_reached_by_its_labels_and_nothing_private_by_its_address(
    by_name,
):
    egress = by_name["NetworkPolicy", "onhand"]["spec"]["egress"]
    peers = {json.dumps(one["to"][0], sort_keys=True): one["ports"] for one in egress}
    assert peers['{"podSelector": {"matchLabels": {"strimzi.io/cluster": "log"}}}'] == [{"port": 9093}]
    assert peers['{"podSelector": {"matchLabels": {"cnpg.io/cluster": "projections"}}}'] == [{"port": 5432}]
    [outside] = [one["to"][0]["ipBlock"] for one in egress if "ipBlock" in one["to"][0]]
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= set(outside["except"])


def test_given_a_full_disk_then_kafka_stops_producers_before_and_does_not_start_on_it(by_name):
    its = by_name["Kafka", "log"]["spec"]["kafka"]
    assert its["quotas"]["type"] == "strimzi"
    assert its["quotas"]["minAvailableBytesPerVolume"] >= 1024**3
    container = its["template"]["kafkaContainer"]
    env = {one["name"]: one["value"] for one in container["env"]}
    [mount] = container["volumeMounts"]
    [volume] = its["template"]["pod"]["volumes"]
    config = by_name["ConfigMap", volume["configMap"]["name"]]
    assert [f"{mount['mountPath']}/{file}" for file in config["data"]] == [env["BASH_ENV"]]
    [disk] = by_name["KafkaNodePool", "brokers"]["spec"]["storage"]["volumes"]
    assert env["ONHAND_SPACE"].split() == [f"/var/lib/kafka/data-{disk['id']}", "64"]


def test_given_postgresql_then_nobody_reaches_it_without_tls(by_name):
    rules = by_name["Cluster", "projections"]["spec"]["postgresql"]["pg_hba"]
    assert rules == ["hostssl onhand onhand all scram-sha-256", "hostnossl all all all reject"]


def test_given_kafka_then_an_acknowledged_record_is_on_two_brokers_and_no_topic_makes_itself(by_name):
    said = by_name["Kafka", "log"]["spec"]["kafka"]["config"]
    assert said["min.insync.replicas"] == 2
    assert (said["auto.create.topics.enable"], said["unclean.leader.election.enable"]) == (False, False)
    assert by_name["KafkaNodePool", "brokers"]["spec"]["replicas"] == 3
    assert str(said["message.max.bytes"]) == kafka.PROPERTIES["message.max.bytes"]
