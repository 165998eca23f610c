"""One service as a real process: serves, does its work, drains when told to stop, refuses what would lose events."""

import asyncio
import json
import logging
import os
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import httpx
import pytest
import structlog
from sqlalchemy import text

from opsloop_common import due, outbox
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.runner.cli import main
from opsloop_common.testing.sample.service import SAMPLE

ACME = Context(workspace="acme", actor="key:1")
COMMAND = [sys.executable, "-m", "opsloop_common.testing.sample"]
DEADLINE_SECONDS = 60


def environment(**settings):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OPSLOOP_", "SAMPLE_"))}
    return inherited | {
        "OPSLOOP_BUS": "local",
        "OPSLOOP_SECRET_KEY": "a-secret-of-the-tests-0123456789abcdef",
        "OPSLOOP_BOOTSTRAP_KEY": "operator-key-of-the-tests",
        **settings,
    }


@dataclass
class Ended:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(monkeypatch, capsys):
    """The command line within this process: starting Python for each refusal would take the test run half a minute."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level

    def run(*arguments, **settings):
        for name in os.environ:
            if name not in environment():
                monkeypatch.delenv(name)
        for name, value in environment(**settings).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main("sample", arguments, declared="opsloop_common.testing.sample.service:SAMPLE")
        return Ended(ended.value.code or 0, *capsys.readouterr())

    yield run
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


class Served:
    """A running `serve`, and what it logged."""

    def __init__(self, process):
        self.process = process
        self.lines = []

    async def log(self, message):
        """Return the next log line that says `message`."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while raw := await self.process.stderr.readline():
                try:
                    line = json.loads(raw)
                except ValueError:
                    line = {"event": raw.decode()}
                self.lines.append(line)
                if line["event"] == message:
                    return line
        raise AssertionError(f"the process ended without {message!r}: {self.lines}")

    async def stop(self, signum=signal.SIGTERM):
        self.process.send_signal(signum)
        async with asyncio.timeout(DEADLINE_SECONDS):
            rest = await self.process.stderr.read()
            self.lines += [json.loads(line) for line in rest.splitlines() if line.startswith(b"{")]
            return await self.process.wait()


@pytest.fixture
async def database(make_database):
    return await make_database(SAMPLE)


@pytest.fixture
async def serve(database):
    started = []

    async def start(role="all", **settings):
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *("serve", "--role", role, "--port", "0"),
            env=environment(SAMPLE_DATABASE_URL=database.url, **settings),
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(process)
        return Served(process)

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def client_of(served):
    port = (await served.log("serving"))["port"]
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": "Bearer operator-key-of-the-tests"},
        trust_env=False,
    )


async def test_serves_works_and_ends_with_0(serve, database):
    async with database.transaction(ACME) as session:
        outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="a"))
    served = await serve()

    async with await client_of(served) as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        keys = await client.get("/v1/api-keys")
        metrics = await client.get("/metrics")
    exit_status = await served.stop()

    assert (ready.status_code, ready.json()["checks"]) == (200, {"database": "ok", "bus": "ok"})
    assert keys.status_code == 200
    for name in ("opsloop_outbox_pending", "opsloop_loop_lag_seconds", "process_resident_memory_bytes"):
        assert name in metrics.text
    assert exit_status == 0
    assert served.lines[-1]["event"] == "stopped"
    assert not [line for line in served.lines if line.get("level") == "error"]
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM outbox WHERE published_at IS NULL")) == 0
        assert await session.scalar(text("SELECT count(*) FROM worker")) == 0


async def test_a_request_in_flight_is_answered_before_the_end(serve, database):
    served = await serve()
    async with await client_of(served) as client, database.transaction() as session:
        await session.execute(text("LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE"))
        asking = asyncio.create_task(client.get("/v1/api-keys"))
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'api_key'::regclass")
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not await session.scalar(waiting):  # noqa: ASYNC110 the lock is another process's
                await asyncio.sleep(0.01)
        served.process.send_signal(signal.SIGTERM)
        await served.log("stopping")
        await session.rollback()
        answer = await asking

    assert answer.status_code == 200
    assert await served.stop() == 0


def test_refuses_what_would_lose_events_or_secrets(run):
    homeless = run("serve")
    split = run("serve", "--role", "worker", SAMPLE_DATABASE_URL="postgresql:///sample")
    secretless = run("serve", SAMPLE_DATABASE_URL="postgresql:///sample", OPSLOOP_SECRET_KEY="")
    brokerless = run("serve", SAMPLE_DATABASE_URL="postgresql:///sample", OPSLOOP_BUS="kafka")

    for refused, words in (
        (split, "OPSLOOP_BUS=local"),
        (secretless, "OPSLOOP_SECRET_KEY"),
        (homeless, "SAMPLE_DATABASE_URL is not set"),
        (brokerless, "OPSLOOP_KAFKA_BOOTSTRAP"),
    ):
        assert refused.returncode == 2, refused.stderr
        assert words in refused.stderr
        assert "Traceback" not in refused.stderr


