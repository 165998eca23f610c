"""What a service keeps open: in every role for as long as it runs, and the same from everywhere."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from opsloop_common.clock import SystemClock
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context, ports_of, settings_of
from opsloop_common.due import DueKind, schedule, start_job
from opsloop_common.ids import uuid7
from opsloop_common.inbox.apply import apply
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.runner.serve import serve
from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime
from opsloop_common.settings import Settings
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import make_event
from opsloop_common.testing.http import TEST_SECRET, settings_for_tests
from opsloop_common.testing.sample.service import SAMPLE

ACME = Context("acme")


class OwnSettings(Settings):
    """Settings of a service's own."""

    shelf: str = "top"


@dataclass
class Ports:
    """A file store that notes what is done to it."""

    log: list[str] = field(default_factory=list)


class Store:
    """Opens its ports, and tells how often."""

    def __init__(self) -> None:
        self.ports, self.opened, self.closed, self.is_open = Ports(), 0, 0, asyncio.Event()

    @asynccontextmanager
    async def open(self, runtime):
        assert settings_of(runtime, OwnSettings).shelf == "top"
        self.opened += 1
        self.is_open.set()
        try:
            yield self.ports
        finally:
            self.closed += 1

    @property
    def service(self):
        return replace(SAMPLE, settings=OwnSettings, open=self.open)


async def test_a_handler_a_due_row_a_job_and_a_worker_have_the_same_ports(api):
    store = Store()
    sample = await api(store.service)

    async def handle(session, event):
        ports_of(session, Ports).log.append(f"event {settings_of(session, OwnSettings).shelf}")

    async def when_due(session, row):
        ports_of(session, Ports).log.append("due")

    async def job(run):
        ports_of(run, Ports).log.append("job")

    async def work(runtime):
        ports_of(runtime, Ports).log.append("worker")

    await apply(
        sample.db,
        Subscription("sample.test", frozenset({"*"}), handler=handle),
        make_event(CampaignPaused(campaign_id=uuid7(), name="x")),
    )
    async with sample.db.transaction(ACME) as session:
        await schedule(session, "when", "a", sample.clock.now())
        await start_job(session, "job")
    sample.clock.advance(timedelta(seconds=1))
    await run_due(sample.db, [DueKind("when", when_due), DueKind("job", job, long=True)])
    await work(sample.runtime)

    assert sorted(store.ports.log) == ["due", "event top", "job", "worker"]
    assert sample.runtime.ports is ports_of(sample.db, Ports) is store.ports
    assert (store.opened, store.closed) == (1, 0)


async def test_a_fake_stands_in_and_nothing_is_opened(api):
    store, fake = Store(), Ports()

    sample = await api(store.service, ports=fake)

    assert ports_of(sample.db, Ports) is fake
    assert store.opened == 0


async def test_what_is_not_open_is_not_found(api):
    sample = await api(SAMPLE)

    with pytest.raises(LookupError, match="Ports are not open here"):
        ports_of(sample.runtime, Ports)
    with pytest.raises(LookupError, match="OwnSettings are not the settings here, but Settings"):
        settings_of(sample.db, OwnSettings)


async def test_a_runtime_refuses_settings_of_another_class(api):
    with pytest.raises(TypeError, match="sample goes by OwnSettings"):
        await api(Store().service, settings_for_tests())


@pytest.mark.parametrize("role", ["api", "worker", "all"])
async def test_every_role_opens_them_and_closes_them_at_its_end(make_database, role):
    store = Store()
    runtime = Runtime(
        service=store.service,
        settings=settings_for_tests(OwnSettings),
        db=await make_database(SAMPLE),
        clock=SystemClock(),
        secrets=SecretBox(TEST_SECRET),
        registry=CollectorRegistry(),
    )

    serving = asyncio.create_task(serve(runtime, role, host="127.0.0.1", port=0))
    await asyncio.wait_for(store.is_open.wait(), 30)
    assert ports_of(runtime, Ports) is store.ports
    assert settings_of(runtime.db, OwnSettings).port == runtime.settings.port != 8080
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 30)

    assert (store.opened, store.closed) == (1, 1)
    assert runtime.ports is None
