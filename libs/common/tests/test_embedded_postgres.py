"""The PostgreSQL of the one-process runner: started, stopped, found again, repaired."""

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from opsloop_common.clock import SystemClock
from opsloop_common.db import Database
from opsloop_common.embedded_postgres import PostgresFailed, PostgresServer
from opsloop_common.embedded_postgres.account import DEDICATED
from opsloop_common.embedded_postgres.reasons import told_in_words, why_it_ended
from opsloop_common.embedded_postgres.roles import connect
from opsloop_common.limits import POSTGRES_LOG_FILES
from opsloop_common.testing.databases import copy_cluster

pytestmark = pytest.mark.slow

OWNER = """
import sys
from pathlib import Path
from opsloop_common.embedded_postgres import PostgresServer
PostgresServer(Path(sys.argv[1])).start()
print("started", flush=True)
sys.stdin.read()
"""
STRANGER = "import sys; sys.stdin.read()"

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another user")

NewServer = Callable[[], PostgresServer]


def ask(server: PostgresServer, sql: str) -> Any:
    async def answer() -> Any:
        connection = await asyncpg.connect(user="postgres", database="postgres", host=str(server.socket_dir))
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(answer())


def postmasters(folder: Path) -> list[int]:
    found = {
        process.pid: process.info["ppid"]
        for process in psutil.process_iter(["cmdline", "ppid"])
        if {"-D", str(folder / "data")} <= set(process.info["cmdline"] or [])
    }
    # a child that was made just now is still called as its parent is
    return [pid for pid, parent in found.items() if parent not in found]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "not within 30 s"
        time.sleep(0.01)


def test_keeps_what_was_written_and_stops_without_a_trace(folder, new_server):
    server = new_server()
    server.start()
    ask(server, "CREATE TABLE kept AS SELECT 7 AS n")

    server.stop()

    assert postmasters(folder) == []
    assert server.start() is False
    assert ask(server, "SELECT n FROM kept") == 7
    assert ask(server, "SHOW fsync") == "on"


def test_socket_and_files_are_the_owners_alone(folder, servers):
    server = servers()

    server.start()

    assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    assert (folder / "data").stat().st_mode & 0o777 == 0o700


def test_a_server_whose_owner_was_killed_is_attached_to_and_stopped_in_the_end(folder, new_server):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder / "data")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert owner.stdout.readline() == b"started\n"
    before = postmasters(folder)
    owner.kill()
    owner.communicate()

    server = new_server()

    assert server.start() is True
    assert postmasters(folder) == before
    server.stop()
    assert postmasters(folder) == []


def test_recovers_after_the_server_itself_was_killed(folder, new_server):
    server = new_server()
    server.start()
    ask(server, "CREATE TABLE kept AS SELECT 7 AS n")
    (pid,) = postmasters(folder)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: postmasters(folder) == [])

    again = new_server()
    assert again.start() is False

    assert ask(again, "SELECT n FROM kept") == 7


def test_a_stale_pid_file_that_names_a_stranger_does_not_mislead(folder, new_server):
    first = new_server()
    first.start()
    pid_file = folder / "data" / "postmaster.pid"
    text = pid_file.read_text()
    first.stop()
    stranger = subprocess.Popen([sys.executable, "-c", STRANGER], stdin=subprocess.PIPE)
    pid_file.write_text(f"{stranger.pid}\n" + text.partition("\n")[2])

    assert new_server().start() is False

    assert stranger.poll() is None
    stranger.communicate()


def test_a_kill_while_the_cluster_is_being_made_leaves_nothing_half_made(folder, servers):
    left = folder / "data.new-1"
    left.mkdir()
    (left / "PG_VERSION").write_text("18\n")

    server = servers()
    server.start()

    assert not left.exists()
    assert ask(server, "SELECT 1") == 1


