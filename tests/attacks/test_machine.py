"""What other users of the machine can reach: files, the socket, the database's roles; and where secrets could show."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from opsloop.data import postgres_dir
from opsloop_common.embedded_postgres import PostgresFailed, PostgresServer
from opsloop_common.embedded_postgres.account import DEDICATED, NOBODY
from opsloop_common.embedded_postgres.roles import connect, prepare_databases
from tests import harness
from tests.attacks.probe import watching
from tests.harness import SERVICES, Deployment, data_dir_of, environment, eventually

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can play another user of the machine")

STRANGER = """
import asyncio, os, subprocess, sys
import asyncpg
sockets, user, uid = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.setgroups([]), os.setgid(uid), os.setuid(uid)
try:
    os.listdir(sockets)
    print("listed the folder")
except OSError as error:
    print(type(error).__name__)
async def log_in():
    try:
        connection = await asyncpg.connect(user=user, database="postgres", host=sockets, timeout=5)
        print("logged in as", await connection.fetchval("SELECT current_user"))
    except Exception as error:
        print(type(error).__name__)
asyncio.run(log_in())
"""


@pytest.fixture
def server(run_folder: Path) -> Iterator[PostgresServer]:
    """A server on a folder of its own, not started."""
    made = PostgresServer(run_folder / "postgres")
    yield made
    made.stop()
    shutil.rmtree(made.socket_dir, ignore_errors=True)


def stranger(sockets: Path, user: str, *, uid: int = NOBODY) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(sockets), user, str(uid)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


@AS_ROOT
def test_another_user_does_not_get_in(server, run_folder):
    server.start()
    asyncio.run(prepare_databases(server, SERVICES))
    tried = ("postgres", "feedback", "feedback_app")

    closed = [stranger(server.socket_dir, user) for user in tried]
    server.socket_dir.chmod(0o755)
    (server.socket_dir / ".s.PGSQL.5432").chmod(0o777)
    opened = [stranger(server.socket_dir, user)[1] for user in tried]
    own = [stranger(server.socket_dir, user, uid=DEDICATED)[1] for user in tried]

    assert closed == [["PermissionError", "PermissionError"]] * 3
    assert opened == own == ["InvalidAuthorizationSpecificationError"] * 3
    print(
        f"\n{tried} tried by nobody: {closed[0][1]}; with the folder thrown open: {opened[0]}; by its own user: {own[0]}"
    )


REACHING_OUT = (
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/opsloop-written'",
    "CREATE TEMP TABLE t (line text); COPY t FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT pg_read_server_files()",
    "CREATE FUNCTION system(cstring) RETURNS int AS '/lib/x86_64-linux-gnu/libc.so.6', 'system' LANGUAGE c",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION file_fdw",
    "ALTER SYSTEM SET archive_command = 'id'",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "SET ROLE metrics_app",
    "CREATE ROLE mine SUPERUSER",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_reload_conf()",
    "CREATE DATABASE mine",
)


async def refused(server: PostgresServer, user: str, statement: str) -> str:
    connection = await connect(server, "feedback", user=user)
    try:
        await connection.execute(statement)
    except asyncpg.PostgresError as error:
        return type(error).__name__
    finally:
        await connection.close()
    return "done"


def test_a_service_cannot_leave_its_database(server):
    async def attack() -> dict[tuple[str, str], str]:
        await prepare_databases(server, SERVICES)
        found = {}
        for user in ("feedback", "feedback_app"):
            for statement in REACHING_OUT:
                found[user, statement] = await refused(server, user, statement)
            for database in ("metrics", "campaigns", "notifications"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connect(server, database, user=user)
        return found

    server.start()

    found = asyncio.run(attack())

    assert [key for key, outcome in found.items() if outcome == "done"] == []
    print(
        f"\n{len(found)} statements that reach out of the database: {len(found)} refused ({sorted(set(found.values()))})"
    )


@AS_ROOT
@pytest.mark.parametrize("with_log", [True, False], ids=["log folder too", "files"])
def test_links_that_the_servers_user_lays_lead_root_nowhere(server, run_folder, with_log):
    """A database that was broken into writes where its user may; root starts it again and touches nothing else."""
    treasure = run_folder / "treasure"
    treasure.write_text("1\nroot's own\n")
    logs = run_folder / "others-logs"
    logs.mkdir()
    for number in range(9):
        (logs / f"{number}.log").write_text("keep")
    server.start()
    server.stop()
    data = server.data_dir
    shutil.rmtree(data / "log")
    laid = {
        data / "postmaster.pid": treasure,
        server.socket_dir / ".s.PGSQL.5432.lock": treasure,
        data / "pg_hba.conf": treasure,
        data / "pg_hba.conf.opsloop": treasure,
        data / "pg_ident.conf": treasure,
        data / "server.log": treasure,
    } | ({data / "log": logs} if with_log else {})
    for link, target in laid.items():
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        os.chown(link, DEDICATED, DEDICATED, follow_symlinks=False)
    before = [(path, path.lstat(), path.read_text()) for path in (treasure, *sorted(logs.iterdir()))]

    said = "started"
    try:
        server.start()
    except PostgresFailed as refusal:
        said = f"refused ({str(refusal).splitlines()[-1][:60]})"

    for path, stat, text in before:
        assert path.read_text() == text
        assert (path.stat().st_uid, path.stat().st_mode, path.stat().st_mtime) == (
            stat.st_uid,
            stat.st_mode,
            stat.st_mtime,
        )
    print(f"\n{len(laid)} links in folders of the server's user, the start was {said}: what they led to is as it was")


@AS_ROOT
@pytest.mark.parametrize("kind", ["link", "hard link", "folder"])
def test_what_was_planted_in_an_earlier_releases_folder_is_not_given_away(server, run_folder, kind):
    treasure = run_folder / "treasure"
    treasure.write_text("root's own")
    treasure.chmod(0o600)
    (run_folder / "rootdir").mkdir(mode=0o700)
    server.start()
    server.stop()
    for path in (server.data_dir, *server.data_dir.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    planted = server.data_dir / "base" / "16384"
    match kind:
        case "link":
            planted.symlink_to(treasure)
            os.chown(planted, NOBODY, NOBODY, follow_symlinks=False)
        case "hard link":
            os.link(treasure, planted)
        case "folder":
            (run_folder / "rootdir").rename(planted)

    with pytest.raises(PostgresFailed, match="base/16384"):
        server.start()

    assert treasure.stat().st_uid == 0
    assert treasure.read_text() == "root's own"
    shutil.rmtree(planted, ignore_errors=True)
    planted.unlink(missing_ok=True)
    assert server.start() is False, "goes on where it stopped"


@AS_ROOT
def test_a_short_socket_folder_that_somebody_laid_is_refused(run_folder, monkeypatch):
    treasure = run_folder / "treasure"
    treasure.mkdir(mode=0o755)
    server = PostgresServer(run_folder / ("long-" * 20) / "postgres")
    server.socket_dir.symlink_to(treasure)
    try:
        with pytest.raises(PostgresFailed, match="is a link or a file"):
            server.start()
        assert treasure.stat().st_mode & 0o777 == 0o755
        assert treasure.stat().st_uid == 0
    finally:
        server.socket_dir.unlink()


SECRET = "S3cr3tThatNobodyMaySee"
BAD_SETTINGS = {
    "OPSLOOP_SECRET_KEY": SECRET,
    "OPSLOOP_BOOTSTRAP_KEY": SECRET[:15],
    "OPSLOOP_SMTP_URL": f"smtp://user:x/{SECRET}@host:25",
    "OPSLOOP_PORT": SECRET,
    "OPSLOOP_OUTBOUND": SECRET,
    "OPSLOOP_OUTBOUND_ALLOW": f"10.0.0.0/8,{SECRET}",
    "OPSLOOP_BUS": SECRET,
    "OPSLOOP_RATE_LIMIT_BURST": SECRET,
    "OPSLOOP_LOG_LEVEL": SECRET,
}
BAD_URLS = (
    f"postgresql://user:x@{SECRET}@host/db",
    f"postgresql://user:{SECRET}@host:{SECRET}/db",
    f"{SECRET}",
    f"postgresql://user:x@{SECRET}:70000/db",
    f"mysql://user:{SECRET}@host/db",
)
WAYS = (
    ("opsloop", "up"),
    ("opsloop", "status"),
    ("opsloop", "migrate"),
    ("opsloop", "keys", "create", "--name", "x", "--scopes", "feedback:read"),
    ("opsloop", "events", "tail"),
    ("opsloop", "demo", "--url", "http://127.0.0.1:9"),
    *[(f"opsloop_{service}", *rest) for service in SERVICES for rest in (["serve"], ["migrate"], ["keys", "create", "--name", "x"])],
)  # fmt: skip


STARTER = """
import contextlib, json, os, runpy, sys
import opsloop.cli, opsloop.demo, opsloop.status, opsloop.tools
from opsloop.services import MEMBERS

