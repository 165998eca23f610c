"""Where secrets could show: what is said of a bad setting, files, logs, answers, command lines, environments."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import psutil
import pytest

from opsloop_common.embedded_postgres import PostgresServer, programs
from opsloop_common.embedded_postgres.roles import connect
from opsloop_common.testing.databases import temporary_postgres
from tests import harness
from tests.attacks.probe import watching
from tests.harness import SERVICES, Deployment, data_dir_of, environment

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECRET = "S3cr3tThatNobodyMaySee"
BOT_SECRET, TOKEN = "SECofABotThatNobodyMaySee", "t0kenOfABotThatNobodyMaySee"
BAD_SETTINGS = {
    "OPSLOOP_SECRET_KEY": SECRET,
    "OPSLOOP_SECRET_KEY_PREVIOUS": f"{'x' * 32},{SECRET}",
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
DEMO = ("opsloop", "demo", "--url", "http://127.0.0.1:9")
COMMANDS = (["serve"], ["migrate"], ["keys", "create", "--name", "x"])
WAYS = (
    ("opsloop", "up"),
    ("opsloop", "status"),
    ("opsloop", "migrate"),
    ("opsloop", "keys", "create", "--name", "x", "--scopes", "feedback:read"),
    ("opsloop", "events", "tail"),
    DEMO,
)


STARTER = """
import gc, json, os, runpy, sys, traceback
import opsloop.cli, opsloop.demo, opsloop.status, opsloop.tools
import opsloop_common.migrations, opsloop_common.runner.serve
from opsloop.services import MEMBERS

gc.freeze()

for line in sys.stdin:
    way, settings = json.loads(line)
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.environ.update(settings)
        if "demo" in way:  # it reads settings when it looks for the key
            del os.environ["OPSLOOP_BOOTSTRAP_KEY"]
        os.dup2(writer, 1), os.dup2(writer, 2)
        sys.argv = way
        status = 0
        try:
            runpy.run_module(way[0], run_name="__main__", alter_sys=True)
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(status)
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
    services = cycle(SERVICES)  # they read their settings by the same code: each takes its part
    tries = [
        (way, {name: value})
        for name, value in BAD_SETTINGS.items()
        for way in (*WAYS, *((f"opsloop_{next(services)}", *rest) for rest in COMMANDS))
    ]
    # to the demo this is what it signs in with, whatever it looks like
    tries.remove((DEMO, {"OPSLOOP_BOOTSTRAP_KEY": BAD_SETTINGS["OPSLOOP_BOOTSTRAP_KEY"]}))
    tries += [
        ((f"opsloop_{service}", *rest), {f"{service.upper()}_DATABASE_{kind}": url})
        for url in BAD_URLS
        for kind in ("URL", "DIRECT_URL")
        for rest, service in zip(COMMANDS, services, strict=False)
    ]

    for (way, settings), (status, said) in zip(tries, starts(tries, run_folder), strict=True):
        assert status != 0, (way, settings, said)
        assert "S3cr3t" not in said, (way, settings)
        assert next(iter(settings)) in said, (way, settings, said)
        assert len(said.strip().splitlines()) == 1, (way, settings, said)

    print(f"\n{len(tries)} starts with bad settings: each said one line, with the setting's name and without its value")


@pytest.fixture
def is_forked() -> bool:
    """Command lines and environments are looked at here."""
    return False