def test_a_server_that_is_stopping_is_waited_for_and_started_again(folder, new_server):
    first = new_server()
    first.start()
    asking = threading.Thread(target=ask, args=(first, "SELECT pg_sleep(0.5)"))
    asking.start()
    wait_until(lambda: ask(first, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.5)%'") > 1)
    os.kill(postmasters(folder)[0], signal.SIGTERM)  # smart shutdown: waits for the session that sleeps
    wait_until(lambda: "stopping" in (folder / "data" / "postmaster.pid").read_text())

    second = new_server()
    answers: list[bool] = []
    starting = threading.Thread(target=lambda: answers.append(second.start()))
    starting.start()
    starting.join(30)
    asking.join(30)

    assert answers == [False]
    assert ask(second, "SELECT 1") == 1


@AS_ROOT
def test_as_root_below_a_closed_folder_it_says_what_to_do_and_changes_nothing(folder):
    closed = folder / "home"
    closed.mkdir(mode=0o700)

    with pytest.raises(PostgresFailed, match="OPSLOOP_DATA_DIR"):
        PostgresServer(closed / "data").start()

    assert closed.stat().st_mode & 0o777 == 0o700
    assert list(closed.iterdir()) == []


@pytest.mark.parametrize("name", ["c++ R&D/50%41", "[x]* a@b?c#d", 'it\'s "q"', "a,b:c", "数据" * 12])
async def test_a_folder_of_any_name_is_served_and_reached_by_url(folder, name):
    server = PostgresServer(folder / name / "postgres")
    database = Database(server.url(), service="sample", clock=SystemClock())
    try:
        server.start()
        async with database.engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        await (await connect(server, "postgres")).close()
    finally:
        await database.close()
        server.stop()
        if not server.socket_dir.is_relative_to(folder):
            shutil.rmtree(server.socket_dir, ignore_errors=True)

    assert make_url(server.url()).query["host"] == str(server.socket_dir)
    assert len(os.fsencode(server.socket_dir)) < 87
    assert not set(",:") & set(str(server.socket_dir))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("initdb: error: could not create directory: No space left on device", "No space left on device. Make room"),
        (
            "FATAL:  could not extend file: wrote only 4096 of 8192\nHINT:  Check free disk space.",
            "No space left on device. Make",
        ),
        ("could not open file: Read-only file system\nmore", "Read-only file system. Set OPSLOOP_DATA_DIR"),
        ("FATAL:  could not open: Permission denied", "Permission denied. Set OPSLOOP_DATA_DIR"),
    ],
)
def test_what_the_system_refuses_the_server_is_one_line(said, shown, tmp_path):
    words = str(why_it_ended("PostgreSQL ended while it started", said, tmp_path))

    assert shown in words
    assert str(tmp_path) in words
    assert "\n" not in words


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EIO]
)
def test_a_refused_file_is_named_with_the_setting(number, tmp_path):
    with pytest.raises(PostgresFailed) as refusal, told_in_words(tmp_path):
        raise OSError(number, os.strerror(number), str(tmp_path / "lock"))

    assert str(refusal.value).startswith(f"{tmp_path / 'lock'}: {os.strerror(number)}. ")
    assert "OPSLOOP_DATA_DIR" in str(refusal.value)


def test_a_long_path_gets_a_short_socket(folder):
    data = folder / ("long-" * 20) / "data"
    data.parent.mkdir()
    copy_cluster(data)
    server = PostgresServer(data)

    server.start()

    try:
        assert len(str(server.socket_dir)) < 80
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()
        shutil.rmtree(server.socket_dir)


def test_the_server_knows_none_of_our_secrets(folder, new_server, monkeypatch):
    monkeypatch.setenv("OPSLOOP_SECRET_KEY", "a-secret-that-stays-with-us-0123456789")
    monkeypatch.setenv("PGPASSWORD", "another-one")
    server = new_server()

    server.start()

    (pid,) = postmasters(folder)
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"OPSLOOP" not in environment
    assert b"another-one" not in environment
    assert psutil.Process(pid).uids().effective == (DEDICATED if os.geteuid() == 0 else os.geteuid())


def test_only_the_newest_log_files_are_kept(folder, new_server):
    server = new_server()
    server.start()
    log = folder / "data" / "log"
    for second in range(10):
        (log / f"postgresql-2026-01-01_00000{second}.log").write_text("old")

    server.prune_log()

    kept = sorted(path.name for path in log.iterdir())
    assert len(kept) == POSTGRES_LOG_FILES
    assert "postgresql-2026-01-01_000009.log" in kept
    assert "postgresql-2026-01-01_000000.log" not in kept


def test_what_another_major_version_wrote_is_left_alone(folder, new_server):
    (folder / "data" / "PG_VERSION").write_text("17\n")

    with pytest.raises(PostgresFailed, match=r"PostgreSQL 17, and 18\.\d+ is installed"):
        new_server().start()


def test_an_attached_server_with_other_settings_is_started_again(folder, new_server):
    first = new_server()
    first.settings["work_mem"] = "8MB"
    first.start()
    (before,) = postmasters(folder)

    second = new_server()

    assert second.start() is False
    assert postmasters(folder) != [before]
    assert ask(second, "SHOW work_mem") == "4MB"
    first._process.wait()
