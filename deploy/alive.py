"""Whether a process of ours in this container is alive: exit code 0 where `/livez` on a port says so. The image has no curl."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request


def alive(port: int, within: float = 3.0) -> bool:
    """Whether it answers 200 in so many seconds."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=within) as answer:  # loopback
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if alive(int(sys.argv[1])) else 1)
