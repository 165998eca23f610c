"""accepted = emitted = applied, under kill -9 of everything that can be killed."""

from __future__ import annotations

import asyncio
import os
import random

import httpx
import psutil
import pytest

from tests.faults.ledger import Ledger, listen_to_everything, post_many, settle_and_check
from tests.harness import SERVICES, Deployment, Process, eventually, postmasters

pytestmark = pytest.mark.slow

FAILPOINTS = [
    "relay.after_publish",
    "consumer.after_commit",
    # nothing has happened yet: those after it say the harder thing
    *(pytest.param(each, marks=pytest.mark.soak) for each in ("relay.before_publish", "consumer.before_commit")),
]

EACH_TIME = 24
"""Posts around the deaths of one process: three for each of those that post at once."""
SECOND_DEATHS = {
    "feedback": "relay.after_publish",
    "metrics": "consumer.after_commit",
    "notifications": "consumer.before_commit",
}
"""Where a process dies that has just got up again."""


async def _post_until_dead(
    client: httpx.AsyncClient, ledger: Ledger, process: Process, *, each_time: int = EACH_TIME
) -> asyncio.Task[None]:
    """Post on until `process` killed itself, and return the posts still under way.

    Nobody knows how many passings a number of posts makes: a busy machine gathers all of them into one.
    """
    posting = asyncio.create_task(post_many(client, ledger, each_time))

    async def dead() -> bool:
        nonlocal posting
        if posting.done():
            await posting
            posting = asyncio.create_task(post_many(client, ledger, each_time))
        return process.is_dead()

    await eventually(dead, what=f"{process.name} killed itself at its fail-point")
    return posting


async def _restart_at_failpoint(deployment: Deployment, process: Process, failpoint: str, nth: int) -> None:
    process.kill9()
    process.start(OPSLOOP_FAILPOINT=f"{failpoint}:{nth}")
    try:
        await deployment.ready()
    except AssertionError:
        if not process.is_dead():  # the fail-point may strike before all are ready, at events that waited
            raise


@pytest.mark.timeout(240)
@pytest.mark.parametrize("failpoint", FAILPOINTS)
async def test_the_all_in_one_dies_at_a_failpoint(embedded_deployment: Deployment, webhook_receiver, failpoint: str):
    ledger = Ledger()
    process = embedded_deployment.processes["opsloop"]
    await listen_to_everything(embedded_deployment, webhook_receiver.url)
    await _restart_at_failpoint(embedded_deployment, process, failpoint, 5)

    posting = await _post_until_dead(embedded_deployment.client("feedback"), ledger, process, each_time=60)
    process.start()
    await posting

    print(failpoint, await settle_and_check(embedded_deployment, ledger, webhook_receiver))


@pytest.mark.timeout(240)
async def test_the_all_in_one_dies_at_random(embedded_deployment: Deployment, webhook_receiver):
    ledger = Ledger()
    chance = random.Random(20261122)
    process = embedded_deployment.processes["opsloop"]
    await listen_to_everything(embedded_deployment, webhook_receiver.url)

    posting = asyncio.create_task(post_many(embedded_deployment.client("feedback"), ledger, 120))
    for accepted in (20, 60):
        await ledger.reaches(accepted)
        await asyncio.sleep(chance.uniform(0.0, 0.3))
        process.kill9()
        process.start()
        await embedded_deployment.ready()
    await posting

    print("random", await settle_and_check(embedded_deployment, ledger, webhook_receiver))


@pytest.mark.timeout(240)
async def test_postgresql_dies_beneath_the_all_in_one(embedded_deployment: Deployment, webhook_receiver):
    ledger = Ledger()
    await listen_to_everything(embedded_deployment, webhook_receiver.url)

    posting = asyncio.create_task(post_many(embedded_deployment.client("feedback"), ledger, 120))
    for accepted in (20, 60):
        await ledger.reaches(accepted)
        for pid in postmasters(embedded_deployment):
            psutil.Process(pid).kill()
    await posting

    print("postgresql", await settle_and_check(embedded_deployment, ledger, webhook_receiver))


