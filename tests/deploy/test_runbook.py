"""The runbook: what alerts point to is there, its commands are commands, and what it says of topics is so."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import typer

from schemas.topics import TOPICS
from streams.cli import COMMANDS, app_of

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(?:bash)?\n(.*?)^```$", RUNBOOK, re.MULTILINE | re.DOTALL)
SAID = [line for block in BLOCKS for line in block.splitlines() if line.startswith("onhand ")]
PART = re.compile(r" (?:\||\|\||;|&&) ?|;")


def anchors() -> set[str]:
    """The links that a heading answers to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def linked() -> dict[str, str]:
    """The runbook's sections that somebody points to, and where that stands."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    found = dict.fromkeys(re.findall(r"\]\(#([a-z-]+)\)", RUNBOOK), "deploy/RUNBOOK.md")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".md", ".yaml", ".yml", ".json", ".py"} and path.exists():
            found |= dict.fromkeys(
                re.findall(r"RUNBOOK\.md#([a-z-]+)", path.read_text(encoding="utf-8")), name
            )
    return found


def test_given_an_alert_then_the_section_that_it_points_to_is_there():
    assert {anchor: where for anchor, where in linked().items() if anchor not in anchors()} == {}


def test_given_a_section_about_an_alert_then_it_has_a_command_and_says_something():
    alerts = RUNBOOK.partition("\n# Alerts\n")[2]
    sections = re.split(r"^## ", alerts, flags=re.MULTILINE)[1:]
    assert len(sections) > 15
    assert [one.partition("\n")[0] for one in sections if "```bash\n" not in one or len(one) < 200] == []


def test_given_what_it_says_of_topics_then_it_is_what_the_topic_table_has():
    rows = re.findall(r"^\| `([a-z-]+)` \| (for ever|the newest of each key) \|", RUNBOOK, re.MULTILINE)
    kept = {"delete": "for ever", "compact": "the newest of each key"}
    assert dict(rows) == {topic.name: kept[topic.config["cleanup.policy"]] for topic in TOPICS}


@pytest.mark.parametrize("line", sorted(set(SAID)))
def test_given_a_command_then_there_is_one_with_these_options(line):
    said = shlex.split(PART.split(line)[0])
    command: click.Command = typer.main.get_command(app_of(COMMANDS))
    context, rest = command.make_context("onhand", said[1:]), said[1:]
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        rest = (
            [*context._protected_args, *context.args] if hasattr(context, "_protected_args") else context.args
        )
        _, command, rest = command.resolve_command(context, rest)
        context = command.make_context(command.name, rest, parent=context)
    assert command.callback is not None
