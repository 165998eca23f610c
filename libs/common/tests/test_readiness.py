"""Readiness tells what a request would meet, and asking costs next to nothing however many ask."""

import asyncio
import time

import pytest
from asyncpg import exceptions as pg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from opsloop_common import limits
from opsloop_common.http.problems import as_domain_error
from opsloop_common.lanes import Lanes
from opsloop_common.service import Check
from opsloop_common.testing.sample.service import SAMPLE


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


@pytest.fixture
def rounds(monkeypatch):
    """How often the database was asked."""
    asked = []
    fetch = Lanes.fetch

    async def counting(self, statement, given):
        asked.append(statement)
        return await fetch(self, statement, given)

    monkeypatch.setattr(Lanes, "fetch", counting)
    return asked


async def test_many_who_ask_at_once_share_one_answer_for_a_second(sample, rounds, monkeypatch):
    answers = await asyncio.gather(*[sample.client.get("/readyz") for _ in range(50)])
    assert {answer.status_code for answer in answers} == {200}
    assert len(rounds) == 1

    monkeypatch.setattr(limits, "READINESS_KEPT_SECONDS", 0.0)
    sample.runtime.asked = None
    await sample.client.get("/readyz")
    await sample.client.get("/readyz")
    assert len(rounds) == 3


async def test_one_who_hangs_up_does_not_spoil_the_answer_for_the_others(sample):
    first, second = (asyncio.create_task(sample.client.get("/readyz")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).status_code == 200


async def test_another_check_counts_at_once(sample):
    async def stopping():
        return Check("role", False, "stopping")

    assert (await sample.client.get("/readyz")).status_code == 200
    sample.runtime.readiness.insert(0, stopping)
    assert (await sample.client.get("/readyz")).json()["checks"]["role"] == "stopping"


@pytest.mark.parametrize("taken", ["lanes", "pool"])
async def test_it_goes_the_ways_of_a_request(sample, monkeypatch, taken):
    monkeypatch.setattr(limits, "READINESS_SECONDS", 0.5)
    database = sample.db
    began = time.monotonic()
    async with asyncio.TaskGroup() as busy, asyncio.timeout(10):
        if taken == "lanes":
            for _ in range(5):
                await database.lanes._places.enter("", time.monotonic() + 10)
        else:
            for _ in range(10):
                busy.create_task(_hold(database))
            await asyncio.sleep(0.2)  # all ten have asked for a connection by now
        answer = await sample.client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "no answer within 0.5 s"
    assert time.monotonic() - began < 5


async def _hold(database):
    async with database.transaction() as session:
        await session.execute(text("SELECT pg_sleep(1)"))


def test_a_full_disk_and_a_statement_that_took_too_long_say_so():
    full = as_domain_error(DBAPIError("", None, _caused_by(pg.DiskFullError("no room"))))
    slow = as_domain_error(pg.QueryCanceledError("canceling statement due to statement timeout"))

    assert (full.status, full.detail) == (503, "The database's disk is full: nothing can be stored.")
    assert (slow.status, slow.headers["Retry-After"]) == (503, "1")
    assert "too long" in slow.detail


def test_what_was_deleted_while_something_began_to_refer_to_it_may_be_tried_again():
    gone = as_domain_error(DBAPIError("", None, _caused_by(pg.ForeignKeyViolationError("is not present in table"))))

    assert (gone.status, gone.headers["Retry-After"]) == (503, "1")


def _caused_by(cause):
    error = Exception("wrapped")
    error.__cause__ = cause
    return error
