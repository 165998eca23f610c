"""What other users of the machine can reach: files, the socket, the database's roles, the disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from opsloop.data import postgres_dir
from opsloop_common.embedded_postgres import PostgresFailed, PostgresServer
from opsloop_common.embedded_postgres.account import DEDICATED, NOBODY
from opsloop_common.embedded_postgres.roles import connect, prepare_databases
from opsloop_common.limits import POSTGRES_LOG_BYTES, POSTGRES_LOG_FILES
from opsloop_common.testing.databases import copy_cluster
from tests.harness import SERVICES, Deployment, data_dir_of, eventually

pytestmark = pytest.mark.slow

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
    """A server on a folder of its own with a cluster in it, not started."""
    copy_cluster(run_folder / "postgres")
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


async def test_a_flood_of_database_errors_fills_no_disk(embedded_deployment: Deployment):
    """Statements of 1 MiB that fail, each written to the log, until ten files were begun: the newest five stay, and PostgreSQL works."""
    log = postgres_dir(data_dir_of(embedded_deployment)) / "log"
    failing = f"SELECT 1 / 0 -- {'x' * 1024**2}"
    begun: set[Path] = set()
    written = 0

    async with asyncio.timeout(120):
        while len(begun) < 2 * POSTGRES_LOG_FILES:
            with pytest.raises(asyncpg.DivisionByZeroError):
                await embedded_deployment.fetch("feedback", failing)
            written += len(failing)
            begun |= set(log.iterdir())
            await asyncio.sleep(0.03)

    async def only_the_newest() -> bool:
        return sorted(log.iterdir()) == sorted(begun)[-POSTGRES_LOG_FILES:]

    await eventually(only_the_newest, what="old log files removed")
    stays = sum(path.stat().st_size for path in log.iterdir())
    print(f"\n{written / 1024**2:.0f} MiB of errors in {len(begun)} files: {stays / 1024**2:.0f} MiB stay")
    assert written > (2 * POSTGRES_LOG_FILES - 2) * POSTGRES_LOG_BYTES
    assert stays < written * 0.75
    assert "division by zero" in sorted(begun)[-2].read_text()
    assert (await embedded_deployment.fetch("feedback", "SELECT 1 AS one"))[0]["one"] == 1
