"""The published JSON Schemas, and the AsyncAPI document of the topics: what any client may rely on in every one.

`python -m schemas.publish` writes them anew; a test compares them with the code.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from schemas.asyncapi import asyncapi, kept_examples
from schemas.codec import adapter
from schemas.topics import TOPICS, Topic

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PUBLISHED = Path(__file__).parent / "published"
ASYNCAPI = "asyncapi.json"
EXAMPLES = Path(__file__).parent / "examples"


def schema_name(topic: Topic) -> str:
    """The name of what a topic holds, with its version: `channel-quantity.v1`."""
    version = topic.event.rpartition(".")[2]
    return f"{re.sub(r'(?<!^)(?=[A-Z])', '-', topic.holds.__name__).lower()}.{version}"


def schema(topic: Topic) -> dict[str, Any]:
    """The JSON Schema of a topic's value. Fields that may be None are left out when they are."""
    generated = adapter(topic.holds).json_schema()
    described = generated.pop("description")
    return {
        "$schema": DIALECT,
        "$id": f"urn:onhand:schema:{schema_name(topic)}",
        "title": generated.pop("title"),
        "description": f"{described}\n\nThe value of the topic `{topic.name}`, keyed by {topic.key}.",
        **generated,
    }


def documents() -> dict[str, str]:
    """Every published file's name and text."""
    described = asyncapi(TOPICS, schema_name, kept_examples(EXAMPLES, schema_name))
    schemas = {f"{schema_name(topic)}.json": written(schema(topic)) for topic in TOPICS}
    return schemas | {ASYNCAPI: written(described)}


def written(value: Any) -> str:
    """JSON as the files have it."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes the files."""
    PUBLISHED.mkdir(exist_ok=True)
    for name, text in documents().items():
        (PUBLISHED / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
