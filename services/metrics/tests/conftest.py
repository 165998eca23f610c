"""A world for the tests of metrics: one service behind its door, its consumer, and time that is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import Author, FeedbackReceived, FeedbackReplied
from opsloop_common.testing.due import run_due, run_recurring
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import Api
from opsloop_metrics.app import SERVICE
from opsloop_metrics.monitors.consumers import EVENTS
from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.store.embedded import EmbeddedStore
from opsloop_metrics.store.opening import migrate_store
from opsloop_metrics.store.port import written
from opsloop_metrics.store.server import ServerStore
from services.metrics.tests.clickhouse_front import fronted
from services.metrics.tests.engine import emptied, without_syncs
from services.metrics.tests.wires import Capture

REPORTED = {"type": "reported"}


@dataclass
class World:
    """Metrics in workspace acme."""

    api: Api
    headers: dict[str, str]

    @property
    def now(self) -> datetime:
        return self.api.clock.now()

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self.api.client.request(method, path, **({"headers": self.headers} | options))

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.send("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any, expect: int = 201) -> Any:
        answer = await self.send("POST", path, json=body)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def kpi(self, measure: dict[str, Any] = REPORTED, key: str = "k", **fields: Any) -> dict[str, Any]:
        return await self.post("/v1/kpis", {"key": key, "name": "A KPI", "measure": measure} | fields)

    async def monitor(self, condition: dict[str, Any], key: str = "k", **fields: Any) -> dict[str, Any]:
        made = await self.post(f"/v1/kpis/{key}/monitors", {"condition": condition} | fields)
        await self.tick()
        return made

    async def report(self, value: float, at: datetime | None = None, key: str = "k") -> None:
        await self.post(f"/v1/kpis/{key}/values", {"value": value} | ({"at": at.isoformat()} if at else {}))

    async def status(self, key: str = "k") -> dict[str, Any]:
        return await self.get(f"/v1/kpis/{key}/status")

    async def state(self, key: str = "k") -> str:
        return (await self.status(key))["state"]

    async def tick(self, seconds: float | timedelta = 0) -> str | None:
        """Move time, and do what is due then."""
        self.api.clock.advance(seconds)
        await run_due(self.api.db, SERVICE.due)

    async def recur(self) -> None:
        """Do all that recurs, as if it were its turn."""
        await run_recurring(self.api.db, SERVICE.due)

    async def settle(self, seconds: float) -> None:
        """Let time pass, stopping at every instant that something was put off to."""
        until = self.now + timedelta(seconds=seconds)
        while (due_at := await self._next_due_at()) is not None and due_at <= until:
            self.api.clock.set(max(self.now, due_at))
            await self.tick()
        self.api.clock.set(until)

    async def _next_due_at(self) -> datetime | None:
        async with self.api.db.transaction() as session:
            return (await session.execute(text("SELECT min(due_at) FROM due"))).scalar_one()

    async def to_next_try(self) -> None:
        """Let time pass until the next row is due."""
        self.api.clock.set(max(self.now, await self._next_due_at() or self.now))

    async def hear(self, *events: Event) -> int:
        """Deliver events, and let the evaluations that they cause happen within the promised second."""
        applied = await deliver(self.api.db, EVENTS, *events)
        await self.tick(0.5)
        return applied

    async def hear_now(self, *events: Event) -> int:
        """Deliver events and let nothing else happen."""
        return await deliver(self.api.db, EVENTS, *events)

    async def evaluations_waiting(self) -> int:
        """Return how many evaluations are scheduled."""
        async with self.api.db.transaction() as session:
            return (
                await session.execute(text("SELECT count(*) FROM due WHERE kind = 'metrics.evaluate'"))
            ).scalar_one()

    async def told(self, *types: str) -> list[Event]:
        """Return what metrics said so far."""
        return [event for event in await self.api.events() if not types or event.type in types]

    def received(self, severity: str = "s1", at: datetime | None = None, **fields: Any) -> Event:
        """Return a feedback.received that happened at `at`."""
        fields = {"user": "u1", "rating": None, "channel": "api"} | fields
        at = at or self.now
        data = FeedbackReceived(
            feedback_id=uuid4(),
            number=1,
            kind="bug",
            severity=severity,
            sentiment=fields.get("sentiment", -1),
            rating=fields["rating"],
            channel=fields["channel"],
            tags=fields.get("tags", []),
            author=Author(user_id=fields["user"]),
            occurred_at=at,
        )
        return make_event(data, time=self.now, workspace=fields.get("workspace", "acme"))

    def thing(self, data: dict[str, Any], **fields: Any) -> Event:
        """Return an event with any data."""
        return thing_happened(data, **fields)

    def replied(self, seconds: float | None, at: datetime | None = None) -> Event:
        """Return a feedback.replied sent at `at`."""
        data = FeedbackReplied(
            feedback_id=uuid4(),
            number=1,
            message_id=uuid4(),
            is_first=seconds is not None,
            reply_seconds=seconds,
            author=Author(user_id="u1"),
        )
        return make_event(data, time=at or self.now)


@pytest_asyncio.fixture
async def store(events_engine: EmbeddedStore) -> EmbeddedStore:
    """Return an event store that holds nothing."""
    await emptied(events_engine)
    return events_engine


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of something that speaks like a ClickHouse server."""
    with fronted(tmp_path_factory.mktemp("clickhouse")) as url:
        asyncio.run(opened(url))
        yield url


