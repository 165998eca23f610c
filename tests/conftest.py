"""Deployments for the tests that cross services."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from opsloop_common.embedded_postgres import PostgresServer
from tests import harness
from tests.harness import Deployment


@pytest.fixture
def run_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's unprivileged user may enter, also when the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="opsloop-run-"))
    folder.chmod(0o755)
    yield folder
    if not os.environ.get("OPSLOOP_KEEP"):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def deployment_settings() -> dict[str, str]:
    """Further settings of a module's deployments."""
    return {}


@pytest.fixture
async def embedded_deployment(run_folder: Path, smtp_sink, deployment_settings) -> AsyncIterator[Deployment]:
    """The all-in-one, started and ready."""
    from opsloop.data import postgres_dir

    deployment = harness.embedded(
        run_folder,
        socket_dir=lambda data_dir: PostgresServer(postgres_dir(data_dir)).socket_dir,
        OPSLOOP_SMTP_URL=smtp_sink.url,
        OPSLOOP_RATE_LIMIT_PER_SECOND="100000",
        OPSLOOP_RATE_LIMIT_BURST="100000",
        **deployment_settings,
    )
    for process in deployment.processes.values():
        process.start()
    try:
        await deployment.ready()
        yield deployment
    finally:
        await deployment.close()


@pytest.fixture
async def distributed_deployment(
    run_folder: Path, smtp_sink, databases, kafka_broker, deployment_settings
) -> AsyncIterator[Deployment]:
    """Four processes on real Kafka, migrated, started and ready."""
    urls = {service: await databases.create_empty(f"{service}_{run_folder.name[-8:]}") for service in harness.SERVICES}
    deployment = harness.distributed(
        run_folder,
        bootstrap=kafka_broker.bootstrap,
        database_urls=urls,
        OPSLOOP_SMTP_URL=smtp_sink.url,
        **deployment_settings,
    )
    harness.migrate(deployment)
    for process in deployment.processes.values():
        process.start()
    try:
        await deployment.ready()
        yield deployment
    finally:
        await deployment.close()
        for url in urls.values():
            await databases.drop(url)


@pytest.fixture(params=["embedded", pytest.param("distributed", marks=pytest.mark.kafka)])
def loop_deployment(request: pytest.FixtureRequest) -> Deployment:
    """Both ways to run, one after the other."""
    deployment: Deployment = request.getfixturevalue(f"{request.param}_deployment")
    return deployment
