"""Deployments for the tests that cross services."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.testing.run import shared_folder, taking_turns
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
def is_forked() -> bool:
    """Whether a module's deployments are forked from what has imported OpsLoop, or run by its commands."""
    return True


@pytest.fixture(scope="session")
def prepared_data() -> Path:
    """The data directory of an all-in-one that was started once and ended, made once a run: most tests want no first start."""
    folder = shared_folder() / "prepared"
    with taking_turns(folder.with_suffix(".lock")):
        if not folder.exists():
            making = Path(tempfile.mkdtemp(prefix="opsloop-first-"))
            making.chmod(0o755)
            asyncio.run(_start_once(harness.embedded(making, socket_dir=_socket_dir)))
            making.rename(folder)
    return folder / "data"


async def _start_once(deployment: Deployment) -> None:
    for process in deployment.processes.values():
        process.start()
    try:
        await deployment.ready()
    finally:
        await deployment.close()


def _socket_dir(data_dir: Path) -> Path:
    from opsloop.data import postgres_dir

    return PostgresServer(postgres_dir(data_dir)).socket_dir


@pytest.fixture
async def embedded_deployment(
    run_folder: Path, prepared_data: Path, smtp_sink, deployment_settings, is_forked
) -> AsyncIterator[Deployment]:
    """The all-in-one, ready on data of its own."""
    await asyncio.to_thread(harness.copy_data, prepared_data, run_folder)
    deployment = harness.embedded(
        run_folder,
        socket_dir=_socket_dir,
        is_forked=is_forked,
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
    run_folder: Path, smtp_sink, databases, kafka_broker, deployment_settings, is_forked
) -> AsyncIterator[Deployment]:
    """Four processes on real Kafka, migrated, started and ready."""
    urls = {service: await databases.create_empty(f"{service}_{run_folder.name[-8:]}") for service in harness.SERVICES}
    deployment = harness.distributed(
        run_folder,
        bootstrap=kafka_broker.bootstrap,
        database_urls=urls,
        is_forked=is_forked,
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
