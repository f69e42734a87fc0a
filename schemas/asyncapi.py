"""The AsyncAPI 3 document of the topics: what stands in which, under which keys and headers, and how long."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from schemas.topics import TOPICS, Topic

VERSION = "3.0.0"
BINDING = "0.5.0"
"""Of AsyncAPI, and of its description of Kafka."""

JSON_SCHEMA = "application/schema+json;version=draft-2020-12"

ABOUT = """Every topic of Onhand. Values are JSON with a published, versioned schema; headers are CloudEvents 1.0 in Kafka's binary mode.

Clients may read all of them. Only Onhand writes: what others have to say comes in by webhooks, polls and the HTTP API. A configured
prefix stands before each name. A shape that was ever written can be read for ever: fields are added, and none changes its meaning.
"""


def asyncapi(
    topics: tuple[Topic, ...], name_of: Callable[[Topic], str], examples: Mapping[str, Any]
) -> dict[str, Any]:
    """The document. `name_of` is what a topic's schema is called, `examples` are values by that name."""
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Onhand",
            "version": "1",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{address}",
                "protocol": "kafka",
                "description": "The Kafka of the installation: `[kafka] address` in onhand.toml.",
                "variables": {"address": {"default": "localhost:9092"}},
            }
        },
        "channels": {topic.name: _channel(topic, name_of(topic)) for topic in topics},
        "operations": {f"write-{topic.name}": _operation(topic, name_of(topic)) for topic in topics},
        "components": {
            "messages": {
                name_of(topic): _message(topic, name_of(topic), examples[name_of(topic)]) for topic in topics
            }
        },
    }


def _channel(topic: Topic, name: str) -> dict[str, Any]:
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"{_first(topic)} Keyed by {topic.key}; {_kept(topic)}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": BINDING,
            }
        },
    }


def _operation(topic: Topic, name: str) -> dict[str, Any]:
    channel = f"#/channels/{topic.name}"
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "summary": f"Onhand writes {topic.name}.",
        "messages": [{"$ref": f"{channel}/messages/{name}"}],
    }


def _message(topic: Topic, name: str, example: Any) -> dict[str, Any]:
    return {
        "name": topic.event,
        "title": topic.holds.__name__,
        "summary": _first(topic),
        "contentType": "application/json",
        "headers": headers_schema(topic),
        "payload": {"schemaFormat": JSON_SCHEMA, "schema": {"$ref": f"./{name}.json"}},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"{topic.key}, as UTF-8"},
                "bindingVersion": BINDING,
            }
        },
        "examples": [{"payload": example}],
    }


def headers_schema(topic: Topic) -> dict[str, Any]:
    """The JSON Schema of the headers of a topic's records, as UTF-8 texts."""
    properties: dict[str, dict[str, str]] = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"description": "Unique with the source."},
        "ce_type": {"const": topic.event},
        "ce_source": {
            "pattern": "^/onhand/",
            "description": "The channel whose document it is about, or the part of Onhand that says it.",
        },
        "ce_time": {"format": "date-time", "description": "When it happened, UTC."},
        "content-type": {"const": "application/json"},
    }
    followed = {
        "traceparent": {"description": "W3C Trace Context, where somebody follows what came of a document."}
    }
    return {
        "type": "object",
        "properties": {name: {"type": "string", **its} for name, its in {**properties, **followed}.items()},
        "required": list(properties),
    }


def _first(topic: Topic) -> str:
    """What a topic holds, in a sentence."""
    return (topic.holds.__doc__ or "").strip().partition("\n")[0]


def _kept(topic: Topic) -> str:
    compacted = topic.config["cleanup.policy"] == "compact"
    return "the newest of each key is kept" if compacted else "kept for ever"


def _configuration(topic: Topic) -> dict[str, Any]:
    """A topic's configuration as AsyncAPI has it: policies in a list, numbers as numbers."""
    said: dict[str, Any] = {}
    for name, value in topic.config.items():
        if name == "cleanup.policy":
            said[name] = value.split(",")
        elif name in {"retention.ms", "retention.bytes", "delete.retention.ms", "max.message.bytes"}:
            said[name] = int(value)
    return said


def kept_examples(folder: Path, name_of: Callable[[Topic], str]) -> dict[str, Any]:
    """Of each topic the first value of those that are kept as examples."""
    return {
        name_of(topic): json.loads(min(folder.glob(f"{name_of(topic)}.*.json")).read_bytes())
        for topic in TOPICS
    }
