"""API and worker as separate processes on real Kafka: wake-ups cross, and both end well with the broker gone."""

import asyncio
import os
import signal
import sys
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from opsloop_common.bus.kafka import create_topics
from opsloop_common.bus.topics import PRODUCERS
from opsloop_common.settings import Settings
from opsloop_common.testing.sample.service import SAMPLE

DEADLINE_SECONDS = 60
KEY = "operator-key-of-the-tests"


@pytest.fixture
async def processes(make_database, kafka_broker):
    database = await make_database(SAMPLE)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OPSLOOP_", "SAMPLE_"))}
    environment = inherited | {
        "SAMPLE_DATABASE_URL": database.url,
        "OPSLOOP_BUS": "kafka",
        "OPSLOOP_KAFKA_BOOTSTRAP": kafka_broker.bootstrap,
        "OPSLOOP_KAFKA_REPLICATION": "1",
        "OPSLOOP_KAFKA_SESSION_TIMEOUT_MS": "6000",
        "OPSLOOP_SECRET_KEY": "a-secret-of-the-tests-0123456789abcdef",
        "OPSLOOP_BOOTSTRAP_KEY": KEY,
        "OPSLOOP_INSTANCE": f"sample-{uuid4().hex[:8]}",
    }
    # whoever deploys makes them; the settings of workspaces are heard from one of them
    settings = Settings(kafka_bootstrap=kafka_broker.bootstrap, kafka_replication=1)
    await create_topics(settings, [*PRODUCERS, SAMPLE.name])
    started = []

    async def start(role, port):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "opsloop_common.testing.sample", "serve", "--role", role, "--port", str(port)),
            env=environment,
            stderr=asyncio.subprocess.DEVNULL,
        )
        started.append(process)
        client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {KEY}"}, trust_env=False
        )
        await answers(client, "/readyz", 200)
        return process, client

    yield database, start
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(client, path, status):
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                answer = await client.get(path)
                if answer.status_code == status:
                    return answer
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


@pytest.mark.kafka
async def test_api_and_worker_apart_end_well_also_without_the_broker(processes, kafka_broker, unused_tcp_port_factory):
    database, start = processes
    worker, worker_client = await start("worker", unused_tcp_port_factory())
    api, api_client = await start("api", unused_tcp_port_factory())

    not_api = await worker_client.get("/v1/api-keys")
    probes = [await worker_client.get(path) for path in ("/healthz", "/metrics")]  # it was ready at its start
    made = await api_client.post("/v1/api-keys", json={"name": "partner", "scopes": ["sample:read"]})
    api_metrics = (await api_client.get("/metrics")).text
    async with database.transaction() as session:
        workers = await session.scalar(text("SELECT count(*) FROM worker"))
    kafka_broker.kill9()
    try:
        degraded = await answers(worker_client, "/readyz", 503)
        accepting = await api_client.get("/v1/api-keys")
        ends = []
        for process in (worker, api):
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(40):
                ends.append(await process.wait())
    finally:
        kafka_broker.restart()
        await worker_client.aclose()
        await api_client.aclose()

    assert not_api.status_code == 404
    assert [probe.status_code for probe in probes] == [200, 200]
    assert "opsloop_due_pending" in probes[1].text
    assert made.status_code == 201
    assert "opsloop_http_requests_total" in api_metrics
    assert workers == 1
    assert degraded.json()["checks"]["bus"] != "ok"
    assert accepting.status_code == 200
    assert ends == [0, 0]
