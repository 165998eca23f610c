"""A database that is handed out again is as a new one, and nothing of a run outlives it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy.engine import make_url

from opsloop_common.testing import run
from opsloop_common.testing.databases import TestDatabases, temporary_postgres
from opsloop_common.testing.keeper import processes_of
from opsloop_common.testing.sample.service import SAMPLE

SECONDS = 60
A_RUN = """
import os, subprocess, sys, tempfile
from opsloop_common.testing import run
begun = run.begin()
run.quick_folder().mkdir(exist_ok=True)
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(begun.folder, run.quick_folder(), left.pid, flush=True)
sys.stdin.read()
begun.end()
"""


@pytest.fixture
def own(postgres_server) -> TestDatabases:
    """Hand out databases that no other test has used."""
    return TestDatabases(postgres_server)


async def connected(url: str) -> asyncpg.Connection:
    parsed = make_url(url)
    return await asyncpg.connect(user="postgres", database=parsed.database, host=parsed.query["host"])


async def written_to(url: str, *statements: str) -> asyncpg.Connection:
    connection = await connected(url)
    for statement in statements:
        await connection.execute(statement)
    return connection


async def test_a_database_comes_back_empty_with_its_numbers_begun_again(own: TestDatabases):
    url = await own.create(SAMPLE)
    left = await written_to(
        url,
        "INSERT INTO worker (id, instance) VALUES (gen_random_uuid(), 'left')",
        "SELECT nextval('outbox_id_seq'), nextval('outbox_id_seq')",
        "BEGIN",
        "LOCK TABLE worker",
    )
    await own.drop(url)

    again = await own.create(SAMPLE)

    connection = await connected(again)
    assert again == url
    assert await connection.fetchval("SELECT count(*) FROM worker") == 0
    assert await connection.fetchval("SELECT nextval('outbox_id_seq')") == 1
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await left.execute("SELECT 1")
    await connection.close()


async def test_two_at_once_are_two_databases(own: TestDatabases):
    assert len(set(await asyncio.gather(own.create(SAMPLE), own.create(SAMPLE)))) == 2


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE worker ADD COLUMN extra int",
        "ALTER TABLE worker DISABLE TRIGGER ALL; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE outbox ENABLE ROW LEVEL SECURITY",
        "REVOKE SELECT ON worker FROM sample_app",
        "CREATE TABLE extra (n int)",
        "DROP TABLE worker",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
async def test_one_whose_schema_a_test_changed_is_not_handed_out_again(own: TestDatabases, change: str):
    url = await own.create(SAMPLE)
    await (await written_to(url, change)).close()
    await own.drop(url)

    assert await own.create(SAMPLE) != url


@pytest.mark.slow
async def test_servers_that_begin_as_copies_of_one_share_nothing():
    with temporary_postgres() as one, temporary_postgres() as other:
        await (await written_to(one.url(), "CREATE TABLE own AS SELECT 1")).close()
        connection = await connected(other.url())

        assert await connection.fetchval("SELECT to_regclass('own')") is None
        await connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("end", ["in order", "interrupted", "killed"])
def test_nothing_of_a_run_outlives_it(end: str):
    process = subprocess.Popen(
        [sys.executable, "-c", A_RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    folder, quick, pid = process.stdout.readline().decode().split()
    assert Path(folder).is_dir()
    assert Path(quick).is_dir()
    assert int(pid) in {each.pid for each in processes_of([Path(folder)])}

    match end:
        case "in order":
            pass  # its input ends below
        case "interrupted":
            process.send_signal(signal.SIGINT)
        case "killed":
            process.kill()

    process.communicate(timeout=SECONDS)
    deadline = time.monotonic() + SECONDS
    while Path(folder).exists() or Path(quick).exists() or psutil.pid_exists(int(pid)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_turn_ends_with_its_holder(tmp_path: Path):
    with run.taking_turns(tmp_path / "lock"):
        pass
    child = os.fork()
    if child == 0:
        with run.taking_turns(tmp_path / "lock"):
            os._exit(9)  # as one that is killed
    os.waitpid(child, 0)

    with run.taking_turns(tmp_path / "lock"):
        pass
