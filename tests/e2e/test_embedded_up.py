"""`opsloop up` as its users meet it: one command, one process, and what becomes of it when it is told to stop or is killed."""

from __future__ import annotations

import socket
import stat
import subprocess
import time
from pathlib import Path

import httpx
import jwt
import orjson
import psutil
import pytest

from opsloop.data import OPERATOR_KEY_FILE, SECRET_KEY_FILE, postgres_dir
from opsloop_common.embedded_postgres import PostgresServer, programs
from tests import harness
from tests.harness import SERVICES, Deployment, data_dir_of, eventually, postmasters

pytestmark = pytest.mark.slow


def described(folder: Path, *, is_forked: bool) -> Deployment:
    """Describe an all-in-one that makes its own keys."""
    found = harness.embedded(
        folder, socket_dir=lambda data_dir: PostgresServer(postgres_dir(data_dir)).socket_dir, is_forked=is_forked
    )
    for name in ("OPSLOOP_BOOTSTRAP_KEY", "OPSLOOP_SECRET_KEY"):
        del found.processes["opsloop"].environment[name]
    return found


@pytest.fixture
def deployment(run_folder: Path) -> Deployment:
    """The all-in-one, not started, by its command and without data."""
    return described(run_folder, is_forked=False)


@pytest.fixture
def forked_deployment(run_folder: Path) -> Deployment:
    """The same, forked."""
    return described(run_folder, is_forked=True)


@pytest.fixture
def known_deployment(run_folder: Path, prepared_data: Path) -> Deployment:
    """The all-in-one, not started, on data that was started once."""
    harness.copy_data(prepared_data, run_folder)
    return described(run_folder, is_forked=True)


def root_of(deployment: Deployment) -> str:
    return deployment.urls["feedback"].removesuffix("/api/feedback")


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url)


async def start(deployment: Deployment) -> None:
    deployment.processes["opsloop"].start()
    await deployment.ready()
    deployment.key = (data_dir_of(deployment) / OPERATOR_KEY_FILE).read_text().strip()


@pytest.mark.timeout(240)
async def test_one_command_serves_everything_and_stops_without_a_trace(deployment):
    process = deployment.processes["opsloop"]
    root = root_of(deployment)
    try:
        await start(deployment)

        assert (await get(f"{root}/readyz")).json() == {"status": "ready"}
        assert "OpsLoop" in (page := (await get(f"{root}/")).text)
        assert all(f"/api/{service}/docs" in page for service in SERVICES)
        await assert_metrics_once_at_the_root(deployment)
        assert_keys_are_the_owners_alone(deployment)
        assert_a_second_process_is_refused(deployment)
        await assert_commands_reach_it(deployment)

        assert process.terminate() == 0, process.tail()
        assert postmasters(deployment) == []
        assert "Stopped." in process.tail()
    finally:
        await deployment.close()


async def assert_metrics_once_at_the_root(deployment: Deployment) -> None:
    page = (await get(f"{root_of(deployment)}/metrics")).text
    for service, url in deployment.urls.items():
        assert f'service="{service}"' in page
        assert (await get(f"{url}/metrics")).status_code == 404
    families = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    for own in (
        'opsloop_webhook_attempts_total{outcome="succeeded",service="notifications"}',
        'opsloop_open_incidents{service="metrics",severity="critical"}',
        'opsloop_campaign_launches_total{service="campaigns",trigger="playbook"}',
    ):
        assert f"{own} 0.0" in page
    assert "# TYPE opsloop_feedback_posts_total counter" in page


def assert_keys_are_the_owners_alone(deployment: Deployment) -> None:
    for name in (OPERATOR_KEY_FILE, SECRET_KEY_FILE):
        assert stat.S_IMODE((data_dir_of(deployment) / name).stat().st_mode) == 0o600
    assert deployment.key in deployment.processes["opsloop"].tail(), "the key is printed when it is made"


