"""The browser that tests and screenshots are made with: Debian's Chromium. `python -m deploy.browser` sees that it is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

NAMES = ("chromium", "chromium-browser", "google-chrome")

COMMAND = ("apt-get", "install", "-y", "--no-install-recommends", "chromium")

ARGUMENTS: Sequence[str] = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
"""How it is started: without a screen, and without asking anybody anything by itself."""


class NoBrowser(Exception):
    """There is none, and it cannot be installed from here. The message names what would do that."""


def found() -> str:
    """Where it is. Raises `NoBrowser`."""
    for name in NAMES:
        if where := shutil.which(name):
            return where
    raise NoBrowser(f"Chromium is needed for the dashboard's tests and pictures: {' '.join(COMMAND)}")


def installed() -> str:
    """Where it is, once it was installed if it was not there; only root can do that. Raises `NoBrowser`."""
    try:
        return found()
    except NoBrowser:
        if os.geteuid() != 0 or shutil.which(COMMAND[0]) is None:
            raise
    for command in (("apt-get", "update", "-qq"), COMMAND):
        done = subprocess.run(  # noqa: S603  # our own commands
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        if done.returncode and command is COMMAND:
            raise NoBrowser(f"{' '.join(COMMAND)} failed: {done.stderr.strip().splitlines()[-1:]}")
    return found()


def main() -> int:
    """Sees that it is there. Returns the exit code: 2 where a person must do something."""
    try:
        installed()
    except NoBrowser as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
