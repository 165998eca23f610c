"""Events a second through the door of capture, beside bare inserts of the same rows: into the same engine, and into PostgreSQL."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import psutil
from pydantic import JsonValue

from bench.load import Result, closed_loop
from bench.report import Line, median
from bench.world import Databases, all_in_one, started
from opsloop_metrics.capture.rules import COLUMNS, IS_PERSONLESS, PERSON, person_id
from opsloop_metrics.recording.service import Sender, entry_of
from opsloop_metrics.segment import rules as segment
from opsloop_metrics.store.embedded import EmbeddedStore
from opsloop_metrics.visits.rules import nowhere
from tests.harness import OPERATOR_KEY

GOAL_PER_SECOND = 5_000
GOAL_MS = 50.0
PEOPLE = 5_000
NAMES = ("view", "search", "add to cart", "Signed Up", "支付")
CREATE = (
    "CREATE TABLE bare_event (workspace text, id uuid, event text, kind text, time timestamptz, person uuid, distinct_id text, "
    "utm_source text, path text, properties jsonb, PRIMARY KEY (workspace, id)); "
    "CREATE INDEX ON bare_event (workspace, event, time) INCLUDE (person)"
)
INSERT = (
    "INSERT INTO bare_event SELECT 'default', * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::uuid[], "
    "$6::text[], $7::text[], $8::text[], $9::jsonb[]) ON CONFLICT DO NOTHING"
)


def message(chance: random.Random) -> dict[str, JsonValue]:
    """Return one message as an app's server sends it, about 300 bytes, of the last minute."""
    at = datetime.now(UTC) - timedelta(seconds=chance.randrange(60))
    return {
        "type": "track",
        "event": chance.choice(NAMES),
        "messageId": str(uuid4()),
        "userId": f"user-{chance.randrange(PEOPLE)}",
        "timestamp": at.isoformat(timespec="milliseconds"),
        "properties": {"plan": chance.choice(("free", "pro")), "amount": chance.randrange(10_000), "path": "/cart"},
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
    }


def bodies(size: int) -> list[bytes]:
    """Return some thousand bodies of `size` messages: no two messages have one id."""
    chance = random.Random(size)
    count = 200_000 // size if size > 1 else 30_000
    return [json.dumps({"batch": [message(chance) for _ in range(size)]}).encode() for _ in range(count)]


def cycled(made: list[bytes]) -> Callable[[int], bytes]:
    """Return the next body each time; when all were sent they begin anew, and are known."""
    following = itertools.cycle(made)
    return lambda _: next(following)


async def measure(databases: Databases, folder: Path, *, seconds: float, rounds: int) -> list[Line]:
    """Alternate the door and the bare inserts, round by round."""
    lines = []
    # as Basic, where Segment's clients have it, one address may ask 200 times a second
    signed = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    postgres = await asyncpg.connect((await databases.migrated("metrics", "bare")).replace("+asyncpg", "", 1))
    await postgres.execute(CREATE)
    bare = EmbeddedStore(folder / "bare-events")
    async with started(all_in_one(folder)) as deployment:
        url = f"{deployment.urls['metrics']}/v1/batch"
        for size, clients in ((100, 1), (100, 4), (100, 8), (1, 8), (1, 32)):
            sent = cycled(bodies(size))
            ours: list[Result] = []
            chdb: list[float] = []
            relational: list[float] = []
            for _ in range(rounds):
                ours.append(await closed_loop(url, sent, headers=signed, clients=clients, seconds=seconds))
                chdb.append(await _bare_blocks(bare, size * clients, seconds / 2))
                relational.append(await _bare_rows(postgres, size * clients, seconds / 2))
            assert sum(result.errors for result in ours) == 0, "the door answered errors"
            rate = median([result.rate * size for result in ours])
            p50, p99 = median([result.p50 for result in ours]), median([result.p99 for result in ours])
            is_goal = (size, clients) == (100, 4)
            lines.append(
                Line(
                    section="capture",
                    what=f"POST /v1/batch, {size} event{'s' if size > 1 else ''} a request, {clients} connections",
                    ours=f"{rate:,.0f} events/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms",
                    baseline=f"blocks of {size * clients}: chDB {median(chdb):,.0f}/s, PostgreSQL {median(relational):,.0f}/s",
                    ratio=rate / median(chdb),
                    goal=f"≥ {GOAL_PER_SECOND:,} events/s, p99 < {GOAL_MS:.0f} ms" if is_goal else "",
                    met=(rate >= GOAL_PER_SECOND and p99 < GOAL_MS) if is_goal else None,
                )
            )
        rss = psutil.Process(deployment.processes["opsloop"].pid).memory_info().rss
        lines.append(Line("capture", "memory of the process at the end", f"{rss / 2**20:,.0f} MiB", ""))
    await bare.close()
    await postgres.close()
    return lines


def _rows(count: int) -> list[tuple[object, ...]]:
    """Return rows as the writer writes them."""
    chance = random.Random(time.monotonic_ns())
    now = datetime.now(UTC)
    reading = segment.read({"batch": [dict(message(chance)) for _ in range(count)]}, now=now).at_once()
    sender = Sender("default", "bench", "key:bench", True)
    entries = [entry_of(each, sender, nowhere, now, None) for _, each in reading.messages]
    return [(*entry.row, str(person_id("default", entry.heard.message.distinct_id)), 0) for entry in entries]


async def _bare_blocks(store: EmbeddedStore, size: int, seconds: float) -> float:
    blocks = [_rows(size) for _ in range(min(200, max(2, int(20_000 / size))))]
    began, written = time.perf_counter(), 0
    for block in blocks:
        await store.insert("opsloop.event", (*COLUMNS, PERSON, IS_PERSONLESS), block)
        written += len(block)
        if time.perf_counter() - began > seconds:
            break
    return written / (time.perf_counter() - began)


async def _bare_rows(postgres: asyncpg.Connection, size: int, seconds: float) -> float:
    names = {name: place for place, name in enumerate((*COLUMNS, PERSON, IS_PERSONLESS))}
    blocks = [_rows(size) for _ in range(min(200, max(2, int(20_000 / size))))]
    wanted = ("id", "event", "kind", "time", PERSON, "distinct_id", "utm_source", "path", "properties")
    began, written = time.perf_counter(), 0
    for block in blocks:
        columns = [[row[names[name]] for row in block] for name in wanted]
        columns[0] = [UUID(str(id)) for id in columns[0]]
        columns[3] = [datetime.fromisoformat(str(at)).replace(tzinfo=UTC) for at in columns[3]]
        columns[4] = [UUID(str(id)) for id in columns[4]]
        await postgres.execute(INSERT, *columns)
        written += len(block)
        if time.perf_counter() - began > seconds:
            break
    return written / (time.perf_counter() - began)