async def opened(url: str) -> None:
    await migrate_store(MetricsSettings(clickhouse_url=url))
    store = ServerStore(url)
    await without_syncs(store)
    await store.close()


@pytest_asyncio.fixture
async def server_store(clickhouse: str) -> AsyncIterator[ServerStore]:
    """Return the event store on a server, which holds nothing."""
    store = ServerStore(clickhouse)
    await emptied(store)
    yield store
    await store.close()


@pytest_asyncio.fixture
async def world_with_store(api: Callable[..., Any], store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world that has an event store."""
    monkeypatch.setattr("opsloop_metrics.app.open_store", lambda settings: nullcontext(store))
    service = await api(SERVICE)
    return World(service, await service.key("metrics:read", "metrics:write", "metrics:capture"))


@pytest.fixture
def capture(world_with_store: World, store: EmbeddedStore) -> Capture:
    """Return a service that captures, with what tests of all its vendors share."""
    return Capture(world_with_store, store)


@pytest_asyncio.fixture
async def make_world(api: Callable[..., Any]) -> Callable[..., Awaitable[World]]:
    """Return a function that opens a world with settings of its own."""

    async def make(*settings: Any) -> World:
        service = await api(SERVICE, *settings)
        return World(service, await service.key("metrics:read", "metrics:write"))

    return make


def thing_happened(
    data: dict[str, Any], *, at: datetime, type: str = "thing.happened", workspace: str = "acme"
) -> Event:
    """Return an event with any data, of a type that no contract knows."""
    return Event(
        id=uuid4(),
        source="/opsloop/sample",
        type=type,
        subject="thing/1",
        time=at,
        dataschema=f"urn:opsloop:schema:{type}:1",
        workspace=workspace,
        actor="system",
        partitionkey="thing/1",
        sequence=1,
        correlationid="c",
        data=data,
    )


@pytest.fixture
def thing() -> Callable[..., Event]:
    return thing_happened


@pytest_asyncio.fixture
async def world(make_world: Callable[..., Awaitable[World]]) -> World:
    return await make_world()


class Funnels:
    """Tells what people did on 2 March 2026, and asks for funnels of that day."""

    NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
    RANGE = {"from": "2026-03-02", "to": "2026-03-02", "time_zone": "UTC"}  # noqa: RUF012
    COLUMNS = (
        "workspace", "id", "message_id", "kind", "event", "time", "distinct_id", "person", "utm_source", "is_bot",
        "is_personless", "properties",
    )  # fmt: skip

    def __init__(self, world: World, store: EmbeddedStore) -> None:
        self.world, self.store = world, store

    @staticmethod
    def person(name: str) -> str:
        return str(uuid5(UUID(int=7), name))

    @staticmethod
    def story(text: str, who: str = "p") -> list[tuple[str, str, int]]:
        """Return events of a text such as `A0 B1`: names and minutes after noon."""
        return [(who, word[0], int(word[1:])) for word in text.split()]

    async def happened(self, *events: Any, workspace: str = "acme", **others: Any) -> None:
        """Tell events: (person, name, minutes after noon) and, where given, columns or properties."""
        await self.store.insert("opsloop.event", self.COLUMNS, self.rows(events, workspace, others))

    def rows(self, events: Iterable[Any], workspace: str, others: dict[str, Any]) -> list[list[Any]]:
        rows: list[list[Any]] = []
        for number, (who, name, minutes, *more) in enumerate(events):
            own = {"kind": "track", "utm_source": "", "is_bot": 0, "is_personless": 0, "properties": {}} | others
            own |= more[0] if more else {}
            time = written(self.NOON + timedelta(minutes=minutes))
            rows.append(
                [
                    workspace,
                    str(uuid4()),
                    own.get("message_id", f"m{number:05}"),
                    own["kind"],
                    name,
                    time,
                    who,
                    self.person(who),
                    own["utm_source"],
                    own["is_bot"],
                    own["is_personless"],
                    json.dumps(own["properties"]),
                ]
            )
        return rows

    async def ask(self, *steps: Any, expect: int = 200, headers: dict[str, str] | None = None, **query: Any) -> Any:
        body = self.RANGE | {"steps": [step if isinstance(step, dict) else {"event": step} for step in steps]} | query
        answer = await self.world.send("POST", "/v1/insights/funnel", json=body, headers=headers or self.world.headers)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def counts(self, *steps: Any, **query: Any) -> list[int]:
        return [step["count"] for step in (await self.ask(*steps, **query))["steps"]]

    async def counts_of(self, worlds: dict[str, tuple[list[Any], list[Any], dict[str, Any]]]) -> dict[str, list[int]]:
        """Return the counts of small worlds: (events, steps, query). Each is a workspace of its own, a few are asked at once."""
        places = {name: f"world-{number}" for number, name in enumerate(worlds)}
        rows = [row for name, (events, _, _) in worlds.items() for row in self.rows(events, places[name], {})]
        await self.store.insert("opsloop.event", self.COLUMNS, rows)
        turn = asyncio.Semaphore(3)

        async def counts(name: str) -> list[int]:
            _, steps, query = worlds[name]
            async with turn:
                headers = await self.world.api.key("metrics:read", workspace=places[name])
                return await self.counts(*steps, headers=headers, **query)

        return dict(zip(worlds, await asyncio.gather(*map(counts, worlds)), strict=True))

    async def persons(self, step: int, *steps: str, dropped: bool = False, limit: int = 50, **query: Any) -> list[Any]:
        body = {
            "query": self.RANGE | {"steps": [{"event": name} for name in steps]} | query,
            "step": step,
            "dropped": dropped,
        }
        found, cursor = [], ""
        while cursor is not None:
            path = f"/v1/insights/funnel/persons?limit={limit}{cursor and '&cursor=' + cursor}"
            page = await self.world.post(path, body, expect=200)
            found += page["items"]
            cursor = page["next_cursor"]
        return found


@pytest_asyncio.fixture
async def funnels(world_with_store: World, store: EmbeddedStore) -> Funnels:
    """Return what tells events and asks for funnels, 40 days later."""
    world_with_store.api.clock.set(Funnels.NOON + timedelta(days=40))
    return Funnels(world_with_store, store)
