"""kill -9 during capture, again and again: what was acknowledged is there, and once, although it is sent until it is acknowledged."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.harness import Deployment, eventually

pytestmark = pytest.mark.slow

KILLS = (3, pytest.param(20, marks=pytest.mark.soak))
SENDERS = 4
COUNT = """
import sys
from chdb import connect
counted = connect(sys.argv[1]).query("SELECT count(), uniqExact(message_id) FROM opsloop.event WHERE kind = 'track'", "TSV")
print(counted.bytes().decode())
"""


class Shop:
    """Clients that send batches of ten, each until it is acknowledged, half of them twice."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.acknowledged: set[str] = set()
        self.stopping = asyncio.Event()

    async def has_more_than(self, count: int) -> bool:
        """Say whether so many messages are acknowledged."""
        return len(self.acknowledged) > count

    async def send(self, chance: random.Random) -> None:
        client = self._deployment.client("metrics")
        while not self.stopping.is_set():
            batch = [
                {"type": "track", "event": "Bought", "messageId": str(uuid4()), "userId": f"u{chance.randrange(50)}"}
                for _ in range(10)
            ]
            await self._until_acknowledged(client, batch)
            if chance.random() < 0.5:
                await self._until_acknowledged(client, batch)

    async def _until_acknowledged(self, client: httpx.AsyncClient, batch: list[dict[str, str]]) -> None:
        async with asyncio.timeout(120):
            while True:
                try:
                    answer = await client.post("/v1/batch", json={"batch": batch})
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                    continue
                if answer.status_code == 200:
                    self.acknowledged |= {message["messageId"] for message in batch}
                    return
                assert answer.status_code == 503, answer.text
                await asyncio.sleep(0.05)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kills", KILLS)
async def test_what_was_acknowledged_is_there_once(embedded_deployment: Deployment, kills: int) -> None:
    chance = random.Random(20261126)
    process = embedded_deployment.processes["opsloop"]
    await embedded_deployment.ready()
    shop = Shop(embedded_deployment)
    sending = [asyncio.create_task(shop.send(random.Random(number))) for number in range(SENDERS)]
    for _ in range(kills):
        before = len(shop.acknowledged)
        await eventually(partial(shop.has_more_than, before + 50), within=60, every=0.01, what="acknowledgements")
        await asyncio.sleep(chance.random() * 0.3)  # any moment: before, in and after a block
        process.kill9()
        process.start()
        await embedded_deployment.ready()
    shop.stopping.set()
    await asyncio.gather(*sending)
    process.terminate()

    folder = Path(process.environment["OPSLOOP_DATA_DIR"]) / "events"
    counted = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", COUNT, str(folder)], capture_output=True, text=True, check=True
    )
    print(f"{kills} kills, {len(shop.acknowledged)} messages acknowledged, stored and apart: {counted.stdout.strip()}")
    assert counted.stdout.split() == [str(len(shop.acknowledged))] * 2