for line in sys.stdin:
    way, settings = json.loads(line)
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.environ |= settings
        os.dup2(writer, 1), os.dup2(writer, 2)
        sys.argv = way
        runpy.run_module(way[0], run_name="__main__", alter_sys=True)
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as said:
        text = said.read().decode()
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text]), flush=True)
"""
"""Starts commands in processes of their own that need not import everything again: a start is 20 ms instead of 2 s."""


def starts(tries: list[tuple[tuple[str, ...], dict[str, str]]], folder: Path) -> list[tuple[int, str]]:
    """Return the exit status of each try and all that it said."""
    given = environment(OPSLOOP_DATA_DIR=str(folder / "none"), OPSLOOP_PORT="0", OPSLOOP_KAFKA_BOOTSTRAP="127.0.0.1:9")
    given |= {f"{name.upper()}_DATABASE_URL": "postgresql://user@127.0.0.1:9/db" for name in SERVICES}
    done = subprocess.run(
        [sys.executable, "-c", STARTER],
        input="".join(json.dumps(each) + "\n" for each in tries),
        env=given,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.mark.timeout(300)
def test_a_bad_setting_is_named_and_never_shown(run_folder):
    tries = [(way, {name: value}) for name, value in BAD_SETTINGS.items() for way in WAYS]
    tries += [
        ((f"opsloop_{service}", *rest), {f"{service.upper()}_DATABASE_{kind}": url})
        for url in BAD_URLS
        for service in SERVICES
        for kind in ("URL", "DIRECT_URL")
        for rest in (["serve"], ["migrate"], ["keys", "create", "--name", "x"])
    ]
    # the demo reads settings only where the key is not in the environment: this one makes it look
    tries = [
        (
            way,
            settings | {"OPSLOOP_BOOTSTRAP_KEY": ""}
            if "demo" in way and "OPSLOOP_BOOTSTRAP_KEY" not in settings
            else settings,
        )
        for way, settings in tries
    ]

    for (way, settings), (status, said) in zip(tries, starts(tries, run_folder), strict=True):
        assert status != 0, (way, settings, said)
        assert "S3cr3t" not in said, (way, settings)
        assert next(iter(settings)) in said, (way, settings, said)
        assert len(said.strip().splitlines()) == 1, (way, settings, said)

    print(f"\n{len(tries)} starts with bad settings: each said one line, with the setting's name and without its value")


@pytest.mark.timeout(300)
async def test_a_runs_files_logs_answers_and_processes_hold_no_secret(embedded_deployment: Deployment):
    process, data = embedded_deployment.processes["opsloop"], data_dir_of(embedded_deployment)
    feedback, notifications = embedded_deployment.client("feedback"), embedded_deployment.client("notifications")
    root = embedded_deployment.urls["feedback"].removesuffix("/api/feedback")
    answers: list[str] = []
    async with watching(f"{root}/healthz") as seen:
        made = await feedback.post("/v1/api-keys", json={"name": "partner", "scopes": ["feedback:submit"]})
        key = made.json()["key"]
        hooked = await notifications.post(
            "/v1/webhooks", json={"url": "http://127.0.0.1:9/hook", "event_types": ["feedback.received"]}
        )
        assert hooked.status_code == 201, hooked.text
        webhook_secret = hooked.json()["secret"]
        partner = embedded_deployment.client("feedback", key=key)
        posts = ({"body": body, "channel": "api"} for body in ("ok", "x" * 60_000, None))
        answers += [(await partner.post("/v1/feedback", json=post)).text for post in posts]
        for path in ("/v1/api-keys", "/v1/audit", "/v1/feedback", "/openapi.json", "/readyz"):
            answers += [(await client.get(path)).text for client in (feedback, notifications)]
        answers.append((await notifications.get("/v1/webhooks")).text)
        answers.append((await partner.get(f"{root}/metrics")).text)
        await embedded_deployment.fetch("feedback", "CHECKPOINT")
    secrets = [harness.OPERATOR_KEY, harness.SECRET_KEY, key, webhook_secret.removeprefix("whsec_")]

    found = [
        (path, secret)
        for path in sorted(data.rglob("*"))
        if path.is_file()
        for secret in secrets
        if holds(path, secret)
    ]
    logged = [secret for secret in secrets if holds(process.log, secret)]
    told = [secret for secret in secrets if any(secret in answer for answer in answers)]
    listed = [secret for secret in secrets for words in command_lines() if secret in words]
    inherited = [
        secret for secret in secrets for pid in harness.postmasters(embedded_deployment) if inherits(pid, secret)
    ]

    assert (found, logged, told, listed, inherited) == ([], [], [], [], [])
    print(
        f"\n{len(secrets)} secrets sought in {len(list(data.rglob('*')))} files, logs, {len(answers)} answers, ps: none; {seen()}"
    )


def holds(path: Path, secret: str) -> bool:
    try:
        return secret.encode() in path.read_bytes()
    except FileNotFoundError:  # PostgreSQL removed it meanwhile
        return False


def command_lines() -> list[str]:
    return [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]


def inherits(pid: int, secret: str) -> bool:
    return secret.encode() in Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.timeout(300)
async def test_a_flood_of_database_errors_fills_no_disk(embedded_deployment: Deployment):
    """Ten files' worth of errors; beyond the newest five nothing stays."""
    data = postgres_dir(data_dir_of(embedded_deployment))
    log = data / "log"
    for second in range(10):
        path = log / f"postgresql-2026-01-01_00000{second}.log"
        path.write_bytes(b"x" * 1024)

    async def few() -> bool:
        return len(list(log.iterdir())) <= 5

    began = time.monotonic()
    await eventually(few, what="old log files removed")
    print(f"\n10 old log files: all but the newest 5 gone after {time.monotonic() - began:.1f} s")
