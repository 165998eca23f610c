"""Whom the embedded PostgreSQL runs as, whose files it takes over, and on which paths it refuses to live."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opsloop_common.embedded_postgres import PostgresFailed, PostgresServer, programs
from opsloop_common.embedded_postgres.account import DEDICATED, NOBODY
from opsloop_common.embedded_postgres.roles import connect, prepare_databases

pytestmark = pytest.mark.slow

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another user")

NewServer = Callable[[], PostgresServer]


def ask(server: PostgresServer, sql: str, database: str = "postgres", user: str = "postgres") -> Any:
    async def answer() -> Any:
        connection = await connect(server, database, user=user)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(answer())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "not within 30 s"
        time.sleep(0.01)


def run_in(server: PostgresServer, database: str, *statements: str, user: str = "postgres") -> None:
    async def run() -> None:
        connection = await connect(server, database, user=user)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


@AS_ROOT
def test_an_ordinary_user_runs_it_as_itself(folder):
    home = folder / "home"
    home.mkdir()
    os.chown(home, 1, 1)

    done = subprocess.run(
        [sys.executable, "-c", AN_OWNERS_WORK, str(home / "data")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
    )

    assert done.stdout == "daemon postgres\n", done.stderr
    assert (home / "data").stat().st_uid == 1


AN_OWNERS_WORK = """
import asyncio, os, pwd, sys
from pathlib import Path
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.embedded_postgres.roles import connect

async def who():
    connection = await connect(server, "postgres")
    print(pwd.getpwuid(os.geteuid()).pw_name, await connection.fetchval("SELECT current_user"))
    await connection.close()

os.setgroups([]), os.setgid(1), os.setuid(1)  # now: the interpreter may lie where only root reads
server = PostgresServer(Path(sys.argv[1]))
server.start()
asyncio.run(who())
server.stop()
"""


@AS_ROOT
@pytest.mark.parametrize("user", ["root", "nobody", "0", str(NOBODY), "no-such-user", "4294967295" * 2])
def test_a_user_that_is_not_its_own_is_refused(folder, user):
    with pytest.raises(PostgresFailed, match="OPSLOOP_POSTGRES_USER"):
        PostgresServer(folder / "data", user=user).start()

    assert list(folder.iterdir()) == []


@AS_ROOT
def test_files_of_another_user_are_refused(folder, new_server):
    for path in (folder / "data", *(folder / "data").rglob("*")):
        os.chown(path, 4242, 4242)

    with pytest.raises(PostgresFailed, match="belongs to user 4242"):
        new_server().start()


@AS_ROOT
@pytest.mark.parametrize("left_running", [False, True])
def test_a_cluster_of_an_earlier_release_comes_up_with_its_data_and_without_trust(folder, servers, left_running):
    old = EarlierRelease(folder / "data")
    old_process = old.start()
    run_in(
        old.server, "postgres",
        "CREATE DATABASE feedback", "CREATE ROLE feedback_app NOLOGIN",
    )  # fmt: skip
    run_in(
        old.server, "feedback",
        "CREATE TYPE mood AS ENUM ('good', 'bad')", "CREATE SEQUENCE number", "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE kept (id bigserial, number bigint DEFAULT nextval('number'), mood mood)",
        "INSERT INTO kept (mood) VALUES ('good')",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "GRANT SELECT ON kept TO feedback_app",
    )  # fmt: skip
    if not left_running:
        old.stop(old_process)

    server = servers()
    assert server.start() is False
    if left_running:
        old_process.wait(30)
    asyncio.run(prepare_databases(server, ["feedback"]))

    assert {p.lstat().st_uid for p in (folder / "data", *(folder / "data").rglob("*"))} == {DEDICATED}
    assert not (folder / "data" / "server.log").exists()
    assert ask(server, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'") == 0
    run_in(server, "feedback", "ALTER TABLE kept ADD more int", "SELECT one(), nextval('number')", user="feedback")
    assert ask(server, "SELECT count(*) FROM kept", "feedback", "feedback_app") == 1
    foreign = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner = 10"
    assert ask(server, foreign, "feedback") == 0
    asyncio.run(prepare_databases(server, ["feedback"]))  # again: nothing to do


class EarlierRelease:
    """Starts PostgreSQL as releases up to 0.1 did: everybody on the socket is trusted, `nobody` runs it, root writes its log."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.server = PostgresServer(data)
        self.server.socket_dir.mkdir(mode=0o700)
        data.mkdir(mode=0o700)
        for made in (data, self.server.socket_dir):
            os.chown(made, NOBODY, NOBODY)
        self._run("initdb", "-D", str(data), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust").wait(
            60
        )

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.data.parent / "said").open("ab") as said:
            return subprocess.Popen(
                [programs.folder() / program, *arguments],
                user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", start_new_session=True, stdout=said, stderr=said,
            )  # fmt: skip

    def start(self) -> subprocess.Popen[bytes]:
        (self.data / "server.log").write_bytes(b"root wrote this\n")
        sockets = f"unix_socket_directories={self.server.socket_dir}"
        process = self._run("postgres", "-D", str(self.data), "-c", "listen_addresses=", "-c", sockets)
        wait_until(
            lambda: (
                "ready" in (self.data / "postmaster.pid").read_text()
                if (self.data / "postmaster.pid").exists()
                else False
            )
        )
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@AS_ROOT
@pytest.mark.parametrize(("owner", "mode"), [(NOBODY, 0o755), (0, 0o777)])
def test_a_path_that_others_may_change_is_refused(folder, owner, mode):
    others = folder / "others"
    (others / "within").mkdir(parents=True)
    os.chown(others, owner, owner)
    others.chmod(mode)

    with pytest.raises(PostgresFailed, match=f"{others} (belongs to|may be written by)"):
        PostgresServer(others / "within" / "data").start()
    (folder / "link").symlink_to(others / "within")
    with pytest.raises(PostgresFailed, match=f"{others} (belongs to|may be written by)"):
        PostgresServer(folder / "link" / "data").start()

    assert list((others / "within").iterdir()) == []


def test_a_link_that_only_we_can_change_is_followed(folder):
    (folder / "elsewhere").mkdir()
    (folder / "link").symlink_to("elsewhere")
    server = PostgresServer(folder / "link" / "data")

    server.start()

    try:
        assert ask(server, "SELECT 1") == 1
        assert (folder / "elsewhere" / "data" / "PG_VERSION").exists()
    finally:
        server.stop()


@AS_ROOT
def test_programs_that_the_servers_user_cannot_reach_are_copied_where_only_root_writes(folder, servers, monkeypatch):
    installed = programs.folder().parent
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / "embedded_postgres").symlink_to(installed.parent)
    (closed / "embedded_postgres.libs").symlink_to(installed.parent.with_name("embedded_postgres.libs"))
    monkeypatch.setattr(programs, "_installed", lambda: closed / "embedded_postgres" / "pginstall")
    monkeypatch.setattr(programs, "SHARED", folder / "shared")

    copied = programs.folder()
    server = servers()
    server.start()

    assert copied.is_relative_to(folder / "shared")
    assert programs.folder() == copied
    assert ask(server, "SHOW server_version") == programs.postgres_version()
    said = subprocess.run(
        [copied / "psql", "--version"], user=NOBODY, capture_output=True, text=True, check=True, cwd="/"
    )
    assert said.stdout.startswith("psql (PostgreSQL) 18.")
    os.chown(folder / "shared", NOBODY, NOBODY)
    with pytest.raises(PostgresFailed, match="belongs to another user"):
        programs.folder()