def opsloop(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run another command on the same data directory."""
    process = deployment.processes["opsloop"]
    variables = process.environment | {"OPSLOOP_PORT": "0", "COLUMNS": "200"}
    return harness.run_forked([*process.command[:-1], *arguments], variables, process.log.parent)


async def assert_commands_reach_it(deployment: Deployment) -> None:
    wanted = ("keys", "create", "--name", "ci", "--workspace", "acme", "--scopes")
    made = opsloop(deployment, *wanted, "feedback:submit")
    assert made.returncode == 0, made.stderr
    assert "source ci." in made.stderr
    assert "source ci-2." in opsloop(deployment, *wanted, "feedback:read,metrics:read").stderr
    assert "source ci." in opsloop(deployment, *wanted, "metrics:read", "--source", "ci").stderr
    assert opsloop(deployment, *wanted, "metrics:read", "--source", "people").returncode == 2
    await assert_one_secret_holds_everywhere(deployment)
    partner = deployment.client("feedback", key=made.stdout.strip())
    posted = await partner.post("/v1/feedback", json={"body": "Payment failed", "channel": "api"})
    assert posted.status_code == 201, posted.text
    tail = opsloop(deployment, "events", "tail").stdout
    assert f"acme  feedback.received  feedback/{posted.json()['id']}#1" in tail
    status = opsloop(deployment, "status")
    assert status.returncode == 0, status.stdout + status.stderr
    lines = status.stdout.splitlines()
    assert [line.split()[:2] for line in lines[3:7]] == [[name, "yes"] for name in SERVICES]
    assert lines[1].startswith(
        f"PostgreSQL {programs.postgres_version()} (embedded-postgres {programs.package_version()})"
    )
    details = [line.split() for line in lines[8:]]
    assert ["metrics", "Incidents", "open,", "over", "all", "workspaces,", "critical", "0"] in details
    assert {line[0] for line in details} == {"feedback", "metrics", "notifications"}
    assert "Nothing is parked" in opsloop(deployment, "events", "parked").stdout
    assert_programs_get_json(deployment)
    assert opsloop(deployment, "keys", "create", "--name", "x", "--scopes", "feedback:fly").returncode == 2


def assert_programs_get_json(deployment: Deployment) -> None:
    told = orjson.loads(opsloop(deployment, "status", "--json").stdout)
    assert told["process"] == {"pid": deployment.processes["opsloop"].pid, "url": root_of(deployment)}
    assert told["postgresql"]["running"] == programs.postgres_version()
    assert list(told["services"]) == list(SERVICES)
    assert told["services"]["feedback"] == {
        "ready": True,
        "reason": None,
        "events_pending": 0,
        "oldest_pending_seconds": None,
        "behind": 0,
        "parked": 0,
        "held": 0,
        "work_due": 0,
        "work_failed": 0,
        "failing": [],
    }
    critical = {"service": "metrics", "what": "Incidents open, over all workspaces, critical", "now": 0.0}
    assert critical in told["gauges"]
    events = [orjson.loads(line) for line in opsloop(deployment, "events", "tail", "--json").stdout.splitlines()]
    assert "feedback.received" in {event["type"] for event in events}
    assert orjson.loads(opsloop(deployment, "events", "parked", "--json").stdout) == []
    wanted = ("keys", "create", "--name", "json", "--scopes", "feedback:read", "--json")
    made = orjson.loads(opsloop(deployment, *wanted).stdout)
    assert made.pop("key").startswith("opl_")
    assert made == {
        "services": ["feedback"],
        "scopes": ["feedback:read"],
        "workspace": "default",
        "source": "json",
    }


async def assert_one_secret_holds_everywhere(deployment: Deployment) -> None:
    made = opsloop(deployment, "user-secrets", "create", "--name", "shop", "--workspace", "acme")
    assert made.returncode == 0, made.stderr
    kid, secret = made.stdout.split()
    token = jwt.encode({"sub": "u1", "exp": int(time.time()) + 60}, secret, "HS256", {"kid": kid})
    for service in SERVICES:  # signed in, and not let in
        refused = await deployment.client(service, key=token).get("/v1/workspace")
        assert refused.status_code == 403, (service, refused.text)


def assert_a_second_process_is_refused(deployment: Deployment) -> None:
    process = deployment.processes["opsloop"]
    second = opsloop(deployment, "up")
    assert second.returncode == 1
    assert "already runs" in second.stderr
    assert str(process.pid) in second.stderr


@pytest.mark.timeout(300)
async def test_a_killed_process_starts_again_by_itself_with_everything_it_had(known_deployment):
    deployment = known_deployment
    process = deployment.processes["opsloop"]
    try:
        await start(deployment)
        key = deployment.key
        feedback = deployment.client("feedback")
        posted = await feedback.post("/v1/feedback", json={"body": "支付失败", "channel": "api", "external_id": "1"})
        assert posted.status_code == 201, posted.text

        process.kill9()
        assert len(postmasters(deployment)) == 1, "PostgreSQL outlives its owner"
        await start(deployment)

        assert deployment.key == key
        assert key not in process.tail().rpartition("OpsLoop is ready")[2], "an old key is not printed again"
        found = await feedback.get(f"/v1/feedback/{posted.json()['id']}")
        assert found.json()["body"] == "支付失败"
        assert len(postmasters(deployment)) == 1
        await delivered(deployment, posted.json()["id"])

        process.kill9()
        for pid in postmasters(deployment):
            psutil.Process(pid).kill()
        await eventually(lambda: gone(deployment), what="PostgreSQL gone")
        await start(deployment)

        assert (await feedback.get(f"/v1/feedback/{posted.json()['id']}")).status_code == 200

        killed = postmasters(deployment)
        for pid in killed:
            psutil.Process(pid).kill()
        await eventually(
            lambda: another(deployment, killed), what="another PostgreSQL"
        )  # what is left of the first may answer
        again = await eventually(lambda: accepted(feedback), what="PostgreSQL started again by the living process")
        await delivered(deployment, again)
        assert process.terminate() == 0, process.tail()
        assert postmasters(deployment) == []
    finally:
        await deployment.close()


async def accepted(feedback: httpx.AsyncClient) -> str | None:
    answer = await feedback.post("/v1/feedback", json={"body": "还是失败", "channel": "api"})
    assert answer.status_code in (201, 503), answer.text
    return answer.json()["id"] if answer.status_code == 201 else None


async def gone(deployment: Deployment) -> bool:
    return not postmasters(deployment)


async def another(deployment: Deployment, killed: list[int]) -> bool:
    found = postmasters(deployment)
    return bool(found) and found != killed


async def delivered(deployment: Deployment, feedback_id: str) -> None:
    """Wait until the event of a post was applied by another service, exactly once."""
    sql = "SELECT count(*) FROM inbox WHERE consumer = 'metrics.events' AND event_id = $1"
    rows = await deployment.fetch(
        "feedback", "SELECT event_id FROM outbox WHERE stream = $1 AND seq = 1", f"feedback/{feedback_id}"
    )

    async def applied() -> bool:
        return bool((await deployment.fetch("metrics", sql, rows[0]["event_id"]))[0][0] == 1)

    await eventually(applied, what="feedback.received applied by metrics")


def test_commands_say_what_to_do_when_there_is_nothing_yet(deployment):
    refused = opsloop(deployment, "status")

    assert refused.returncode == 1
    assert "opsloop up" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.timeout(120)
async def test_a_taken_port_and_a_stop_while_starting_leave_nothing_behind(forked_deployment):
    deployment = forked_deployment
    process = deployment.processes["opsloop"]
    try:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", int(process.environment["OPSLOOP_PORT"])))
            taken.listen()
            process.start()
            assert process.running.wait(60) == 1
        assert "OPSLOOP_PORT" in process.tail()

        process.start()
        await eventually(lambda: running(deployment), every=0.01, what="PostgreSQL starting")
        process.terminate()

        await eventually(lambda: gone(deployment), what="PostgreSQL gone")
    finally:
        await deployment.close()


async def running(deployment: Deployment) -> bool:
    return bool(postmasters(deployment))
