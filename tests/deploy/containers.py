"""A Dockerfile without an engine: its steps, run one after the other as root of a root of their own.

The base image is this machine's own /usr, to be read only; all else (/etc, /opt, /var ...) is made anew, so that nothing is there but
what the steps bring. Namespaces of the kernel keep the mounts to ourselves; they go with the processes.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

STEP = re.compile(r"^([A-Z]+)\s+(.*)$", re.DOTALL)
NEEDED = (
    "passwd",
    "group",
    "shadow",
    "gshadow",
    "nsswitch.conf",
    "resolv.conf",
    "hosts",
    "pip.conf",
    "ld.so.cache",
)
TREES = ("ssl", "login.defs", "alternatives", "default", "pam.d", "subuid", "subgid", "ca-certificates")
SHARED = ("usr", "dev", "proc", "sys")
CHROOT = shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin:/bin") or "chroot"
LINKED = ("bin", "sbin", "lib", "lib64")


@dataclass(frozen=True)
class Step:
    """One instruction."""

    verb: str
    rest: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.rest)

    @property
    def listed(self) -> list[str]:
        """The words of the exec form, which names no shell."""
        found: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return found


def steps(text: str) -> list[Step]:
    """The instructions of a Dockerfile, with `ARG`s that stand before the first stage put in."""
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    found = [Step(*STEP.fullmatch(line.strip()).groups()) for line in lines if line.strip()]
    values = dict(one.rest.split("=", 1) for one in found if one.verb == "ARG")
    for name, value in values.items():
        found = [Step(one.verb, one.rest.replace(f"${{{name}}}", value)) for one in found]
    return found


def stages(text: str) -> dict[str, list[Step]]:
    """The instructions by stage; the last one's name is empty."""
    found: dict[str, list[Step]] = {}
    for step in steps(text):
        if step.verb == "FROM":
            name = step.words[2] if len(step.words) > 1 else ""
            found[name] = []
        elif found:
            found[name].append(step)
    return found


@dataclass
class Container:
    """A stage that is built, or is being built."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    workdir: str = "/"
    volumes: list[str] = field(default_factory=list)

    def run(
        self,
        *command: str,
        read_only: bool = False,
        env: Mapping[str, str] = MappingProxyType({}),
        **more: object,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command inside and returns when it has ended."""
        return subprocess.run(
            self.command(*command, read_only=read_only),
            env={**self._env(), **env},
            capture_output=True,
            text=True,
            check=False,
            **more,
        )

    def start(self, *command: str, env: dict[str, str], log: Path) -> subprocess.Popen[str]:
        """Starts a command inside, as an engine would with `--read-only --tmpfs /tmp`."""
        with log.open("ab") as sink:
            return subprocess.Popen(
                self.command(*command, read_only=True),
                env={**self._env(), **env},
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
            )

    def stop(self, process: subprocess.Popen[str]) -> None:
        """Ends a command of `start` as an engine does, and forgives that it says by which signal it ended."""
        process.terminate()
        code = process.wait(40)
        process.stdout.close()
        assert code in {0, -signal.SIGTERM}, code

    def _env(self) -> dict[str, str]:
        passed = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("PIP_") or name.endswith("_proxy")
        }
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": "/nowhere",
            **passed,
            **self.env,
        }

    def forget(self) -> None:
        """Empties the volumes."""
        for one in self.volumes:
            for kept in Path(f"{self.root}.volumes{one}").iterdir():
                shutil.rmtree(kept) if kept.is_dir() else kept.unlink()

    def command(self, *command: str, read_only: bool) -> list[str]:
        """What runs a command inside."""
        root = shlex.quote(str(self.root))
        mounts = [f"mount --rbind {'-o ro ' if one == 'usr' else ''}/{one} {root}/{one}" for one in SHARED]
        mounts.append(f"mount --bind {root}/base {root}/usr/local/bin")
        if read_only:
            mounts = [
                f"mount --bind {root} {root}",
                f"mount -o remount,bind,ro {root}",
                *mounts,
                f"mount -t tmpfs tmpfs {root}/tmp",
                *(f"mount --bind {root}.volumes{one} {root}{one}" for one in self.volumes),
            ]
        inside = [
            CHROOT,
            f"--userspec={self.user}",
            str(self.root),
            "/usr/bin/env",
            "-C",
            self.workdir,
            *command,
        ]
        return [
            "/usr/bin/unshare",
            "--mount",
            "--",
            "/bin/sh",
            "-ec",
            f"{'; '.join(mounts)}; exec {shlex.join(inside)}",
        ]


def base(root: Path) -> Container:
    """The base image: this machine's programs, and nothing that anybody has put beside them."""
    for name in (*SHARED, "etc", "opt", "tmp", "var/lib", "var/log", "var/tmp", "root", "base"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for name in LINKED:
        if Path("/", name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")
    for name in (*NEEDED, *TREES):
        there = Path("/etc", name)
        if there.is_dir():
            shutil.copytree(there, root / "etc" / name, symlinks=True)
        elif there.exists():
            shutil.copy2(there, root / "etc" / name)
    for name in ("python", "python3"):
        (root / "base" / name).symlink_to(Path("/usr/bin", f"python3.{sys.version_info.minor}"))
    return Container(root)


def build(text: str, context: Path, work: Path, ignored: frozenset[str] = frozenset()) -> Container:
    """Builds all stages; the last one's container. Raises `AssertionError` with what the step said that failed."""
    built: dict[str, Container] = {}
    for name, its in stages(text).items():
        made = built[name] = base(work / (name or "final"))
        for step in its:
            _do(step, made, built, context)
    return made


def _do(step: Step, made: Container, built: dict[str, Container], context: Path) -> None:
    match step.verb:
        case "ENV":
            made.env |= dict(word.split("=", 1) for word in step.words)
        case "WORKDIR":
            made.workdir = step.rest
            (made.root / step.rest[1:]).mkdir(parents=True, exist_ok=True)
        case "COPY":
            _copy(step.words, made, built, context)
        case "RUN":
            done = made.run("sh", "-c", step.rest, timeout=400)
            assert done.returncode == 0, f"{step.rest}\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}"
        case "USER":
            made.user = step.rest
        case "VOLUME":
            made.volumes.append(step.rest)
            kept = made.root.with_name(f"{made.root.name}.volumes") / step.rest[1:]
            shutil.copytree(made.root / step.rest[1:], kept)
            shutil.copystat(made.root / step.rest[1:], kept)
            owner = (made.root / step.rest[1:]).stat()
            os.chown(kept, owner.st_uid, owner.st_gid)
        case "EXPOSE" | "HEALTHCHECK" | "ENTRYPOINT" | "CMD":
            pass
        case _:
            raise AssertionError(f"no step of ours: {step.verb}")


def _copy(words: list[str], made: Container, built: dict[str, Container], context: Path) -> None:
    """As Docker does: a folder's content goes into the target, files go below a target that ends in a slash."""
    stage = next((word.partition("=")[2] for word in words if word.startswith("--from=")), None)
    *sources, target = [word for word in words if not word.startswith("--")]
    whence = built[stage].root if stage else context
    whither = made.root / target[1:] if target.startswith("/") else made.root / made.workdir[1:] / target
    for source in sources:
        there = whence / source.lstrip("/")
        if there.is_dir():
            leave = shutil.ignore_patterns("__pycache__", ".onhand") if stage is None else None
            shutil.copytree(there, whither, symlinks=True, dirs_exist_ok=True, ignore=leave)
        else:
            whither.mkdir(parents=True, exist_ok=True)
            shutil.copy2(there, whither / there.name)
