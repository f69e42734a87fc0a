"""A script of this folder that goes on running while a benchmark tells it what to do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


class Script:
    """A script of this folder in a process of its own, which is told what to do line by line."""

    def __init__(self, name: str, *arguments: object) -> None:
        command = [sys.executable, str(HERE / name), *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parents[1]
        )

    async def says(self, word: str) -> None:
        assert self.process.stdout is not None
        said = await asyncio.to_thread(self.process.stdout.readline)
        assert said.strip() == word, said

    async def told(self, line: str, answer: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        await self.says(answer)

    def end(self) -> None:
        """It ends with its standard input."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