def test_migrates_an_empty_database_and_refuses_to_serve_before(databases, run):
    url = asyncio.run(databases.create_empty(f"sample_{uuid4().hex[:12]}"))
    early = run("serve", "--port", "0", SAMPLE_DATABASE_URL=url)
    migrated = run("migrate", SAMPLE_DATABASE_URL=url)
    again = run("migrate", SAMPLE_DATABASE_URL=url)
    key = run("keys", "create", "--name", "partner", "--workspace", "acme", SAMPLE_DATABASE_URL=url)
    unknown = run("keys", "create", "--name", "x", "--scope", "other:read", SAMPLE_DATABASE_URL=url)
    parked = run("events", "parked", SAMPLE_DATABASE_URL=url)
    absent = run("events", "discard", "--id", str(uuid4()), SAMPLE_DATABASE_URL=url)
    asyncio.run(databases.drop(url))

    assert (early.returncode, "migrate` first" in early.stderr) == (2, True), early.stderr
    assert (migrated.returncode, again.returncode) == (0, 0), migrated.stderr
    assert key.stdout.startswith("opl_"), key.stderr
    assert (unknown.returncode, "other:read is no scope" in unknown.stderr) == (2, True)
    assert (parked.returncode, parked.stdout) == (0, ""), parked.stderr
    assert absent.returncode == 2


def test_a_secret_key_is_changed_and_the_one_before_it_dropped(databases, run):
    url = asyncio.run(databases.create(SAMPLE))
    old, new = (
        {"SAMPLE_DATABASE_URL": url, "OPSLOOP_SECRET_KEY": f"{which}-secret-key-0123456789abcdefghij"}
        for which in ("old", "new")
    )
    made = run("user-secrets", "create", "--name", "shop", **old)
    refused = run("reseal", **new)
    done = run("reseal", OPSLOOP_SECRET_KEY_PREVIOUS=f"{'x' * 32}, {old['OPSLOOP_SECRET_KEY']}", **new)
    again = run("reseal", **new)
    asyncio.run(databases.drop(url))

    assert made.returncode == 0, made.stderr
    assert (refused.returncode, "name the key that sealed them" in refused.stderr) == (1, True), refused.stderr
    assert json.loads(done.stdout) == {"resealed": 1, "unchanged": 0, "unreadable": 0}
    assert json.loads(again.stdout) == {"resealed": 0, "unchanged": 1, "unreadable": 0}
    for each in (refused, done, again):
        assert "0123456789abcdefghij" not in each.stdout + each.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--name", ""), "/name: "),
        (("--name", "\u2060\u00ad"), "/name: must say something"),
        (("--name", "名" * 201), "/name: "),
        (("--workspace", "ACME"), "/workspace: must be lower-case letters"),
        (("--scope", ""), "/scopes/0: "),
        (("--scope", "sample:raed"), "did you mean sample:read?"),
        (("--source", "operator"), "/source: is reserved"),
        (("--expires-at", "2020-01-01"), "/expires_at: must be in the future"),
    ],
)
def test_a_command_refuses_what_the_api_refuses(run, options, said):
    command = ("keys", "create", "--name", "ci", *options)
    refused = [run(*command, SAMPLE_DATABASE_URL="postgresql:///nowhere")]
    if options[0] in ("--name", "--workspace"):
        refused.append(run("user-secrets", *command[1:], SAMPLE_DATABASE_URL="postgresql:///nowhere"))

    for each in refused:
        assert (each.returncode, each.stdout) == (2, "")
        assert said in each.stderr
        assert each.stderr.count("\n") == 1


def test_prints_its_contract(run):
    printed = run("openapi")

    assert json.loads(printed.stdout)["openapi"].startswith("3.1"), printed.stderr


async def test_a_killed_process_delays_nothing(serve, database):
    served = await serve()
    await served.log("serving")
    served.process.kill()
    await served.process.wait()
    async with database.transaction(ACME) as session:
        await due.schedule(session, "note", "a", datetime.now(UTC))
        await session.execute(text("SELECT 1"))
    async with database.transaction() as session:
        await session.execute(text("UPDATE due SET owner = (SELECT id FROM worker), claimed_at = now()"))

    served = await serve()
    await served.log("worker started")

    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM due WHERE owner IS NOT NULL")) == 0
    assert await served.stop(signal.SIGINT) == 0


def test_an_ordinary_login_migrates_its_own_database(databases, run):
    """As in production: a login without any privilege owns the database, and acts as the role that was made for it."""
    login, name = f"login_{uuid4().hex[:12]}", f"sample_{uuid4().hex[:12]}"

    async def prepare():
        url = await databases.create_empty(name)
        connection = await asyncpg.connect(user="postgres", database=name, host=url.partition("host=")[2])
        await connection.execute(f"CREATE ROLE {login} LOGIN")
        await connection.execute(
            "DO $$ BEGIN CREATE ROLE sample_app NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
        await connection.execute(f"GRANT sample_app TO {login}")
        await connection.execute(f'ALTER DATABASE "{name}" OWNER TO {login}')
        await connection.close()
        return url

    url = asyncio.run(prepare()).replace("postgres@", f"{login}@")
    migrated = run("migrate", SAMPLE_DATABASE_URL=url)
    key = run("keys", "create", "--name", "partner", SAMPLE_DATABASE_URL=url)
    asyncio.run(databases.drop(url))

    assert migrated.returncode == 0, migrated.stderr
    assert key.stdout.startswith("opl_"), key.stderr
