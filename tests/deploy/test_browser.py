from __future__ import annotations

import os

import pytest

from deploy import browser


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine that has nothing but what a test puts there; `apt-get` is a program as any."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, script: str) -> None:
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    return put


def test_given_a_browser_then_it_is_found_and_nothing_is_installed(machine, tmp_path):
    machine("chromium", "true")
    machine("apt-get", f"echo called > {tmp_path}/called")
    assert browser.main() == 0
    assert browser.found() == str(tmp_path / "chromium")
    assert not (tmp_path / "called").exists()


def test_given_none_and_no_root_then_the_command_is_named_and_the_exit_code_is_2(
    machine, monkeypatch, capsys
):
    machine("apt-get", "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert browser.main() == 2
    assert "apt-get install -y --no-install-recommends chromium" in capsys.readouterr().err


def test_given_none_and_root_then_it_is_installed(machine, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    machine(
        "apt-get",
        f'[ "$1" = update ] || {{ printf "" > {tmp_path}/chromium; /bin/chmod +x {tmp_path}/chromium; }}',
    )
    assert browser.main() == 0


def test_given_an_installation_that_fails_then_its_reason_is_told(machine, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    machine("apt-get", "echo no network >&2; exit 100")
    assert browser.main() == 2
    assert "no network" in capsys.readouterr().err
