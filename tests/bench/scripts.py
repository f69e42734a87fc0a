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

    async def line(self) -> str:
        """What it says next; empty where it has ended."""
        assert self.process.stdout is not None
        return (await asyncio.to_thread(self.process.stdout.readline)).strip()

    async def says(self, word: str) -> None:
        said = await self.line()
        assert said == word, said

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    async def told(self, line: str, answer: str) -> None:
        self.tell(line)
        await self.says(answer)

    def end(self) -> None:
        """It ends with its standard input."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