@pytest.mark.timeout(300)
async def test_a_runs_files_logs_answers_and_processes_hold_no_secret(embedded_deployment: Deployment):
    process, data = embedded_deployment.processes["opsloop"], data_dir_of(embedded_deployment)
    feedback, notifications = embedded_deployment.client("feedback"), embedded_deployment.client("notifications")
    root = embedded_deployment.urls["feedback"].removesuffix("/api/feedback")
    answers: list[str] = []
    async with watching(f"{root}/healthz") as seen:
        made = await feedback.post("/v1/api-keys", json={"name": "partner", "scopes": ["feedback:submit"]})
        key = made.json()["key"]
        hook = {"url": "http://127.0.0.1:9/hook", "event_types": ["feedback.received"], "signature": "both"}
        hooked = await notifications.post("/v1/webhooks", json=hook)
        assert hooked.status_code == 201, hooked.text
        webhook_secret = hooked.json()["secret"]
        bot = {"url": f"http://127.0.0.1:9/send?access_token={TOKEN}", "format": "dingtalk", "bot_secret": BOT_SECRET}
        made_bot = await notifications.post("/v1/webhooks", json=bot | {"event_types": ["feedback.received"]})
        answers.append(made_bot.text)
        partner = embedded_deployment.client("feedback", key=key)
        posts = ({"body": body, "channel": "api"} for body in ("ok", "x" * 60_000, None))
        answers += [(await partner.post("/v1/feedback", json=post)).text for post in posts]
        for path in ("/v1/api-keys", "/v1/audit", "/v1/feedback", "/openapi.json", "/readyz"):
            answers += [(await client.get(path)).text for client in (feedback, notifications)]
        keys = f"{root}/p/default/webhooks/{hooked.json()['id']}/jwks.json"
        answers += [(await notifications.get(path)).text for path in ("/v1/webhooks", keys)]
        answers.append((await partner.get(f"{root}/metrics")).text)
        await embedded_deployment.fetch("feedback", "CHECKPOINT")
    signing = webhook_secret.removeprefix("whsec_")
    secrets = [harness.OPERATOR_KEY, harness.SECRET_KEY, key, signing, "whsk_", BOT_SECRET]

    found = [
        (path, secret)
        for path in sorted(data.rglob("*"))
        if path.is_file()
        for secret in secrets
        if holds(path, secret)
    ]
    logged = [secret for secret in (*secrets, TOKEN) if holds(process.log, secret)]
    told = [secret for secret in (*secrets, TOKEN) if any(secret in answer for answer in answers)]
    postmasters = harness.postmasters(embedded_deployment)
    lines = command_lines(process.pid, *postmasters)
    listed = [secret for secret in secrets for words in lines if secret in words]
    inherited = [secret for secret in secrets for pid in postmasters if inherits(pid, secret)]

    assert (found, logged, told, listed, inherited) == ([], [], [], [], [])
    print(
        f"\n{len(secrets)} secrets sought in {len(list(data.rglob('*')))} files, logs, {len(answers)} answers, ps: none; {seen()}"
    )


def holds(path: Path, secret: str) -> bool:
    try:
        return secret.encode() in path.read_bytes()
    except FileNotFoundError:  # PostgreSQL removed it meanwhile
        return False


def command_lines(*pids: int) -> set[str]:
    """Return the command lines of these processes and of all that they started."""
    started = {child for pid in pids for child in psutil.Process(pid).children(recursive=True)}
    found = set()
    for process in started | {psutil.Process(pid) for pid in pids}:
        with suppress(psutil.NoSuchProcess):  # a connection of PostgreSQL that ended meanwhile
            found.add(" ".join(process.cmdline()))
    return found


def inherits(pid: int, secret: str) -> bool:
    return secret.encode() in Path(f"/proc/{pid}/environ").read_bytes()


SHIM = """#!/bin/sh
echo "$@" >> "$SEEN"
exec "$REAL" "$@"
"""


def test_the_compose_files_database_script_puts_no_password_on_a_command_line(run_folder):
    (script,) = (path for path in (ROOT / "deploy/compose/postgres").rglob("*") if path.is_file())
    shim = run_folder / "psql"
    shim.write_text(SHIM)
    shim.chmod(0o755)
    passwords = {f"{service.upper()}_DATABASE_PASSWORD": f"it's {SECRET} of {service}" for service in SERVICES}
    with temporary_postgres() as server:
        given = passwords | {"REAL": str(programs.folder() / "psql"), "SEEN": str(run_folder / "seen")}
        given |= {"PATH": f"{run_folder}:/usr/bin:/bin", "PGHOST": str(server.socket_dir), "POSTGRES_USER": "postgres"}

        subprocess.run(["/bin/sh", script], env=given, check=True, capture_output=True, timeout=60)

        made = asyncio.run(passwords_kept(server))
    assert made == dict.fromkeys(SERVICES, True)
    assert SECRET not in (run_folder / "seen").read_text()


async def passwords_kept(server: PostgresServer) -> dict[str, bool]:
    connection = await connect(server, "postgres")
    rows = await connection.fetch(
        "SELECT rolname, rolpassword LIKE 'SCRAM-SHA-256$%' AS kept FROM pg_authid WHERE rolname = ANY($1)",
        list(SERVICES),
    )
    await connection.close()
    return {row["rolname"]: row["kept"] for row in rows}
