"""Peers beyond the database that fall silent: Kafka, mail servers, receivers of webhooks. Events and mails flow again by themselves."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from opsloop_common import outbox
from opsloop_common.bus.kafka import KafkaBus, create_topics
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.outbox.relay import Relay
from opsloop_common.service import Service, Slice
from opsloop_common.settings import Settings
from opsloop_common.testing.kafka import JarBroker, NoBroker, broker_jars
from opsloop_common.testing.prerequisites import end_without
from opsloop_common.testing.proxy import Proxy
from opsloop_common.testing.sample.service import SAMPLE
from tests.harness import eventually

pytestmark = pytest.mark.slow

AGAIN_SECONDS = 10.0


async def _true(value: bool) -> bool:
    return value


@pytest.fixture
async def kafka_behind_proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    """A broker of its own that tells its clients the proxy's address."""
    try:
        jars = await asyncio.to_thread(broker_jars)
    except NoBroker as error:
        end_without(str(error))
    async with Proxy(("127.0.0.1", 0)).running() as proxy:
        broker = await asyncio.to_thread(JarBroker, jars, tmp_path, advertised=f"127.0.0.1:{proxy.port}")
        proxy.target = ("127.0.0.1", int(broker.bootstrap.rpartition(":")[2]))
        try:
            yield proxy
        finally:
            await asyncio.to_thread(broker.kill9)


class Flow:
    """Events appended to an outbox ten times a second, and what a consumer got."""

    def __init__(self) -> None:
        self.appended: dict[str, float] = {}
        self.handled: Counter[str] = Counter()
        self.handled_at: dict[str, float] = {}

    async def handle(self, _session, event) -> None:
        self.handled[event.data["name"]] += 1
        self.handled_at[event.data["name"]] = time.monotonic()

    def again_after(self, moment: float) -> float:
        """Return how many seconds after `moment` an event was handled that was appended after it."""
        late = [self.handled_at[name] for name, at in self.appended.items() if at > moment and name in self.handled_at]
        return min(late, default=float("inf")) - moment


@asynccontextmanager
async def flowing(proxy: Proxy, make_database) -> AsyncIterator[Flow]:
    """Have events flow through Kafka for the length of the block; afterwards wait until all have come."""
    flow, stop = Flow(), asyncio.Event()
    settings = Settings(
        kafka_bootstrap=f"127.0.0.1:{proxy.port}",
        kafka_prefix=f"t{uuid4().hex[:8]}",
        kafka_session_timeout_ms=6_000,
        kafka_replication=1,
        instance="one",
    )
    await create_topics(settings, ["sample"])
    producer, consumer = await make_database(SAMPLE), await make_database(SAMPLE)
    subscription = Subscription("sample.flow", frozenset({"*"}), flow.handle)
    service = Service(
        "sample", "", SAMPLE.metadata, SAMPLE.migrations, (), slices=(Slice("heard", subscriptions=[subscription]),)
    )
    bus = KafkaBus(settings, service, producers=["sample"])

    async def append() -> None:
        while not stop.is_set():
            name = uuid4().hex
            async with producer.transaction(Context(workspace="acme")) as session:
                outbox.append(session, CampaignPaused(campaign_id=uuid4(), name=name))
            flow.appended[name] = time.monotonic()
            await asyncio.sleep(0.1)  # between two events, until the flow is stopped

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Relay(producer, bus).running())
        await stack.enter_async_context(bus.consuming(service, consumer))
        appending = asyncio.create_task(append())
        try:
            await eventually(lambda: _true(len(flow.handled) > 10), what="events flow")
            yield flow
        finally:
            stop.set()
            await appending
        await eventually(lambda: _true(len(flow.handled) == len(flow.appended)), what="every event handled")


async def _swallow(proxy: Proxy, seconds: float) -> None:
    proxy.swallow()
    await asyncio.sleep(seconds)  # the outage


async def _shut(proxy: Proxy, seconds: float) -> None:
    proxy.shut()
    await asyncio.sleep(seconds)  # the outage
    proxy.open()


async def _reset(proxy: Proxy, seconds: float) -> None:
    await proxy.reset()
    await asyncio.sleep(seconds)  # the outage


MODES = {"swallow": _swallow, "shut": _shut, "reset": _reset}


@pytest.mark.kafka
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("mode", "seconds"),
    [("swallow", 6.0), *(pytest.param(mode, 30.0, marks=pytest.mark.soak) for mode in MODES)],
)
async def test_kafka_falls_silent(kafka_behind_proxy: Proxy, make_database, mode: str, seconds: float):
    async with flowing(kafka_behind_proxy, make_database) as flow:
        began = time.monotonic()
        await MODES[mode](kafka_behind_proxy, seconds)
        back = time.monotonic()
        await eventually(lambda: _true(flow.again_after(back) < 60), within=60, what="events flow again")

    doubled = sum(count - 1 for count in flow.handled.values())
    print(
        f"Kafka {mode} {seconds:.0f} s: events appended after its begin came {flow.again_after(began):.1f} s after it, after its "
        f"end {flow.again_after(back):.1f} s after that; {len(flow.appended)} appended, {len(flow.handled)} applied, {doubled} twice"
    )
    assert flow.again_after(back) < AGAIN_SECONDS
    assert doubled == 0
