"""What tests of persons say and look at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest_asyncio
from sqlalchemy import text

from opsloop_common.db import Context, Database
from opsloop_common.secretbox import SecretBox
from opsloop_common.testing.due import run_due
from opsloop_metrics.app import SERVICE
from opsloop_metrics.capture.rules import Heard, Link, Message, MessageKind
from opsloop_metrics.monitors import service as watching
from opsloop_metrics.people import service
from opsloop_metrics.people.rules import Absorbed
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.store.opening import NoStore
from opsloop_metrics.visits.rules import nowhere

T0 = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
ACME = "acme"


def said(
    id: str,
    *links: str,
    user: bool = False,
    explicit: bool = False,
    trusted: bool = True,
    minute: float = 0,
    kind: MessageKind = MessageKind.TRACK,
    **fields,
) -> Heard:
    """Return what somebody said: links are to the ids named."""
    claims = tuple(Link(other, explicit) for other in links)
    message = Message(kind, "e", id, is_identified=user, links=claims, **fields)
    return Heard(message, T0 + timedelta(minutes=minute), trusted, "key:1")


def identify(user: str, *links: str, **fields) -> Heard:
    return said(user, *links, user=True, kind=MessageKind.IDENTIFY, **fields)


def alias(user: str, previous: str, **fields) -> Heard:
    return said(user, previous, user=True, explicit=True, kind=MessageKind.ALIAS, **fields)


TABLES = ("person", "person_alias", "person_merge", "group_profile", "person_group", "erased_person")


async def absorb(db: Database, *block: Heard, workspace: str = "acme") -> Absorbed:
    """Take in a block in a transaction of its own."""
    async with db.transaction(Context(workspace)) as session:
        return await service.absorb(session, block)


async def rows(db: Database, sql: str, workspace: str = "acme", **given: Any) -> Sequence[Any]:
    """Return what a statement finds in a workspace."""
    async with db.transaction(Context(workspace)) as session:
        return (await session.execute(text(sql), given)).all()


async def stored(db: Database, workspace: str = "acme") -> dict[str, list[Any]]:
    """Return all that is kept of persons, without when it was written."""
    found = {}
    for table in TABLES:
        query = f"SELECT to_jsonb(t) - 'created_at' - 'updated_at' - 'met_at' - 'erased_at' AS row FROM {table} AS t"
        found[table] = sorted((row for (row,) in await rows(db, query, workspace)), key=str)
    return found


async def partition(db: Database, workspace: str = "acme") -> list[set[str]]:
    """Return who is one, as sets of ids."""
    query = "SELECT array_agg(distinct_id) FROM person_alias GROUP BY person_id"
    return sorted((set(ids) for (ids,) in await rows(db, query, workspace)), key=sorted)


USERS = "/v1/users"


class Store:
    """A store of events for tests; it can be out of reach."""

    def __init__(self):
        self.erased, self.is_down = [], False

    async def erase(self, workspace, person_ids):
        if self.is_down:
            raise ConnectionError("the store is out of reach")
        self.erased.append((workspace, set(person_ids)))


class People:
    """Metrics with a store of events, and keys to its door."""

    def __init__(self, api, headers, store):
        self.api, self.headers, self.store = api, headers, store

    async def call(self, method, path, status=200, **options):
        answer = await self.api.client.request(method, path, **({"headers": self.headers} | options))
        assert answer.status_code == status, answer.text
        return answer

    async def get(self, path, **params):
        return (await self.call("GET", path, params=params)).json()

    async def hear(self, *block):
        return await absorb(self.api.db, *block)

    async def run(self, *, raising=True):
        await run_due(self.api.db, SERVICE.due, raising=raising)


@pytest_asyncio.fixture
async def people(api):
    store = Store()
    opened = await api(
        SERVICE,
        ports=MetricsPorts(
            watching=watching,
            muting=Mock(),
            store=NoStore(),
            sink=Mock(),
            find_place=nowhere,
            secrets=SecretBox("a secret of tests"),
            person_events=store,
            feed=Mock(),
            insights={},
            answers=Mock(),
            outbound=Mock(),
            keys_asking=Mock(),
        ),
    )
    return People(opened, await opened.key("metrics:read", "metrics:write"), store)


async def a_customer(people):
    """Make u, who came as a from an ad, wrote from b too, and is in a company."""
    await people.hear(said("a", minute=-5, traits_set_once={"source": "ad"}))
    await people.hear(identify("u", "a", traits_set={"plan": "pro", "email": "u@example.test"}))
    await people.hear(said("b", minute=1), alias("u", "b", minute=2))
    company = {"company": "c1"}
    await people.hear(said("u", minute=3, kind=MessageKind.GROUP, groups=company, group_traits={"seats": 5}))
