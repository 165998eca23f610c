"""A segment over a million people: filled, refreshed when nothing changed and when some did, beside one statement by hand.

By hand is what one would write for this definition alone: one question to the event store for everybody, and one statement that
writes who came and who left; no buckets, no events that tell of it, nobody merged or erased.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psutil

from bench.report import Line
from bench.world import Databases
from opsloop_common.clock import SystemClock
from opsloop_common.db import Database, app_role
from opsloop_common.testing.due import run_due
from opsloop_common.testing.http import Api, open_api, settings_for_tests
from opsloop_metrics.app import SERVICE
from opsloop_metrics.store.port import EventStore

WORKSPACE = "bench"
PEOPLE = 1_000_000
EVENTS = 5_000_000
DAYS, WITHIN = 90, 30
CHANGED = 20_000
LOOK_SECONDS = 0.02
_PART = 1_000_000
_ID = "toUUID(UUIDNumToString(MD5(toString({}))))"
PERSONS = (
    "INSERT INTO person (id, workspace, user_id, first_seen_at, is_identified, traits, set_at, version, created_at, updated_at) "
    "SELECT CAST(md5(CAST(n AS text)) AS uuid), $1, 'u' || n, now(), true, '{}', '{}', 1, now(), now() "
    "FROM generate_series(0, $2 - 1) AS n"
)
TRAITS = (
    "INSERT INTO opsloop.person (workspace, id, first_seen, traits, version, is_deleted) "
    f"SELECT '{WORKSPACE}', {_ID.format('number')}, now64(3), "
    f"concat('{{\"plan\":\"', ['free', 'pro'][number % 2 + 1], '\"}}'), 1, 0 FROM numbers({PEOPLE})"
)
FILL = (
    "INSERT INTO opsloop.event (workspace, id, message_id, kind, event, time, received_at, distinct_id, person, properties) "
    f"SELECT '{WORKSPACE}', generateUUIDv4(), concat('m', toString(number)), 'track', ['view', 'view', 'cart', 'buy'][rand(1) % 4 + 1], "
    # nothing happens around midnights, so counted from now: whoever asks a little later finds the same people
    f"now64(3) - toIntervalSecond(rand(2) % {DAYS} * 86400 + 1800 + rand(3) % 82800), now64(3), concat('u', toString(who)), "
    f"{_ID.format('who')}, concat('{{{{\"amount\":', toString(rand(4) % 1000), '}}}}') "
    f"FROM (SELECT number, if(number < {PEOPLE}, number, rand64(5) % {PEOPLE}) AS who FROM numbers({{start}}, {_PART}))"
)
CHANGE = (
    "INSERT INTO opsloop.event (workspace, id, message_id, kind, event, time, received_at, distinct_id, person, properties) "
    f"SELECT '{WORKSPACE}', generateUUIDv4(), concat('c', toString(number)), 'track', 'buy', now64(3), now64(3), "
    f"concat('u', toString(number)), {_ID.format('number')}, '{{}}' FROM numbers({CHANGED})"
)
DEFINITION = {
    "match": "all",
    "conditions": [
        {"type": "event", "event": "buy", "op": "ge", "count": 1, "within": f"P{WITHIN}D"},
        {"type": "trait", "trait": "plan", "op": "eq", "value": "pro"},
    ],
}
BY_HAND = (
    f"SELECT toString(person) FROM opsloop.event WHERE workspace = '{WORKSPACE}' AND event = 'buy' AND kind = 'track' "
    f"AND time > now64(3) - toIntervalDay({WITHIN}) AND is_bot = 0 AND is_test = 0 AND is_personless = 0 AND person IN "
    f"(SELECT id FROM opsloop.person WHERE workspace = '{WORKSPACE}' GROUP BY id "
    "HAVING JSONExtractString(argMax(traits, version), 'plan') = 'pro') GROUP BY person"
)
BARE = "CREATE TABLE bare_member (person_id uuid PRIMARY KEY, entered_at timestamptz NOT NULL DEFAULT now())"
ENTER = "INSERT INTO bare_member (person_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING"
LEAVE = "DELETE FROM bare_member WHERE person_id = ANY($1::uuid[])"


@dataclass(frozen=True)
class Took:
    """How long something took, and how much processor time and further memory of this process, the event store's included."""

    seconds: float
    cpu: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s ({self.cpu:.1f} s CPU without PostgreSQL's, at most {self.megabytes:.0f} MB more)"


async def measure(databases: Databases, folder: Path) -> list[Line]:
    """Fill the stores, then the segment, and refresh it: without a change, after some, each beside the same by hand."""
    url = await databases.create(SERVICE)
    postgres = await asyncpg.connect(url.replace("+asyncpg", "", 1))
    database = Database(url, service=SERVICE.name, clock=SystemClock(), role=app_role(SERVICE.name))
    settings = settings_for_tests(SERVICE.settings, events_path=folder / "events")
    try:
        async with open_api(SERVICE, database, settings) as api:
            store: EventStore = api.runtime.ports.store
            await _fill(store, postgres)
            lines = await _refreshes(api, store, postgres)
    finally:
        await database.close()
        await postgres.close()
    return lines


async def _fill(store: EventStore, postgres: asyncpg.Connection) -> None:
    await postgres.execute(PERSONS, WORKSPACE, PEOPLE)
    await postgres.execute(BARE)
    await postgres.execute("VACUUM (ANALYZE) person")
    await store.change(TRAITS)
    for start in range(0, EVENTS, _PART):
        await store.change(FILL.format(start=start))


async def _refreshes(api: Api, store: EventStore, postgres: asyncpg.Connection) -> list[Line]:
    headers, lines = await api.key(workspace=WORKSPACE), list[Line]()
    wanted = {"name": "pro buyers", "kind": "dynamic", "definition": DEFINITION}

    async def send(path: str, body: Any = None) -> Any:
        answer = await api.client.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def work() -> None:
        await run_due(api.db, SERVICE.due)

    async def compare(what: str) -> None:
        ours, by_hand = await _timed(work), await _timed(lambda: _by_hand(store, postgres))
        said = (await api.client.get(f"/v1/segments/{segment}", headers=headers)).json()
        found = await postgres.fetchval("SELECT count(*) FROM bare_member")
        assert (said["error"], said["size"]) == (None, found)
        name = f"{what}, {PEOPLE:,} people, {EVENTS:,} events, {found:,} members"
        ratio = ours.seconds / by_hand.seconds
        lines.append(Line("segments", name, str(ours), f"by hand {by_hand}", ratio))

    segment = (await send("/v1/segments", wanted))["id"]
    await compare("filled")
    await send(f"/v1/segments/{segment}/refresh")
    await compare("refreshed, nothing changed")
    await store.change(CHANGE)
    await send(f"/v1/segments/{segment}/refresh")
    await compare(f"refreshed, {CHANGED:,} people bought")
    return lines


async def _by_hand(store: EventStore, postgres: asyncpg.Connection) -> None:
    found = {UUID(who) for (who,) in (await store.query(BY_HAND, seconds=60)).rows}
    held = {each["person_id"] for each in await postgres.fetch("SELECT person_id FROM bare_member")}
    async with postgres.transaction():
        await postgres.execute(ENTER, list(found - held))
        await postgres.execute(LEAVE, list(held - found))


async def _timed(work: Callable[[], Awaitable[object]]) -> Took:
    with _memory() as most:
        began, cpu = time.perf_counter(), time.process_time()
        await work()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Took(seconds, cpu, max(most))


@contextmanager
def _memory() -> Iterator[list[float]]:
    """Note in a thread how many MB more than now this process has, until the end of the block."""
    process, ended = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    found = [0.0]

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            found.append((process.memory_info().rss - before) / 2**20)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        ended.set()
        looking.join()
