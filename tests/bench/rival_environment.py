"""What the competitors need and the product does not: a Python environment and a Java program of their own, made once.

Nothing of it is among the product's dependencies. Packages come by the hashes in `rivals.txt`, jars by Maven from
`kafka_streams/pom.xml`, with Kafka's client in the version of the broker.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from deploy.kafka import cache, version

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE.parents[1] / ".venv-rivals"
PACKAGES, PROJECT = HERE / "rivals.txt", HERE / "kafka_streams"


class NoRival(Exception):
    """A competitor cannot be had here. The message says what is missing."""


def interpreter() -> Path:
    """The Python that has the competitors' packages. Raises `NoRival`."""
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "made-of"
    digest = hashlib.sha256(PACKAGES.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return python
    said(f"-- the competitors' packages in {ENVIRONMENT.name} (once)")
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    ran([sys.executable, "-m", "venv", str(ENVIRONMENT)], "python -m venv does not work here")
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
    ]
    ran([str(python), *install, "-r", str(PACKAGES)], "the competitors' packages could not be installed")
    stamp.write_text(digest, encoding="ascii")
    return python


def classpath() -> str:
    """Where Java finds the Kafka Streams competitor and what it needs. Raises `NoRival`."""
    content = b"".join(path.read_bytes() for path in sorted(PROJECT.rglob("*")) if path.is_file())
    digest = hashlib.sha256(content).hexdigest()[:12]
    target = cache() / f"kafka-streams-rival-{version()}-{digest}"
    if not target.exists():
        said(f"-- Kafka Streams {version()} with Maven (once)")
        compiled(target)
    return f"{target}/*"


def compiled(target: Path) -> None:
    """Compiles the project into a folder of jars, which appears when it is complete."""
    maven = shutil.which("mvn")
    if maven is None or shutil.which("javac") is None:
        raise NoRival("Kafka Streams needs a compiler: apt-get install maven openjdk-17-jdk-headless")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        work = Path(folder) / "project"
        shutil.copytree(PROJECT, work)
        goals = ["compiler:compile", "jar:jar", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        build = [maven, "-q", "-B", "-f", str(work / "pom.xml"), f"-Dkafka.version={version()}", *goals]
        jars = work / "jars"
        ran([*build, f"-DoutputDirectory={jars}"], "Maven could not compile the Kafka Streams competitor")
        shutil.move(work / "target" / "rival.jar", jars)
        if not target.exists():
            jars.rename(target)


def ran(command: Sequence[str], else_: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoRival(f"{else_}: {(done.stdout + done.stderr)[-1_500:]}")


def versions() -> dict[str, str]:
    """Which version of whom competes."""
    pinned = dict(re.findall(r"^(\S+)==(\S+)", PACKAGES.read_text(encoding="ascii"), re.MULTILINE))
    theirs = {name: pinned[name] for name in ("confluent-kafka", "quixstreams", "orjson")}
    return theirs | {"kafka-streams": version(), "faust-streaming": metadata.version("faust-streaming")}


def said(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # it takes a while
