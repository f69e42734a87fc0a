"""The topics as Strimzi's custom resources, out of the table of topics and the settings of the cluster they are for.

`python -m deploy.topics` writes `deploy/kubernetes/topics.yaml`; a test says when that is due.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from schemas.topics import TOPICS, Topic

FOLDER = Path(__file__).with_name("kubernetes")
HEAD = "# Written by `python -m deploy.topics` from schemas/topics.py and onhand.toml: change those, and run it again.\n"
KEPT = """apiVersion: kafka.strimzi.io/v1
kind: KafkaTopic
metadata:
  name: {resource}
  labels:
    strimzi.io/cluster: log
spec:
  topicName: {name}
  partitions: {partitions}
  replicas: {replicas}
  config:
{config}"""


def manifest(topic: Topic, prefix: str, partitions: int, replicas: int) -> str:
    """One topic."""
    lines = {**topic.config, "min.insync.replicas": str(min(2, replicas))}
    return KEPT.format(
        resource=f"{prefix}{topic.name}".replace(".", "-").replace("_", "-").lower(),
        name=json.dumps(f"{prefix}{topic.name}"),
        partitions=partitions,
        replicas=replicas,
        config="".join(f"    {name}: {json.dumps(value)}\n" for name, value in sorted(lines.items())),
    )


def manifests(toml: str) -> str:
    """All topics of an installation with such an `onhand.toml`."""
    kafka = tomllib.loads(toml).get("kafka", {})
    many = kafka.get("partitions", 4), kafka.get("replication", 1)
    return HEAD + "---\n".join(manifest(topic, kafka.get("prefix", ""), *many) for topic in TOPICS)


if __name__ == "__main__":
    said = (FOLDER / "onhand.toml").read_text(encoding="utf-8")
    (FOLDER / "topics.yaml").write_text(manifests(said), encoding="utf-8")