@pytest.mark.kafka
@pytest.mark.timeout(400)
async def test_four_processes_and_the_broker_die_in_turn(
    distributed_deployment: Deployment, webhook_receiver, kafka_broker
):
    deployment, ledger = distributed_deployment, Ledger()
    client = deployment.client("feedback")
    await listen_to_everything(deployment, webhook_receiver.url)

    for service in SERVICES:
        process, accepted = deployment.processes[service], len(ledger.accepted)
        posting = asyncio.create_task(post_many(client, ledger, EACH_TIME))
        await ledger.reaches(accepted + EACH_TIME // 3)
        process.kill9()
        if failpoint := SECOND_DEATHS.get(service):
            process.start(OPSLOOP_FAILPOINT=f"{failpoint}:2")
            later = await _post_until_dead(client, ledger, process)
            process.start()
            await later
        else:
            process.start()
        await posting
        await deployment.ready()
    posting = asyncio.create_task(post_many(client, ledger, EACH_TIME))
    kafka_broker.kill9()
    await posting  # the API goes on accepting while the broker is away
    kafka_broker.restart()

    print("distributed", await settle_and_check(deployment, ledger, webhook_receiver, within=120))


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_soak_embedded(embedded_deployment: Deployment, webhook_receiver):
    ledger = Ledger()
    seed = int(os.environ.get("OPSLOOP_SOAK_SEED", "1"))
    chance = random.Random(seed)
    process = embedded_deployment.processes["opsloop"]
    await listen_to_everything(embedded_deployment, webhook_receiver.url)

    posting = asyncio.create_task(post_many(embedded_deployment.client("feedback"), ledger, 2000))
    kills = 0
    while not posting.done():
        await asyncio.sleep(chance.uniform(0.5, 3.0))
        if chance.random() < 0.4:
            process.kill9()
            process.start(OPSLOOP_FAILPOINT=f"{chance.choice(FAILPOINTS)}:{chance.randrange(50, 400)}")
        elif process.is_dead():
            process.start()
        else:
            continue
        kills += 1
        await _ready_or_dead(embedded_deployment, process)
    await posting
    if process.is_dead():
        process.start()

    print(
        f"soak embedded, seed {seed}, {kills} kills:",
        await _settle_restarting(embedded_deployment, ledger, webhook_receiver),
    )


async def _ready_or_dead(deployment: Deployment, process: Process) -> None:
    """A fail-point may strike before the service is ready: then it is simply started again."""
    try:
        await deployment.ready()
    except AssertionError:
        if not process.is_dead():
            raise
        process.start()
        await deployment.ready()


async def _settle_restarting(deployment: Deployment, ledger: Ledger, receiver) -> str:
    process = deployment.processes["opsloop"]
    process.kill9()  # whatever fail-point was still armed goes with it
    process.start()
    await deployment.ready()
    return await settle_and_check(deployment, ledger, receiver, within=180)


@pytest.mark.soak
@pytest.mark.kafka
@pytest.mark.timeout(1800)
async def test_soak_distributed(distributed_deployment: Deployment, webhook_receiver, kafka_broker):
    deployment, ledger = distributed_deployment, Ledger()
    seed = int(os.environ.get("OPSLOOP_SOAK_SEED", "1"))
    chance = random.Random(seed)
    await listen_to_everything(deployment, webhook_receiver.url)

    posting = asyncio.create_task(post_many(deployment.client("feedback"), ledger, 2000))
    kills: dict[str, int] = {}
    while not posting.done():
        await asyncio.sleep(chance.uniform(0.5, 3.0))
        victim = chance.choice([*SERVICES, "broker"])
        if victim == "broker":
            if kills.get("broker"):
                continue  # once is enough: each costs the broker's session time-out
            kafka_broker.kill9()
            kafka_broker.restart()
        else:
            deployment.processes[victim].kill9()
            deployment.processes[victim].start()
        kills[victim] = kills.get(victim, 0) + 1
        if chance.random() < 0.7:  # else the next one dies while this one is still getting up
            await deployment.ready()
    await posting
    await deployment.ready()

    print(
        f"soak distributed, seed {seed}, kills {kills}:",
        await settle_and_check(deployment, ledger, webhook_receiver, within=240),
    )
