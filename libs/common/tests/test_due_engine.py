"""The dispatcher and a database that is away for a moment: what is in flight goes on, and what came of it is written down."""

import asyncio
from dataclasses import dataclass, field

from opsloop_common.due import engine
from opsloop_common.due.engine import Claimed, Engine
from opsloop_common.ids import uuid7


@dataclass
class Piece:
    group: str = "a"
    id: object = field(default_factory=uuid7)


class Work:
    """Pieces to do; `claim` and `record` fail as often as they are told to."""

    table = QUEUE_TABLE
    never_left = 10

    def __init__(self):
        self.waiting = [Piece(), Piece()]
        self.performed, self.recorded = [], []
        self.claims_fail = self.records_fail = 0
        self.release = asyncio.Event()

    async def claim(self, *, now, owner, limit, held):
        if self.claims_fail:
            self.claims_fail -= 1
            raise TimeoutError
        found, self.waiting = self.waiting, []
        return found

    def places(self, group):
        return 10

    async def perform(self, job):
        await self.release.wait()
        self.performed.append(job.id)
        return job.id

    def broken(self, job, error):
        return None

    async def record(self, results, *, owner):
        if self.records_fail:
            self.records_fail -= 1
            raise ConnectionError
        self.recorded += results


async def test_a_database_that_is_away_ends_nothing_that_is_in_flight(service, work, until, monkeypatch):
    monkeypatch.setattr(dispatcher, "FAULT_PAUSE_SECONDS", 0.01)
    calls = Work()
    ids = {piece.id for piece in calls.waiting}

    async with work(service, lambda runtime: Dispatcher(runtime, calls).run()):
        await until(lambda: not calls.waiting, "claimed")
        calls.claims_fail = calls.records_fail = 3
        service.db.wakeups.fire(QUEUE_TABLE)
        await until(lambda: calls.claims_fail == 0, "claimed again")
        calls.release.set()
        await until(lambda: len(calls.recorded) == 2, "recorded", within=5)

    assert calls.records_fail == 0
    assert set(calls.performed) == set(calls.recorded) == ids
    assert len(calls.performed) == 2
